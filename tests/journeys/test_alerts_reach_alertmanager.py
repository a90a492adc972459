"""From an expression to Debian's Alertmanager over real HTTP: the alert shows up, and later it is resolved."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from narthex.clock import SystemClock
from narthex.config.alerting import AlertingConfig
from narthex.config.strict import load
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.notifier import Notifier
from narthex.rules import Manager, Sample
from narthex.rules.alerting import External
from narthex.rules.loader import load_rule_file
from support.api_server import ApiServer
from support.memory_storage import MemoryStorage
from support.process import free_port, needs
from support.waiting import wait_until

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
pytestmark = needs("prometheus-alertmanager", "amtool")


@contextmanager
def alertmanager(folder: Path) -> Iterator[int]:
    """Debian's Alertmanager on a free port, until the end of the block."""
    port = free_port()
    (folder / "am.yml").write_text("route: {receiver: none, group_wait: 1h}\nreceivers: [{name: none}]\n")
    command = [
        *("prometheus-alertmanager", f"--config.file={folder}/am.yml", f"--storage.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    ]
    with ApiServer(command, port, folder / "log") as server:
        server.wait_ready()
        yield port


def amtool(port: int) -> list[dict[str, Any]]:
    command = ("amtool", f"--alertmanager.url=http://127.0.0.1:{port}", "-o", "json", "alert", "query")
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


async def shown(port: int, count: int) -> list[dict[str, Any]]:
    """The alerts once there are so many."""

    def check() -> list[dict[str, Any]]:
        found = amtool(port)
        return found if len(found) == count else []

    return await asyncio.to_thread(wait_until, f"{count} alerts", check)


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
        await notifier.apply(load(AlertingConfig, "alertmanagers: [{}]", "a.yml"), {"dc": "x"})
        notifier.targets({"config-0": [TargetGroup("s", ({"__address__": f"127.0.0.1:{port}"},))]})
        await manager.update(load_rule_file("r.yml", RULES, interval_ms=60_000), External({}, "http://prom:9090"))
        await manager.start()
        found = await shown(port, 2)
        first = min(found, key=lambda a: a["labels"]["instance"])
        assert first["labels"] == {"alertname": "Down", "dc": "x", "instance": "a:1", "severity": "page"}
        assert first["annotations"] == {"summary": "a:1 is 0"}
        assert first["generatorURL"] == "http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
        del vector[0]
        (left,) = await shown(port, 1)
        assert left["labels"]["instance"] == "b:1"
        await manager.stop()
        await notifier.stop()
