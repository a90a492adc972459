"""narthex server and Debian's Prometheus scrape the same targets and answer the same queries.

Both scrape on their own clocks, up to one interval apart. So counts, label sets and constants must be equal, and what
moves (counters of CPU, memory) must agree within the tolerance that stands beside the query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from support.api_server import ApiServer, narthex_server, prometheus_server
from support.process import Process, free_port, needs
from support.waiting import wait_until

_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['127.0.0.1:{node}']}}]
- job_name: prometheus
  static_configs: [{{targets: ['127.0.0.1:{peer}']}}]
  metric_relabel_configs:
  - {{source_labels: [__name__], regex: 'prometheus_http_.*|go_.*', action: drop}}
"""
pytestmark = needs("prometheus", "prometheus-node-exporter")

# Expressions and how far apart values may be, relative to the larger one; 0 means equal.
_QUERIES: list[tuple[str, float]] = [
    ("up", 0),
    ("count(up)", 0),
    ("count by (job) ({__name__=~'node_.*'}) > bool 0", 0),
    ("node_uname_info", 0),
    ("node_memory_MemTotal_bytes", 0),
    ("count(node_cpu_seconds_total)", 0),
    ("count by (mode) (node_cpu_seconds_total)", 0),
    ("sum by (mode) (node_cpu_seconds_total)", 0.05),
    ("node_boot_time_seconds", 0),
    ("node_filesystem_size_bytes", 0),
    ("topk(1, node_filesystem_size_bytes)", 0),
    ("quantile(0.5, node_filesystem_size_bytes)", 0),
    ("node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", 0.2),
    ("sum(rate(node_cpu_seconds_total[10s])) > bool 0", 0),
    ("avg_over_time(up[5s])", 0),
    ("label_replace(up, 'host', '$1', 'instance', '(.*):.*')", 0),
    ("count(scrape_samples_scraped)", 0),
    ("scrape_samples_scraped{job='node'}", 0),
    ("prometheus_build_info", 0),
    ("absent(nonexistent{a='b'})", 0),
    ("max by (job) (scrape_duration_seconds) < bool 1", 0),
    ("vector(1) + on () group_left () sum(up)", 0),
    ("histogram_quantile(0.9, sum by (le) (prometheus_tsdb_compaction_chunk_size_bytes_bucket)) >= bool 0", 0),
    ("sort_desc(node_filesystem_size_bytes)", 0),
]


class Pair(NamedTuple):
    peer: ApiServer
    narthex: ApiServer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both servers after some scrapes, and a node exporter."""
    folder = tmp_path_factory.mktemp("peer")
    node_port, peer_port = free_port(), free_port()
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(node=node_port, peer=peer_port))
    node = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node_port}"]
    with (
        Process(node, folder / "node.log"),
        prometheus_server(config, folder / "peer-data", port=peer_port) as peer,
        narthex_server(config, folder / "data") as narthex,
    ):
        for process in (peer, narthex):
            process.ready()
        for process in (peer, narthex):
            wait_until("scrapes", lambda p=process: (p.value("min(count_over_time(up[1m]))") or 0) >= 6)
        yield Pair(peer, narthex)


def by_labels(result: list[dict[str, Any]]) -> dict[tuple[tuple[str, str], ...], float]:
    return {tuple(sorted(e["metric"].items())): float(e["value"][1]) for e in result}


@pytest.mark.parametrize(("expression", "tolerance"), _QUERIES)
def test_instant_queries_agree(pair: Pair, expression: str, tolerance: float) -> None:
    expected, found = (by_labels(process.query(expression)) for process in pair)
    assert set(found) == set(expected) and expected
    for labels, value in expected.items():
        if tolerance == 0:
            assert found[labels] == value or (math.isnan(value) and math.isnan(found[labels])), labels
        else:
            assert math.isclose(found[labels], value, rel_tol=tolerance, abs_tol=1.0), labels


@pytest.mark.parametrize("path", ["labels", "label/__name__/values", "label/mode/values", "label/job/values"])
def test_label_names_and_values_agree(pair: Pair, path: str) -> None:
    expected, found = (process.api(path) for process in pair)
    assert found == expected


def test_series_and_metadata_agree(pair: Pair) -> None:
    selector = {"match[]": '{job="node",__name__=~"node_(cpu|memory_Mem|filesystem_size).*"}'}
    expected, found = (process.api("series", **selector) for process in pair)
    assert found == expected
    metadata = [process.api("metadata") for process in pair]
    names = [name for name in metadata[0] if name.startswith("node_")]
    assert len(names) > 50
    for name in names:
        assert metadata[1][name] == metadata[0][name]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("query", {"query": "up{"}),
        ("query", {"query": "sum("}),
        ("query", {"query": ""}),
        ("query", {"query": "up", "time": "abc"}),
        ("query", {"query": "1", "timeout": "abc"}),
        ("query", {"query": "1", "timeout": "0"}),
        ("query", {"query": "up + on () up"}),
        ("query_range", {"query": "up", "start": "0", "end": "100", "step": "0"}),
        ("query_range", {"query": "up", "start": "0", "end": "11001", "step": "1"}),
        ("query_range", {"query": "up", "start": "100", "end": "0", "step": "1"}),
        ("query_range", {"query": "up", "start": "", "end": "0", "step": "1"}),
        ("series", {}),
        ("series", {"match[]": "{}"}),
        ("series", {"match[]": "up{"}),
        ("series", {"match[]": "up", "start": "a"}),
        ("metadata", {"limit": "x"}),
        ("targets/metadata", {"limit": "x"}),
        ("rules", {"type": "foo"}),
        ("format_query", {"query": "sum("}),
        ("format_query", {"query": "sum(up)by(job)"}),
    ],
)
def test_codes_and_error_texts_agree(pair: Pair, path: str, query: dict[str, str]) -> None:
    (expected_status, expected), (status, found) = (process.request(f"/api/v1/{path}", **query) for process in pair)
    assert status == expected_status
    if query.get("timeout") == "0":  # where the time runs out, in the queue or later, is a race
        expected, found = (body.split(b"timed out")[0] for body in (expected, found))
    if query.get("query") == "up + on () up":  # names one of the two series first, whichever comes first
        expected, found = (body.split(b":")[0] for body in (expected, found))
    assert found == expected
