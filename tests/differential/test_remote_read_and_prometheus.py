"""Debian's Prometheus reads what we store over remote read and computes with it what we compute."""

from __future__ import annotations

import math
import urllib.request
from pathlib import Path
from typing import Any

from narthex.native import snappy_compress
from support.api_server import narthex_server
from support.prometheus import Prometheus
from support.write_requests import Series, version1

T = 1_700_000_000_000
STEP = 15_000
COUNT = 1000
QUERIES = (
    "metric", "rate(metric[5m])", 'sum by (zone) (metric{zone=~"z[12]"})', 'metric{zone!="z1"} offset 10m',
    "max_over_time(metric[1h])", 'count(metric{replica="r1"})', 'metric{zone="none"}',
)  # fmt: skip


def matrix(server: Any, query: str) -> dict[str, list[Any]]:
    answer = server.api("query_range", query=query, start=T / 1000, end=(T + COUNT * STEP) / 1000, step=61)
    found = {}
    for row in answer["result"]:
        labels = {name: value for name, value in row["metric"].items() if name != "replica"}
        found[str(sorted(labels.items()))] = row["values"]
    return found


def test_prometheus_computes_the_same_from_what_it_reads(tmp_path: Path) -> None:
    config = tmp_path / "ours.yml"
    config.write_text("global: {scrape_interval: 1h, external_labels: {replica: r1}}\n")
    with narthex_server(config, tmp_path / "ours", "--web.enable-remote-write-receiver") as ours:
        ours.wait_ready()
        series = [
            Series(
                {"__name__": "metric", "zone": f"z{k % 3}", "i": str(k)},
                [(T + n * STEP + k + 1, math.floor(n * (k + 1) / 3)) for n in range(COUNT)],
            )
            for k in range(20)
        ]
        request = urllib.request.Request(
            f"http://127.0.0.1:{ours.port}/api/v1/write",
            snappy_compress(version1(series)),
            {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
        )
        urllib.request.urlopen(request, timeout=30).close()
        read = f"remote_read: [{{url: 'http://127.0.0.1:{ours.port}/api/v1/read', read_recent: true}}]\n"
        with Prometheus(tmp_path / "peer", config=read) as peer:
            for query in QUERIES:
                wanted = matrix(ours, query.replace('replica="r1"', 'zone!=""'))
                assert matrix(peer, query) == wanted, query
                assert wanted or "none" in query
            (one,) = peer.query("metric{i='7'}", time=(T + 100 * STEP) / 1000)
            assert one["metric"] == {"__name__": "metric", "i": "7", "replica": "r1", "zone": "z1"}
