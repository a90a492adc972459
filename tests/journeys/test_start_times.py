"""A counter of the real client library whose start the server learns: a zero there, or kept with the samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import prometheus_client
import pytest

from support.api_server import ApiServer, narthex_server
from support.waiting import wait_until


@dataclass
class App:
    """Counted one request, at a known time, before anybody asked it."""

    port: int
    began: float


@pytest.fixture
def app() -> Iterator[App]:
    registry = prometheus_client.CollectorRegistry()
    began = time.time()
    prometheus_client.Counter("requests", "Requests.", registry=registry).inc(7)
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    time.sleep(max(0.0, began + 1 - time.time()))  # the scrape comes later than the counter
    yield App(server.server_port, began)
    server.shutdown()
    server.server_close()
    thread.join()


def started(folder: Path, app: App, *flags: str) -> ApiServer:
    config = folder / "prometheus.yml"
    jobs = f"scrape_configs: [{{job_name: app, static_configs: [{{targets: ['127.0.0.1:{app.port}']}}]}}]"
    config.write_text(
        f"global: {{scrape_interval: 1s}}\nstorage: {{tsdb: {{chunk_encoding: {{floats: xor2}}}}}}\n{jobs}\n"
    )
    return narthex_server(config, folder / "data", *flags)


def samples(server: ApiServer) -> list[tuple[float, float]]:
    result = server.query("requests_total[1h]")
    return [(t, float(v)) for t, v in result[0]["values"]] if result else []


def test_a_counter_that_was_never_seen_at_zero_has_its_increase(tmp_path: Path, app: App) -> None:
    with started(tmp_path, app, "--enable-feature=created-timestamp-zero-ingestion") as server:
        server.wait_ready()
        (first, zero), (_, seven), *_ = wait_until("scrapes", lambda: len(s := samples(server)) > 2 and s)
        assert (zero, seven) == (0, 7)
        assert abs(first - app.began) < 0.5
        assert server.value("increase(requests_total[1h]) > bool 6.9") == 1
        assert server.query("requests_created") == []
        features = server.api("features")["scrape"]
        assert features["start_timestamp_zero_ingestion"] is True


def test_a_start_is_kept_with_the_samples_and_queries_look_at_it(tmp_path: Path, app: App) -> None:
    flags = "--enable-feature=st-storage,use-start-timestamps,promql-experimental-functions,type-and-unit-labels"
    with started(tmp_path, app, flags) as server:
        server.wait_ready()
        wait_until("scrapes", lambda: len(samples(server)) > 1)
        start = server.value("start_timestamp(requests_total)")
        assert start is not None and abs(start - app.began) < 0.5
        assert {v for _, v in samples(server)} == {7}
        assert server.value("increase(requests_total[1h]) > bool 6.9") == 1
        assert server.query('requests_total{__type__="counter"}')
        printed = server.api("status/config")["yaml"]
        assert "PrometheusProto" in printed
