"""Alerts on their way to Alertmanagers that are servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from narthex.clock import SystemClock
from narthex.config.alerting import AlertingConfig
from narthex.config.strict import load
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.model.target_group import TargetGroup
from narthex.notifier import Alert, Notifier, NotifierOptions


class Alertmanager:
    """Takes what is posted; `status` is its answer, `gate` holds it back."""

    def __init__(self) -> None:
        self.bodies: list[list[dict[str, Any]]] = []
        self.paths: list[str] = []
        self.types: list[str] = []
        self.authorizations: list[str] = []
        self.status = 200
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.answered: asyncio.Queue[int] = asyncio.Queue()
        self.port = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.set()
        await self.gate.wait()
        self.bodies.append(orjson.loads(await request.read()))
        self.paths.append(request.path)
        self.types.append(request.headers["Content-Type"])
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.answered.put_nowait(self.status)
        return web.Response(status=self.status, text="no room" if self.status >= 300 else "")

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [alert for body in self.bodies for alert in body]

    def names(self) -> list[str]:
        return [alert["labels"]["alertname"] for alert in self.alerts]


@asynccontextmanager
async def alertmanager() -> AsyncIterator[Alertmanager]:
    server = Alertmanager()
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        server.gate.set()
        await runner.cleanup()


def alert(name: str = "A", **labels: str) -> Alert:
    return Alert(
        Labels({"alertname": name, **labels}), {"summary": "s"}, 1_700_000_000.5, 1_700_000_240.0, "http://p/g"
    )


def config(text: str) -> AlertingConfig:
    return load(AlertingConfig, text, "alerting.yml")


def group(*ports: int) -> TargetGroup:
    return TargetGroup("t", tuple({"__address__": f"127.0.0.1:{port}"} for port in ports))


class World:
    def __init__(self, **options: Any) -> None:
        self.registry = Registry()
        self.notifier = Notifier(clock=SystemClock(), registry=self.registry, options=NotifierOptions(**options))

    async def to(self, text: str, *ports: int, external: dict[str, str] | None = None) -> None:
        await self.notifier.apply(config(text), external or {})
        self.notifier.targets({"config-0": [group(*ports)]})

    def total(self, name: str) -> float:
        lines = self.registry.expose().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


async def test_an_alert_arrives_as_api_v2_wants_it() -> None:
    world = World()
    async with alertmanager() as server:
        await world.to("alertmanagers: [{path_prefix: /am/, static_configs: []}]", server.port, external={"dc": "x"})
        world.notifier.send([alert(dc="own", job="j"), alert("B")])
        await world.notifier.stop()
    assert server.paths == ["/am/api/v2/alerts"]
    assert server.types == ["application/json"]
    assert server.alerts[0] == {
        "labels": {"alertname": "A", "dc": "own", "job": "j"},
        "annotations": {"summary": "s"},
        "startsAt": "2023-11-14T22:13:20.5Z",
        "endsAt": "2023-11-14T22:17:20Z",
        "generatorURL": "http://p/g",
    }
    assert server.alerts[1]["labels"] == {"alertname": "B", "dc": "x"}
    assert world.total("prometheus_notifications_sent_total") == 2


async def test_relabelling_for_all_and_for_one() -> None:
    world = World()
    text = """
    alert_relabel_configs:
    - {source_labels: [alertname], regex: Hidden, action: drop}
    - {regex: replica, action: labeldrop}
    alertmanagers:
    - alert_relabel_configs: [{source_labels: [alertname], regex: B, action: keep}]
    - scheme: http
    """
    async with alertmanager() as one, alertmanager() as other:
        await world.notifier.apply(config(text), {"replica": "r1"})
        world.notifier.targets({"config-0": [group(one.port)], "config-1": [group(other.port)]})
        world.notifier.send([alert("A"), alert("B"), alert("Hidden")])
        await world.notifier.stop()
    assert one.names() == ["B"]
    assert other.names() == ["A", "B"]
    assert all("replica" not in a["labels"] for a in other.alerts)


async def test_batches_keep_the_order() -> None:
    world = World(batch_size=256)
    async with alertmanager() as server:
        await world.to("alertmanagers: [{}]", server.port)
        world.notifier.send([alert(f"A{i}") for i in range(600)])
        await world.notifier.stop()
    assert [len(body) for body in server.bodies] == [256, 256, 88]
    assert server.names() == [f"A{i}" for i in range(600)]


async def test_a_full_queue_drops_the_oldest() -> None:
    world = World(queue_capacity=10, batch_size=4)
    async with alertmanager() as server:
        server.gate.clear()
        await world.to("alertmanagers: [{}]", server.port)
        world.notifier.send([alert("first")])
        await server.asked.wait()
        world.notifier.send([alert(f"A{i}") for i in range(25)])
        assert world.total("prometheus_notifications_queue_length") == 10
        server.gate.set()
        await world.notifier.stop()
    assert server.names() == ["first", *(f"A{i}" for i in range(15, 25))]
    assert world.total("prometheus_notifications_dropped_total") == 15


async def test_a_slow_alertmanager_does_not_hold_up_the_other() -> None:
    world = World()
    async with alertmanager() as slow, alertmanager() as fast:
        slow.gate.clear()
        await world.to("alertmanagers: [{}]", slow.port, fast.port)
        world.notifier.send([alert("A")])
        await asyncio.wait_for(fast.asked.wait(), 5)
        slow.gate.set()
        await world.notifier.stop()
    assert fast.names() == slow.names() == ["A"]


async def test_a_refusal_is_logged_counted_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    world = World(batch_size=1)
    async with alertmanager() as server:
        server.status = 503
        await world.to("alertmanagers: [{}]", server.port)
        world.notifier.send([alert("A"), alert("B")])
        for _ in range(2):
            await server.answered.get()
        await world.notifier.stop()
    assert server.names() == ["A", "B"]
    assert "bad response status 503 Service Unavailable: no room" in caplog.text
    assert world.total("prometheus_notifications_errors_total") == 2
    assert world.total("prometheus_notifications_dropped_total") == 2


async def test_nobody_listening_is_an_error_and_ends_draining_at_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World(batch_size=1)
    async with alertmanager() as server:
        port = server.port
    await world.to("alertmanagers: [{}]", port)
    world.notifier.send([alert(f"A{i}") for i in range(500)])
    await asyncio.wait_for(world.notifier.stop(), 5)
    assert "could not be sent" in caplog.text


async def test_without_draining_the_queue_is_dropped_at_the_end() -> None:
    world = World(drain=False)
    async with alertmanager() as server:
        await world.to("alertmanagers: [{}]", server.port)
        world.notifier.send([alert("A")])
        await world.notifier.stop()
    assert server.bodies == []


async def test_targets_come_and_go_and_relabelling_decides() -> None:
    world = World()
    text = """
    alertmanagers:
    - scheme: https
      relabel_configs:
      - {source_labels: [__address__], regex: 'gone.*', action: drop}
      - {source_labels: [path], target_label: __alerts_path__, regex: (.+)}
    """
    await world.notifier.apply(config(text), {})
    targets = [{"__address__": "a"}, {"__address__": "[::1]:9093", "path": "/x"}, {"__address__": "gone:1"}]
    world.notifier.targets({"config-0": [TargetGroup("s", tuple(targets)), TargetGroup("t", ({"__address__": "a"},))]})
    assert world.notifier.active() == ["https://a:443/api/v2/alerts", "https://[::1]:9093/x"]
    assert world.notifier.dropped() == ["https://gone:1/api/v2/alerts"]
    assert world.total("prometheus_notifications_alertmanagers_discovered") == 2
    world.notifier.targets({"config-0": []})
    assert world.notifier.active() == []
    await world.notifier.stop()
    assert 'alertmanager="' not in world.registry.expose().decode()


async def test_unchanged_sets_keep_their_queues_over_a_reload() -> None:
    world = World()
    text = "alertmanagers: [{}]"
    async with alertmanager() as server:
        await world.to(text, server.port)
        before = world.notifier._sets["config-0"]
        await world.notifier.apply(config(text), {"new": "label"})
        assert world.notifier._sets["config-0"] is before
        await world.notifier.apply(config("alertmanagers: [{timeout: 1s}]"), {})
        assert world.notifier.active() == []
        await world.notifier.stop()


async def test_an_invalid_address_is_told_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.notifier.apply(config("alertmanagers: [{relabel_configs: [{action: labeldrop, regex: x}]}]"), {})
    world.notifier.targets({"config-0": [TargetGroup("s", ({"__address__": "http://a:1"}, {"__address__": "b:1"}))]})
    assert world.notifier.active() == ["http://b:1/api/v2/alerts"]
    assert '"http://a:1" is not a valid hostname' in caplog.text
    await world.notifier.stop()


async def test_alerts_are_signed_with_the_keys_of_the_sigv4_section() -> None:
    world = World()
    async with alertmanager() as server:
        section = "sigv4: {region: r, access_key: A, secret_key: s}"
        await world.to(f"alertmanagers: [{{{section}, static_configs: []}}]", server.port)
        world.notifier.send([alert()])
        await world.notifier.stop()
    assert server.names() == ["A"]
    assert server.authorizations[0].startswith("AWS4-HMAC-SHA256 Credential=A/")
