"""Queries over local storage and Debian's Prometheus as a remote read server: one result out of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.api_server import ApiServer, narthex_server
from support.process import needs
from support.prometheus import Prometheus
from support.waiting import wait_until
from support.write_endpoint import Received, WriteEndpoint

pytestmark = needs("prometheus")
Start = Callable[..., ApiServer]
CONFIG = """
global: {{scrape_interval: 1h, external_labels: {{cluster: here}}}}
remote_read:
  - url: http://127.0.0.1:{port}/api/v1/read
    read_recent: {recent}
    filter_external_labels: {external}
    required_matchers: {{job: it}}
"""


@pytest.fixture
def peer(tmp_path: Path) -> Prometheus:
    directory = tmp_path / "peer"
    directory.mkdir()
    return Prometheus(directory / "data")


def write(peer: Prometheus, now: int) -> dict[int, list[tuple[int, float]]]:
    """50 series with 40 samples each up to `now` (milliseconds), those of a sender with external labels."""
    rows = {k: [(now - (40 - i) * 15_000, float(i * k)) for i in range(40)] for k in range(50)}
    peer.write(
        ({"__name__": "far", "cluster": "here", "job": "it", "k": str(k)}, samples) for k, samples in rows.items()
    )
    return rows


def raw(server: ApiServer, selector: str, now: int) -> dict[int, list[tuple[int, float]]]:
    result = server.query(f"{selector}[1h]", time=now / 1000)
    assert all("cluster" not in row["metric"] for row in result)
    return {int(row["metric"]["k"]): [(round(t * 1000), float(v)) for t, v in row["values"]] for row in result}


@pytest.mark.parametrize("external", ["true", "false"])
def test_what_the_endpoint_has_is_found_without_its_external_labels(
    tmp_path: Path, start: Start, peer: Prometheus, external: str
) -> None:
    try:
        now = int(time.time()) * 1000
        rows = write(peer, now)
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=peer.port, recent="true", external=external))
        server = start().ready()
        if external == "true":
            assert raw(server, 'far{job="it"}', now) == rows
            assert raw(server, 'far{job="it",k=~"1.",k!="13"}', now).keys() == {10, 11, 12, 14, 15, 16, 17, 18, 19}
        else:
            found = server.query('count(far{job="it",cluster="here"})', time=now / 1000)
            assert found[0]["value"][1] == "50"
        assert server.query("far", time=now / 1000) == []  # a matcher that the endpoint requires is missing
        assert len(server.api("series", **{"match[]": 'far{job="it"}'})) == 50
        metrics = server.request("/metrics")[1].decode()
        assert 'response_type="chunked",code="200"' in metrics
    finally:
        peer.kill()


def test_recent_data_is_read_from_local_storage_alone(tmp_path: Path, start: Start, peer: Prometheus) -> None:
    try:
        now = int(time.time()) * 1000
        write(peer, now)
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=peer.port, recent="false", external="true"))
        server = start().ready()
        late = now + 5 * 3_600_000  # local storage counts as whole from two blocks behind its start on
        assert server.query('far{job="it"}[1m]', time=late / 1000) == []
        assert "prometheus_remote_read_client_queries_total{" not in server.request("/metrics")[1].decode()
    finally:
        peer.kill()


def test_an_endpoint_that_is_away_is_a_warning(tmp_path: Path, start: Start, peer: Prometheus) -> None:
    now = int(time.time()) * 1000
    (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=peer.port, recent="true", external="true"))
    server = start().ready()
    peer.kill()
    answer = wait_until("an answer", lambda: server.request("/api/v1/query", query='far{job="it"}', time=now / 1000))
    assert answer[0] == 200 and b"remote_read" in answer[1] and b"connection refused" in answer[1]


def test_a_slow_endpoint_holds_up_nobody_else(tmp_path: Path, start: Start) -> None:
    def slow(_: Received) -> int:
        time.sleep(1.0)
        return 500

    endpoint = WriteEndpoint(slow)
    try:
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=endpoint.port, recent="true", external="true"))
        server = start().ready()
        server.query("vector(1)")
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):  # whether they were quick lately or not
                asked = [pool.submit(server.request, "/api/v1/query", query='far{job="it"}') for _ in range(2)]
                asked += [
                    pool.submit(server.request, "/api/v1/series", **{"match[]": 'far{job="it"}'}) for _ in range(2)
                ]
                longest = 0.0
                while not all(future.done() for future in asked):
                    begun = time.monotonic()
                    assert server.value('count(up{job="none"}) or vector(1)') == 1
                    assert server.request("/-/healthy")[0] == 200
                    assert server.request("/api/v1/labels")[0] == 200
                    longest = max(longest, time.monotonic() - begun)
                assert longest < 0.7
                assert all(b"returned http status 500" in future.result()[1] for future in asked)
    finally:
        endpoint.close()


def test_what_an_endpoint_reads_elsewhere_is_read_through_it(tmp_path: Path, start: Start, peer: Prometheus) -> None:
    try:
        now = int(time.time()) * 1000
        rows = write(peer, now)
        between = tmp_path / "between.yml"
        between.write_text(CONFIG.format(port=peer.port, recent="true", external="true"))
        with narthex_server(between, tmp_path / "between") as middle:
            middle.wait_ready()
            (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=middle.port, recent="true", external="true"))
            assert raw(start().ready(), 'far{job="it"}', now) == rows
    finally:
        peer.kill()
