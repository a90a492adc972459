"""From an expression to Debian's Alertmanager over real HTTP: the alert shows up, and later it is resolved."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from narthex.clock import SystemClock
from narthex.config.alerting import AlertingConfig
from narthex.config.strict import load
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.notifier import Notifier
from narthex.rules import Manager, Sample
from narthex.rules.alerting import External
from narthex.rules.loader import load_rule_file
from support.memory_storage import MemoryStorage

ALERTMANAGER, AMTOOL = shutil.which("prometheus-alertmanager"), shutil.which("amtool")
RULES = """
groups:
- name: g
  interval: 100ms
  rules:
  - alert: Down
    expr: up == 0
    for: 200ms
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is {{ $value }}"}
"""
pytestmark = pytest.mark.skipif(ALERTMANAGER is None or AMTOOL is None, reason="Alertmanager is not installed")


@contextmanager
def alertmanager(folder: Path) -> Iterator[int]:
    """Debian's Alertmanager on a free port, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "am.yml").write_text("route: {receiver: none, group_wait: 1h}\nreceivers: [{name: none}]\n")
    assert ALERTMANAGER is not None
    command = [
        *(ALERTMANAGER, f"--config.file={folder}/am.yml", f"--storage.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def ready(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(f"http://127.0.0.1:{port}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError("Alertmanager did not start")


async def amtool(port: int, *arguments: str) -> list[dict[str, Any]]:
    assert AMTOOL is not None
    command = (AMTOOL, f"--alertmanager.url=http://127.0.0.1:{port}", "-o", "json", "alert", "query", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    found: list[dict[str, Any]] = json.loads(out)
    return found


async def until(port: int, count: int) -> list[dict[str, Any]]:
    for _ in range(100):
        found = await amtool(port)
        if len(found) == count:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {count} alerts: {found}")


async def test_alerts_show_up_at_alertmanager_and_end_there(tmp_path: Path) -> None:
    vector = [Sample({"__name__": "up", "instance": "a:1"}, 0.0), Sample({"__name__": "up", "instance": "b:1"}, 0.0)]
    notifier = Notifier(clock=SystemClock(), registry=Registry())
    storage = MemoryStorage()
    manager = Manager(
        evaluate=lambda _expr, _time: list(vector),
        storage=storage,
        queryable=storage,
        send=notifier.send,
        clock=SystemClock(),
        registry=Registry(),
    )
    with alertmanager(tmp_path) as port:
        await ready(port)
        await notifier.apply(load(AlertingConfig, "alertmanagers: [{}]", "a.yml"), {"dc": "x"})
        notifier.targets({"config-0": [TargetGroup("s", ({"__address__": f"127.0.0.1:{port}"},))]})
        await manager.update(load_rule_file("r.yml", RULES, interval_ms=60_000), External({}, "http://prom:9090"))
        await manager.start()
        found = await until(port, 2)
        first = min(found, key=lambda a: a["labels"]["instance"])
        assert first["labels"] == {"alertname": "Down", "dc": "x", "instance": "a:1", "severity": "page"}
        assert first["annotations"] == {"summary": "a:1 is 0"}
        assert first["generatorURL"] == "http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
        del vector[0]
        (left,) = await until(port, 1)
        assert left["labels"]["instance"] == "b:1"
        await manager.stop()
        await notifier.stop()
