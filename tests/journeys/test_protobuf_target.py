"""A target that speaks protobuf with native histograms, from its first scrape over a restart to its end."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.exporter import Exporter
from support.protobuf_metrics import COUNTER, HISTOGRAM, Exemplar, Family, Histogram, Metric, body
from support.waiting import wait_until

Start = Callable[..., ApiServer]
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
SCHEMA = 4
BOUNDS = (0.1, 1.0, 5.0, math.inf)


def observed(values: Sequence[float], exemplars: Sequence[Exemplar] = ()) -> Histogram:
    """Of positive values: the native buckets, and the classic ones beside them."""
    counts = Counter(math.ceil(math.log2(v) * 2**SCHEMA) for v in values)
    spans: list[tuple[int, int]] = []
    end = 0
    for index in sorted(counts):
        if spans and index == end:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((index - end, 1))
        end = index + 1
    return Histogram(
        count=len(values),
        sum=math.fsum(values),
        classic=[(bound, sum(v <= bound for v in values)) for bound in BOUNDS],
        schema=SCHEMA,
        zero_threshold=1e-128,
        positive_spans=spans,
        positive=[counts[i] for i in sorted(counts)],
        exemplars=exemplars,
    )


def families(values: Sequence[float], exemplars: Sequence[Exemplar] = ()) -> bytes:
    counted = Metric({}, len(values), exemplar=Exemplar({"trace_id": "c"}, 1, int(time.time()) * 1000))
    latency = Metric({"route": "/"}, observed(values, exemplars))
    return body([
        Family("latency_seconds", HISTOGRAM, [latency], "Times.", "seconds"),
        Family("requests_total", COUNTER, [counted], "Requests."),
    ])  # fmt: skip


def quantile(values: Sequence[float], q: float) -> float:
    return sorted(values)[math.ceil(q * len(values)) - 1]


def test_native_histograms_of_a_target_live_reset_and_end(start: Start, tmp_path: Path, exporter: Exporter) -> None:
    now = int(time.time()) * 1000
    values = [0.003 * i for i in range(1, 1001)]
    shown = [Exemplar({"trace_id": "a"}, 0.25, now - 2000), Exemplar({"trace_id": "b", "k": "é"}, 2.5, now - 1000)]
    exporter.content_type, exporter.body = PROTOBUF, families(values, shown)
    (tmp_path / "prometheus.yml").write_text(
        "scrape_configs:\n- job_name: app\n  scrape_interval: 300ms\n  scrape_native_histograms: true\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n"
    )
    server = start("--enable-feature=exemplar-storage").ready()
    wait_until("scrapes", lambda: (server.value("count_over_time(up[1m])") or 0) >= 3)
    assert exporter.headers["Accept"].startswith("application/vnd.google.protobuf;proto=io.prometheus.client.Metric")

    assert server.value("histogram_count(latency_seconds)") == 1000
    assert server.value("histogram_sum(latency_seconds)") == pytest.approx(math.fsum(values), rel=1e-15)
    width = 2**2**-SCHEMA  # of a bucket, as a factor
    for q in (0.01, 0.5, 0.9, 0.99):
        estimate = server.value(f"histogram_quantile({q}, latency_seconds)")
        assert quantile(values, q) / width <= estimate <= quantile(values, q) * width
    assert server.query("latency_seconds_bucket") == server.query("latency_seconds_count") == []
    assert server.value("scrape_samples_scraped") == server.value("sum_over_time(scrape_series_added[1m])") == 2
    assert server.api("metadata", metric="latency_seconds") == {
        "latency_seconds": [{"type": "histogram", "help": "Times.", "unit": "seconds"}]
    }
    found = server.api("query_exemplars", query='{job="app"}', start=0, end=now / 1000 + 60)
    stored = {
        one["seriesLabels"]["__name__"]: [(e["labels"], float(e["value"]), e["timestamp"]) for e in one["exemplars"]]
        for one in found
    }
    assert stored["latency_seconds"] == [(e.labels, e.value, e.time / 1000) for e in shown if e.time]
    assert [labels for labels, _, _ in stored["requests_total"]] == [{"trace_id": "c"}]

    after = [0.02 * i for i in range(1, 101)]
    exporter.body = families(after)
    wait_until("the restarted target", lambda: server.value("histogram_count(latency_seconds)") == 100)
    assert server.value("resets(latency_seconds[1m])") == server.value("resets(requests_total[1m])") == 1
    # All that was counted since the restart, and what extrapolation to both ends adds: not a fall by 900.
    for grown in ("histogram_count(increase(latency_seconds[1m]))", "increase(requests_total[1m])"):
        assert 100 <= server.value(grown) < 200
    median = server.value("histogram_quantile(0.5, increase(latency_seconds[1m]))")
    assert quantile(after, 0.5) / width <= median <= quantile(after, 0.5) * width

    exporter.status = 503
    wait_until("the end of the target", lambda: server.value("up") == 0)
    assert server.query("latency_seconds") == server.query("requests_total") == []
    gone = server.query("up")[0]["value"][0]
    assert server.value("histogram_count(last_over_time(latency_seconds[1m]))", time=gone) == 100
