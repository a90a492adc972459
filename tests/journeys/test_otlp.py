"""OpenTelemetry's own SDK sends metrics; what it recorded can be queried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from support.api_server import ApiServer

Start = Callable[..., ApiServer]
RESOURCE = Resource({
    "service.namespace": "shop", "service.name": "cart", "service.instance.id": "cart-1", "cloud.region": "eu",
})  # fmt: skip


@pytest.fixture
def server(start: Start, tmp_path: Path) -> ApiServer:
    (tmp_path / "prometheus.yml").write_text(
        "otlp: {promote_resource_attributes: [cloud.region], promote_scope_metadata: true}\n"
    )
    return start("--web.enable-otlp-receiver", "--enable-feature=exemplar-storage").ready()


@pytest.fixture
def provider(server: ApiServer) -> Iterator[MeterProvider]:
    exporter = OTLPMetricExporter(
        f"http://127.0.0.1:{server.port}/api/v1/otlp/v1/metrics", compression=Compression.Gzip
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    view = View(instrument_name="fine.*", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], RESOURCE, exemplar_filter=AlwaysOnExemplarFilter(), views=[view])
    yield provider
    provider.shutdown()


def test_what_the_sdk_records_is_what_queries_give(server: ApiServer, provider: MeterProvider) -> None:
    meter = provider.get_meter("shop.cart", "1.2.3")
    meter.create_counter("requests", unit="1").add(3, {"http.method": "GET"})
    meter.create_up_down_counter("queue.length").add(-2)
    meter.create_observable_gauge("fill", [lambda _: [Observation(0.25)]], unit="1")
    seconds = meter.create_histogram("latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1])
    fine = meter.create_histogram("fine.latency", unit="ms")
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("span") as span:
        for value in (0.05, 0.5, 5):
            seconds.record(value, {"route": "/"})
            fine.record(value)
        trace_id = format(span.get_span_context().trace_id, "032x")
    assert provider.force_flush()

    scope = {"otel_scope_name": "shop.cart", "otel_scope_version": "1.2.3"}
    common = {"job": "shop/cart", "instance": "cart-1", "cloud_region": "eu", **scope}
    assert series(server, "requests_total") == [({"__name__": "requests_total", "http_method": "GET", **common}, "3")]
    assert series(server, "queue_length") == [({"__name__": "queue_length", **common}, "-2")]
    assert series(server, "fill_ratio") == [({"__name__": "fill_ratio", **common}, "0.25")]
    buckets = {labels["le"]: value for labels, value in series(server, "latency_seconds_bucket")}
    assert buckets == {"0.1": "1", "1": "2", "+Inf": "3"}
    assert values(server, "latency_seconds_sum") == ["5.55"]
    assert values(server, "latency_seconds_count") == ["3"]
    assert values(server, "histogram_count(fine_latency_milliseconds)") == ["3"]
    assert values(server, "histogram_sum(fine_latency_milliseconds)") == ["5.55"]
    assert 0.45 < float(values(server, "histogram_quantile(0.5, fine_latency_milliseconds)")[0]) < 0.55
    info = [labels for labels, _ in series(server, "target_info")]
    assert [(i["job"], i["instance"], i["cloud_region"]) for i in info] == [("shop/cart", "cart-1", "eu")]
    assert "service_name" not in info[0]
    found = server.api("query_exemplars", query="latency_seconds_bucket", start=0, end=9_999_999_999)
    exemplars = {one["seriesLabels"]["le"]: one["exemplars"] for one in found}
    assert {le: float(e[0]["value"]) for le, e in exemplars.items()} == {"0.1": 0.05, "1": 0.5, "+Inf": 5}
    assert {e[0]["labels"]["trace_id"] for e in exemplars.values()} == {trace_id}
    native = server.api("query_exemplars", query="fine_latency_milliseconds", start=0, end=9_999_999_999)
    assert {e["labels"]["trace_id"] for e in native[0]["exemplars"]} == {trace_id}


@pytest.mark.parametrize(
    ("feature", "counted", "seconds", "fine"),
    [
        ("otlp-native-delta-ingestion", ["3", "2"], ["2", "1"], ["2", "1"]),
        ("otlp-deltatocumulative", ["3", "5"], ["2", "3"], ["2", "3"]),
    ],
)
def test_deltas_of_the_sdk_stay_deltas_or_become_totals(
    start: Start, tmp_path: Path, feature: str, counted: list[str], seconds: list[str], fine: list[str]
) -> None:
    (tmp_path / "prometheus.yml").write_text("")
    server = start("--web.enable-otlp-receiver", f"--enable-feature={feature}").ready()
    delta = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    exporter = OTLPMetricExporter(f"http://127.0.0.1:{server.port}/api/v1/otlp/v1/metrics", preferred_temporality=delta)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    view = View(instrument_name="fine.*", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], RESOURCE, views=[view])
    meter = provider.get_meter("m")
    requests = meter.create_counter("requests")
    latency, native = meter.create_histogram("latency", unit="s"), meter.create_histogram("fine.latency", unit="s")
    for count, observed in ((3, [0.5, 4]), (2, [7])):
        requests.add(count)
        for value in observed:
            latency.record(value)
            native.record(value)
        assert provider.force_flush()
    provider.shutdown()

    assert history(server, "requests_total") == counted
    assert history(server, "latency_seconds_count") == seconds
    assert history(server, 'latency_seconds_bucket{le="+Inf"}') == seconds
    totals = feature == "otlp-deltatocumulative"
    assert history(server, 'latency_seconds_bucket{le="5"}') == ["2", "2" if totals else "0"]
    found = server.query("fine_latency_seconds[5m]")
    assert [h["count"] for one in found for _, h in one["histograms"]] == fine
    counted_in_all = "fine_latency_seconds" if totals else "sum_over_time(fine_latency_seconds[5m])"
    assert values(server, f"histogram_count({counted_in_all})") == ["3"]


def history(server: ApiServer, selector: str) -> list[str]:
    """Values of the only series, oldest first."""
    (one,) = server.query(f"{selector}[5m]")
    return [value for _, value in one["values"]]


def series(server: ApiServer, query: str) -> list[tuple[dict[str, str], str]]:
    result = server.query(query)
    return [(one["metric"], one["value"][1]) for one in result]


def values(server: ApiServer, query: str) -> list[str]:
    return [value for _, value in series(server, query)]
