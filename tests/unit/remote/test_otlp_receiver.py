"""What storage holds after a request, by kind of metric, by configuration and by feature."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from narthex.config.storage import OTLPConfig
from narthex.errors import MetricsRefused
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.remote.otlp import OtlpReceiver, Received
from narthex.remote.otlp_translate import OtlpFeatures
from narthex.tsdb.agent import AgentDB, AgentOptions
from narthex.tsdb.head import Head
from narthex.tsdb.read_only import ReadOnlyDB
from reference.chunk_histogram import Sample
from support.chunks import histograms_of_row
from support.clock import FakeClock

NOW = 1_700_000_000_000  # milliseconds
NS = 1_000_000
CUMULATIVE, DELTA = 2, 1
ANY = [Matcher(MatchType.REGEX, "__name__", ".+")]
Labels = dict[str, str]
NO_FEATURES = OtlpFeatures()


class Setup:
    """A receiver over a head."""

    def __init__(self, path: Path, features: OtlpFeatures = NO_FEATURES, **config: Any) -> None:
        self.registry = Registry()
        self.head = Head.open(path, Registry(), 7_200_000, 1 << 24)[0]
        self.receiver = OtlpReceiver(self.head, features, FakeClock(NOW / 1000), self.registry)
        self.receiver.apply(OTLPConfig(**config))

    def send(self, request: ExportMetricsServiceRequest) -> Received:
        return self.receiver.receive(request.SerializeToString(), json=False)

    def batch(self) -> SeriesBatch:
        return self.head.querier(-(2**62), 2**62).select(ANY)

    def floats(self, name: str) -> list[tuple[Labels, list[tuple[int, float]]]]:
        batch, out = self.batch(), []
        for row in range(len(batch)):
            labels = batch.labels[row]
            if labels.pop("__name__") == name:
                times, values = batch.samples(row, -(2**63), 2**63 - 1)
                out.append((labels, list(zip(times.tolist(), values.tolist(), strict=True))))
        return out

    def labels(self, name: str) -> list[Labels]:
        return [labels for labels, _ in self.floats(name)]

    def histograms(self) -> list[Sample]:
        return histograms_of_row(self.batch(), 0)


@pytest.fixture
def setup(tmp_path: Path) -> Callable[..., Setup]:
    return lambda *args, **config: Setup(tmp_path / "data", *args, **config)


def request_with(**resource: str) -> tuple[ExportMetricsServiceRequest, Any]:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add()
    put(metrics.resource.attributes, {name.replace("__", "."): value for name, value in resource.items()})
    return request, metrics.scope_metrics.add()


def put(to: Any, attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        to.add(key=key).value.string_value = value


def gauge(scope: Any, value: float = 1, time: int = NOW, name: str = "g", **attributes: str) -> Any:
    point = scope.metrics.add(name=name).gauge.data_points.add(as_double=value, time_unix_nano=time * NS)
    put(point.attributes, attributes)
    return point


def exponential(scope: Any, scale: int, positive: tuple[int, list[int]], zero: int = 0, total: float = 1.5) -> Any:
    metric = scope.metrics.add(name="e")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE
    offset, counts = positive
    point = metric.exponential_histogram.data_points.add(
        scale=scale, zero_count=zero, sum=total, time_unix_nano=NOW * NS
    )
    point.count = zero + sum(counts)
    point.positive.offset, point.positive.bucket_counts[:] = offset, counts
    return point


def test_an_exponential_histogram_becomes_a_native_one_with_indices_one_higher(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    point = exponential(scope, 3, (-2, [1, 0, 0, 0, 5, 2]), zero=4)
    point.negative.offset, point.negative.bucket_counts[:] = 7, [6]
    point.count += 6
    assert it.send(request) == Received()
    [(time, _, h)] = it.histograms()
    assert (time, h.layout.schema, h.layout.zero_threshold, h.count, h.zero_count, h.sum) == (
        NOW,
        3,
        1e-128,
        18,
        4,
        1.5,
    )
    assert nonzero(h.positive) == {-1: 1, 3: 5, 4: 2}
    assert nonzero(h.negative) == {8: 6}


def nonzero(buckets: dict[int, float]) -> dict[int, float]:
    return {index: count for index, count in buckets.items() if count}


def test_a_scale_above_8_is_brought_down(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    exponential(scope, 10, (-5, [1, 2, 3, 4, 5, 6, 7, 8]))
    it.send(request)
    [(_, _, h)] = it.histograms()
    assert h.layout.schema == 8
    # OTLP's indices -5..2 over four: -2: {-5}, -1: {-4..-1}, 0: {0..2}; one higher here.
    assert nonzero(h.positive) == {-1: 1, 0: 2 + 3 + 4 + 5, 1: 6 + 7 + 8}


def test_a_scale_below_minus_4_is_rejected(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    exponential(scope, -5, (0, [1]))
    gauge(scope)
    received = it.send(request)
    assert received.rejected == 1
    assert "-4" in received.message
    assert it.labels("g") == [{}]
    assert it.labels("e") == []


def test_a_point_without_recorded_value_is_a_stale_marker(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    gauge(scope).flags = 1
    exponential(scope, 0, (0, [1])).flags = 1
    it.send(request)
    [(_, [(_, value)])] = it.floats("g")
    assert struct.pack("<d", value) == struct.pack("<Q", 0x7FF0000000000002)
    assert [h.stale for _, _, h in histograms_of_row(it.batch(), 0)] == [True]


def classic(scope: Any, temporality: int = CUMULATIVE, **more: Any) -> Any:
    metric = scope.metrics.add(name="h")
    metric.histogram.aggregation_temporality = temporality
    more = {"bucket_counts": [0, 2, 3], "explicit_bounds": [0.5, 1], "count": 5, "sum": 9} | more
    return metric.histogram.data_points.add(time_unix_nano=NOW * NS, **more)


def test_a_histogram_becomes_one_of_custom_buckets_when_asked(setup: Callable[..., Setup]) -> None:
    it = setup(convert_histograms_to_nhcb=True)
    request, scope = request_with()
    classic(scope)
    it.send(request)
    [(_, _, h)] = it.histograms()
    assert (h.layout.schema, h.layout.bounds, h.count, h.sum) == (-53, (0.5, 1), 5, 9)
    assert nonzero(h.positive) == {1: 2, 2: 3}


def test_a_histogram_without_buckets_has_all_in_the_last_custom_one(setup: Callable[..., Setup]) -> None:
    it = setup(convert_histograms_to_nhcb=True)
    request, scope = request_with()
    classic(scope, bucket_counts=[], explicit_bounds=[])
    it.send(request)
    [(_, _, h)] = it.histograms()
    assert (h.layout.bounds, nonzero(h.positive)) == ((), {0: 5})


def test_a_histogram_whose_counts_do_not_add_up_is_refused(setup: Callable[..., Setup]) -> None:
    it = setup(convert_histograms_to_nhcb=True)
    request, scope = request_with()
    classic(scope, count=7)
    with pytest.raises(MetricsRefused, match="observation count"):
        it.send(request)


@pytest.mark.parametrize(("native", "labels"), [(False, None), (True, {})])
def test_deltas_need_a_feature(setup: Callable[..., Setup], native: bool, labels: Labels | None) -> None:
    it = setup(OtlpFeatures(native_delta=native))
    request, scope = request_with()
    gauge(scope)
    classic(scope, DELTA)
    received = it.send(request)
    assert received.rejected == (0 if native else 1)
    assert it.labels("h_count") == ([labels] if labels is not None else [])


def test_native_deltas_are_gauges_of_unknown_type(setup: Callable[..., Setup]) -> None:
    features = OtlpFeatures(native_delta=True, type_and_unit_labels=True)
    it = setup(features, convert_histograms_to_nhcb=True)
    request, scope = request_with()
    classic(scope, DELTA)
    it.send(request)
    assert it.batch().labels[0] == {"__name__": "h"}
    assert [h.hint for _, _, h in it.histograms()] == [3]


def test_deltas_are_added_up_by_feature(setup: Callable[..., Setup]) -> None:
    it = setup(OtlpFeatures(delta_to_cumulative=True, type_and_unit_labels=True))
    for time in (NOW, NOW + 1000, NOW + 1000):
        request, scope = request_with()
        total = scope.metrics.add(name="t")
        total.sum.aggregation_temporality, total.sum.is_monotonic = DELTA, True
        total.sum.data_points.add(as_int=2, time_unix_nano=time * NS)
        classic(scope, DELTA).time_unix_nano = time * NS
        assert it.send(request) == Received()
    assert it.floats("t_total") == [({"__type__": "counter"}, [(NOW, 2), (NOW + 1000, 4)])]
    buckets = {labels["le"]: [value for _, value in samples] for labels, samples in it.floats("h_bucket")}
    assert buckets == {"0.5": [0, 0], "1": [2, 4], "+Inf": [5, 10]}
    assert [value for _, value in it.floats("h_sum")[0][1]] == [9, 18]


@pytest.mark.parametrize("custom", [False, True])
def test_deltas_of_native_histograms_are_added_up_by_feature(setup: Callable[..., Setup], custom: bool) -> None:
    features = OtlpFeatures(delta_to_cumulative=True, type_and_unit_labels=True)
    it = setup(features, convert_histograms_to_nhcb=custom)
    for time in (NOW, NOW + 1000, NOW + 1000):
        request, scope = request_with()
        if custom:
            classic(scope, DELTA).time_unix_nano = time * NS
        else:
            exponential(scope, 3, (-2, [1, 2]), zero=4).time_unix_nano = time * NS
            scope.metrics[0].exponential_histogram.aggregation_temporality = DELTA
        assert it.send(request) == Received()
    assert it.batch().labels[0] == {"__name__": "h" if custom else "e", "__type__": "histogram"}
    found = it.histograms()
    assert [(time, type(h.count), h.count, h.sum) for time, _, h in found] == (
        [(NOW, int, 5, 9), (NOW + 1000, int, 10, 18)] if custom else [(NOW, int, 7, 1.5), (NOW + 1000, int, 14, 3)]
    )
    assert nonzero(found[1][2].positive) == ({1: 4, 2: 6} if custom else {-1: 2, 0: 4})


def test_deltas_of_native_histograms_that_were_not_stored_do_not_count(setup: Callable[..., Setup]) -> None:
    it = setup(OtlpFeatures(delta_to_cumulative=True))
    for times, fine in (((NOW, NOW + 10_000_000), False), ((NOW,), True)):
        request, scope = request_with()
        for time in times:
            exponential(scope, 3, (0, [1])).time_unix_nano = time * NS
            scope.metrics[-1].exponential_histogram.aggregation_temporality = DELTA
        if fine:
            it.send(request)
        else:
            with pytest.raises(MetricsRefused, match="too far in the future"):
                it.send(request)
    assert [h.count for _, _, h in it.histograms()] == [1]


def test_type_and_unit_become_labels_by_feature(setup: Callable[..., Setup]) -> None:
    it = setup(OtlpFeatures(type_and_unit_labels=True))
    request, scope = request_with()
    gauge(scope)
    scope.metrics[0].unit = "By/s"
    it.send(request)
    assert it.labels("g_bytes_per_second") == [{"__type__": "gauge", "__unit__": "bytes_per_second"}]


def test_promotion_takes_a_list_or_all_but_a_list(tmp_path: Path) -> None:
    request, scope = request_with(service__name="s", cloud__region="eu", host__name="h")
    gauge(scope, cloud__region="own")
    scope.metrics[0].gauge.data_points[0].attributes[0].key = "cloud.region"
    some = Setup(tmp_path / "some", promote_resource_attributes=["cloud.region", "host.name"])
    some.send(request)
    assert some.labels("g") == [{"job": "s", "cloud_region": "own", "host_name": "h"}]
    every = Setup(tmp_path / "all", promote_all_resource_attributes=True, ignore_resource_attributes=["host.name"])
    every.send(request)
    assert every.labels("g") == [{"job": "s", "cloud_region": "own", "service_name": "s"}]


def test_target_info_spans_the_points_of_its_resource(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with(service__name="s", service__instance__id="i", version="1")
    gauge(scope, time=NOW - 400_000, a="x")
    gauge(scope, time=NOW, a="y")
    it.send(request)
    [(labels, samples)] = it.floats("target_info")
    assert labels == {"job": "s", "instance": "i", "version": "1"}
    assert samples == [(NOW - 400_000, 1), (NOW - 250_000, 1), (NOW - 100_000, 1), (NOW, 1)]


def test_target_info_needs_more_than_an_identity(setup: Callable[..., Setup]) -> None:
    it = setup(keep_identifying_resource_attributes=True)
    request, scope = request_with(service__name="s")
    gauge(scope)
    it.send(request)
    assert it.labels("target_info") == []


def test_scope_metadata_is_promoted_when_asked(setup: Callable[..., Setup]) -> None:
    it = setup(promote_scope_metadata=True)
    request, scope = request_with()
    scope.scope.name, scope.scope.version, scope.schema_url = "lib", "2", "https://x"
    put(scope.scope.attributes, {"short.name": "l"})
    gauge(scope)
    it.send(request)
    assert it.labels("g") == [{
        "otel_scope_name": "lib", "otel_scope_version": "2", "otel_scope_schema_url": "https://x",
        "otel_scope_short_name": "l",
    }]  # fmt: skip


def test_collisions_are_joined_and_counted(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    for _ in range(2):
        put(gauge(scope, name=f"g{_}").attributes, {"a.b": "1", "a-b": "2"})
    received = it.send(request)
    assert it.labels("g0") == [{"a_b": "2;1"}]  # in the order of the keys
    assert '"a-b", "a.b"' in received.message
    assert 'prometheus_api_otlp_translation_warnings_total{category="label_name_collision"} 1' in (
        it.registry.expose().decode()
    )


def test_a_reload_changes_the_names(setup: Callable[..., Setup]) -> None:
    it = setup()
    request, scope = request_with()
    gauge(scope, name="a.b")
    it.send(request)
    it.receiver.apply(OTLPConfig(translation_strategy="NoTranslation"))
    it.send(request)
    assert it.labels("a_b") == [{}]
    assert it.labels("a.b") == [{}]


def test_json_is_the_same_request(tmp_path: Path) -> None:
    """protobuf's own JSON, but for ids, which OTLP writes in hexadecimal."""
    request, scope = request_with(service__name="s", x="1")
    put(gauge(scope).attributes, {"a": "1"})
    exponential(scope, 9, (-3, [1, 2, 3]))
    classic(scope, start_time_unix_nano=1)
    total = scope.metrics.add(name="t", unit="s", description="d")
    total.sum.aggregation_temporality, total.sum.is_monotonic = CUMULATIVE, True
    total.sum.data_points.add(as_int=-(2**62), time_unix_nano=NOW * NS).attributes.add(key="n").value.int_value = -5
    summary = scope.metrics.add(name="q").summary.data_points.add(count=1, sum=2, time_unix_nano=NOW * NS)
    summary.quantile_values.add(quantile=0.5, value=float("inf"))
    one, other = Setup(tmp_path / "protobuf"), Setup(tmp_path / "json")
    one.send(request)
    other.receiver.receive(MessageToJson(request).encode(), json=True)
    assert contents(one.batch()) == contents(other.batch())


def contents(batch: SeriesBatch) -> list[Any]:
    return [
        (batch.labels[row], batch.samples(row, 0, NOW)[1].tolist(), [h for *_, h in histograms_of_row(batch, row)])
        for row in range(len(batch))
    ]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"timeUnixNano": "x"}, "timeUnixNano: an unsigned 64-bit integer"),
        ({"timeUnixNano": -1}, "timeUnixNano: an unsigned 64-bit integer"),
        ({"asInt": 1.5}, "asInt: a 64-bit integer"),
        ({"attributes": {}}, "attributes: a list"),
        ({"attributes": [{"key": 1}]}, "key: a string"),
        ({"exemplars": [{"traceId": "xy"}]}, "traceId: a hexadecimal"),
    ],
)
def test_json_that_does_not_fit_names_the_place(
    setup: Callable[..., Setup], point: dict[str, Any], message: str
) -> None:
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [point]}}]}]}]}
    with pytest.raises(MetricsRefused, match=message):
        setup().receiver.receive(orjson.dumps(body), json=True)


def test_json_that_nests_too_deep_is_refused(setup: Callable[..., Setup]) -> None:
    value = '{"arrayValue":{"values":[' * 300 + "]}}" * 300
    body = '{"resourceMetrics":[{"resource":{"attributes":[{"key":"k","value":' + value + "}]}}]}"
    with pytest.raises(MetricsRefused, match="nest"):
        setup().receiver.receive(body.encode(), json=True)


def test_an_agent_logs_what_it_is_sent(tmp_path: Path) -> None:
    db = AgentDB.open(tmp_path, AgentOptions(), Registry(), FakeClock(NOW / 1000))
    receiver = OtlpReceiver(db, OtlpFeatures(), FakeClock(NOW / 1000), Registry())
    receiver.apply(OTLPConfig())
    request, scope = request_with()
    gauge(scope, 2.5)
    exponential(scope, 0, (0, [1]))
    receiver.receive(request.SerializeToString(), json=False)
    db.close()
    with ReadOnlyDB.open(tmp_path).querier(-(2**62), 2**62) as querier:
        batch = querier.select([])
    assert [batch.labels[row]["__name__"] for row in range(len(batch))] == ["e", "g"]
    assert batch.samples(1, 0, NOW)[1].tolist() == [2.5]
    assert [h.count for *_, h in histograms_of_row(batch, 0)] == [1]
