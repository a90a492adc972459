"""Targets that misbehave beside healthy ones, over real sockets: each shows the error a user needs, the rest go on."""

from __future__ import annotations

import resource
import socket

from narthex.clock import SystemClock
from narthex.config.scrape import GlobalConfig
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.scrape import Manager
from support.memory_storage import MemoryStorage
from support.misbehaving import Misbehaving
from support.scrape import job
from support.waiting import until

EXPECTED = {
    "healthy": "",
    "gzip": "",
    "chunked": "",
    "html": 'received unsupported Content-Type "text/html; charset=utf-8" and no fallback_scrape_protocol',
    "plain_html": 'line 1: expected a metric name, got "<html>',
    "silent": 'Get "http://{address}/silent": context deadline exceeded',
    "drip": 'Get "http://{address}/drip": context deadline exceeded',
    "huge": "body size limit exceeded",
    "bomb": "body size limit exceeded",
    "not_gzip": 'Get "http://{address}/not_gzip": the body ended early or could not be decompressed',
    "latin1": "line 2: invalid UTF-8 in label value",
    "short": 'Get "http://{address}/short": the body ended early or could not be decompressed',
    "loop": 'Get "http://{address}/loop": stopped after 10 redirects',
    "broken": "server returned HTTP status 500 Internal Server Error",
    "nonsense": 'Get "http://{address}/nonsense": malformed HTTP response',
    "headers": 'Get "http://{address}/headers": malformed HTTP response',
}


async def test_each_bad_target_shows_its_own_error_and_the_healthy_ones_are_stored() -> None:
    storage, registry = MemoryStorage(), Registry()
    manager = Manager(storage, SystemClock(), registry)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"127.0.0.1:{unused.getsockname()[1]}"
        async with Misbehaving() as server:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            config = job(scrape_interval=1000, scrape_timeout=700, body_size_limit=1_000_000)
            targets = [{"__address__": server.address, "__metrics_path__": f"/{p}", "path": p} for p in EXPECTED]
            targets.append({"__address__": refused, "path": "refused"})
            await manager.apply_config(GlobalConfig(), [config])
            await manager.update({"test": [TargetGroup("s", tuple(targets))]})
            await until("a scrape of each", lambda: all(t.last_scrape is not None for t in manager.active()))
            await until("three scrapes", lambda: server.requests["healthy"] >= 3)
            errors = {t.labels["path"]: t.last_error for t in manager.active()}
            states = {t.labels["path"]: t.health for t in manager.active()}
            await manager.stop()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    expected = {path: text.format(address=server.address) for path, text in EXPECTED.items()}
    expected["refused"] = f'Get "http://{refused}/metrics": dial {refused}: connection refused'
    assert errors.keys() == expected.keys()
    for path, text in expected.items():
        assert (errors[path] == "") if text == "" else errors[path].startswith(text), (path, errors[path])
        assert states[path] == ("down" if text else "up")
    assert grown < 60_000, "kilobytes of memory for bodies that were to be cut off"
    assert server.sent["huge"] < 30_000_000
    metrics = registry.expose().decode()
    assert "prometheus_target_scrapes_exceeded_body_size_limit_total 0" not in metrics
    for path in ("healthy", "gzip", "chunked"):
        labels = {"instance": server.address, "job": "test", "path": path}
        assert storage.of(name="healthy_total", **labels)[0][1] == 1.0
        assert storage.of(name="up", **labels)[0][1] == 1.0
    assert storage.of(name="up", instance=server.address, job="test", path="huge")[0][1] == 0.0


async def test_a_connection_is_kept_from_scrape_to_scrape_and_the_request_tells_what_prometheus_tells() -> None:
    manager = Manager(MemoryStorage(), SystemClock(), Registry())
    async with Misbehaving() as server:
        target = {"__address__": server.address, "__metrics_path__": "/healthy", "__param_x": "a b"}
        config = job(scrape_interval=200, scrape_timeout=150, params={"y": ["1"]})
        await manager.update({"test": [TargetGroup("s", (target,))]})
        await manager.apply_config(GlobalConfig(), [config])
        await until("four scrapes", lambda: sum(server.requests.values()) >= 4)
        await manager.stop()
    assert len(server.connections["healthy"]) == 1
    head = server.headers["healthy"]
    assert head.startswith("GET /healthy?x=a+b&y=1 HTTP/1.1\r\n")
    assert "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," in head
    assert "Accept-Encoding: gzip, zstd\r\n" in head
    assert "X-Prometheus-Scrape-Timeout-Seconds: 0.15\r\n" in head
