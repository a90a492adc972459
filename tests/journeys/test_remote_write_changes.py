"""Reloads and resharding while samples flow: endpoints get every sample once and each series in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from reference.remote_write import Labels, samples_v1
from support.api_server import ApiServer
from support.exporter import Exporter
from support.prometheus import label_text
from support.remote_write import in_log
from support.waiting import wait_until
from support.write_endpoint import Received, WriteEndpoint

Start = Callable[..., ApiServer]
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs: [{{job_name: it, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]
remote_write:
  - {{name: kept, url: "http://127.0.0.1:{kept}/write", metadata_config: {{send: false}}, queue_config: {queue}}}
"""
OTHER = """  - name: other
    url: "http://127.0.0.1:{port}/write"
    headers: {{X-Round: "{round}"}}
    metadata_config: {{send: false}}
"""
QUICK = "{batch_send_deadline: 50ms}"
NARROW = "{batch_send_deadline: 50ms, max_samples_per_send: 50, max_shards: 8, capacity: 500}"


def received(endpoint: WriteEndpoint) -> dict[str, list[tuple[int, float]]]:
    """Stale markers aside, in the order of their arrival."""
    out: dict[Labels, list[tuple[int, float]]] = {}
    for request in list(endpoint.taken):
        for labels, t, value in samples_v1(request.body):
            if value == value:
                out.setdefault(labels, []).append((t, value))
    return {label_text(dict(labels)): rows for labels, rows in out.items()}


def ends_equal(server: ApiServer, endpoint: WriteEndpoint, data: Path) -> None:
    """The log's samples have arrived: each once, in order."""
    assert server.stop() == 0
    logged = in_log(data)
    assert sum("made" in labels for labels in logged) == 100
    assert received(endpoint) == logged


def test_a_reload_leaves_an_endpoint_that_it_does_not_change_alone(
    tmp_path: Path, start: Start, target: Exporter
) -> None:
    kept, other = WriteEndpoint(), WriteEndpoint()
    config = tmp_path / "prometheus.yml"
    base = CONFIG.format(target=target.port, kept=kept.port, queue=QUICK)
    try:
        config.write_text(base)
        server = start("--web.enable-lifecycle").ready()
        for round_ in range(5):
            wanted = target.scrapes + 4
            wait_until("scrapes", lambda wanted=wanted: target.scrapes >= wanted)
            config.write_text(base + ("" if round_ == 3 else OTHER.format(port=other.port, round=round_)))
            assert server.request("/-/reload", "POST")[0] == 200
        wait_until("the last round", lambda: any(r.headers.get("x-round") == "4" for r in other.taken))
        ends_equal(server, kept, tmp_path / "data")
        for rows in received(other).values():
            assert [t for t, _ in rows] == sorted({t for t, _ in rows})
        log = next(tmp_path.glob("*.log")).read_text()
        assert log.count("Remote write started") == 1 + 4 and log.count("remote_name=kept") == 1
    finally:
        kept.close()
        other.close()


def test_resharding_under_load_loses_nothing_and_keeps_the_order(
    tmp_path: Path, start: Start, target: Exporter
) -> None:
    begun, lock = time.monotonic(), threading.Lock()

    def slow_at_first(_: Received) -> int:
        with lock:
            slow = time.monotonic() < begun + 14
        time.sleep(0.15 if slow else 0.0)
        return 204

    endpoint = WriteEndpoint(slow_at_first)
    try:
        text = CONFIG.format(target=target.port, kept=endpoint.port, queue=NARROW)
        (tmp_path / "prometheus.yml").write_text(text)
        server = start().ready()
        shards: list[int] = []

        def seen() -> bool:
            lines = server.request("/metrics")[1].decode().splitlines()
            (line,) = (line for line in lines if line.startswith("prometheus_remote_storage_shards{"))
            now = int(float(line.split()[-1]))
            if not shards or shards[-1] != now:
                shards.append(now)
            return len(shards) > 2 and max(shards) > shards[-1]

        wait_until("more shards, then fewer", seen, 90.0)
        assert shards[0] == 1 < shards[1]
        ends_equal(server, endpoint, tmp_path / "data")
    finally:
        endpoint.close()
