"""What the core makes of requests equals what a plain translation makes of the same protobuf objects."""

from __future__ import annotations

import math
import string
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from narthex.config.storage import OTLPConfig
from narthex.native import DecodeError, LimitError, OtlpColumns, OtlpRequest
from narthex.remote.otlp_names import GAUGE, MONOTONIC_SUM, OTHER, Naming
from narthex.remote.otlp_translate import OtlpFeatures, Translator
from reference.otlp import Row, Rules, Twin

KEYS = ["a", "a.b", "a_b", "a-b", "le", "job", "__name__", "service.name", "service.instance.id", "service.namespace",
        "größe", "_x"]  # fmt: skip
TIMES = st.integers(0, 10**12).map(lambda n: 10**18 + n)
FLOATS = st.floats(allow_nan=False)


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    kinds = ["string", "bool", "int", "double", "bytes", "none"] + (["array", "kvlist"] if depth else [])
    match draw(st.sampled_from(kinds)):
        case "string":
            return {"string_value": draw(st.text(max_size=5))}
        case "bool":
            return {"bool_value": draw(st.booleans())}
        case "int":
            return {"int_value": draw(st.integers(-(2**63), 2**63 - 1))}
        case "double":
            return {"double_value": draw(st.floats())}
        case "bytes":
            return {"bytes_value": draw(st.binary(max_size=5))}
        case "array":
            return {"array_value": {"values": draw(st.lists(values(depth - 1), max_size=3))}}
        case "kvlist":
            return {"kvlist_value": {"values": draw(st.lists(attribute(depth - 1), max_size=3))}}
        case _:
            return {}


def attribute(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"key": st.text(st.sampled_from('a"<\u2028é'), max_size=3), "value": values(depth)})


def attributes(most: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries({"key": st.sampled_from(KEYS), "value": values()})
    return st.lists(one, max_size=most, unique_by=lambda a: a["key"])


EXEMPLARS = st.lists(
    st.fixed_dictionaries(
        {
            "time_unix_nano": st.just(0) | TIMES,
            "as_double": FLOATS,
            "trace_id": st.sampled_from([b"", bytes(16), b"\x01" * 16]),
            "span_id": st.sampled_from([b"", b"\xab" * 8]),
            "filtered_attributes": st.lists(
                st.fixed_dictionaries(
                    {
                        "key": st.sampled_from("uvw"),
                        "value": st.text(max_size=60).map(lambda s: {"string_value": s}),
                    }
                ),
                max_size=2,
                unique_by=lambda a: a["key"],
            ),
        }
    ),
    max_size=2,
)


def point(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    common = {
        "attributes": attributes(),
        "time_unix_nano": TIMES,
        "start_time_unix_nano": st.just(0) | TIMES,
        "flags": st.sampled_from([0, 0, 1]),
    }
    return st.lists(st.fixed_dictionaries(common | more), max_size=3)


NUMBERS = st.one_of(
    point(as_double=st.floats(), exemplars=EXEMPLARS),
    point(as_int=st.integers(-(2**63), 2**63 - 1), exemplars=EXEMPLARS),
)
COUNTS = st.integers(0, 2**64 - 1)
HISTOGRAMS = point(
    count=COUNTS,
    bucket_counts=st.lists(COUNTS, max_size=3),
    explicit_bounds=st.lists(FLOATS, max_size=3, unique=True).map(sorted),
    exemplars=EXEMPLARS,
)
WITH_SUM = point(count=COUNTS, sum=st.floats(), bucket_counts=st.just([1, 2]), explicit_bounds=st.just([0.5]))
QUANTILES = st.lists(st.fixed_dictionaries({"quantile": st.floats(0, 1), "value": st.floats()}), max_size=3)
METRICS = st.one_of(
    NUMBERS.map(lambda p: {"name": "g", "unit": "1", "gauge": {"data_points": p}}),
    NUMBERS.map(lambda p: {"name": "c", "sum": {"data_points": p, "aggregation_temporality": 2, "is_monotonic": True}}),
    HISTOGRAMS.map(lambda p: {"name": "h", "histogram": {"data_points": p, "aggregation_temporality": 2}}),
    WITH_SUM.map(lambda p: {"name": "h", "histogram": {"data_points": p, "aggregation_temporality": 2}}),
    point(count=COUNTS, sum=st.floats(), quantile_values=QUANTILES).map(
        lambda p: {"name": "s", "summary": {"data_points": p}}
    ),
)
RESOURCES = st.fixed_dictionaries(
    {
        "resource": st.fixed_dictionaries({"attributes": attributes(6)}),
        "scope_metrics": st.lists(st.fixed_dictionaries({"metrics": st.lists(METRICS, max_size=3)}), max_size=2),
    }
)
REQUESTS = st.lists(RESOURCES, max_size=3).map(lambda r: ExportMetricsServiceRequest(resource_metrics=r))


def rules(config: OTLPConfig) -> Rules:
    escape = config.translation_strategy.startswith("Under")
    naming = Naming(escape=escape, suffixes=config.translation_strategy.endswith("WithSuffixes"))

    def metric(m: Any) -> str:
        kind = m.WhichOneof("data")
        named_as = GAUGE if kind == "gauge" else MONOTONIC_SUM if kind == "sum" and m.sum.is_monotonic else OTHER
        return naming.metric(m.name, m.unit, named_as) or ""

    return Rules(
        metric,
        lambda key: naming.label(key) or "",
        frozenset(config.promote_resource_attributes),
        join=escape,
        keep_identifying=config.keep_identifying_resource_attributes,
    )


def rows_of(columns: OtlpColumns) -> list[Row]:
    rows = columns.floats
    sets = [rows.labels[row] for row in range(len(rows.labels))]
    return list(zip(sets, rows.times.tolist(), rows.starts.tolist(), columns.values.tolist(), strict=True))


def comparable(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(*row[:3], "NaN" if math.isnan(row[3]) else row[3]) for row in rows]


@settings(max_examples=100, deadline=None)
@given(
    REQUESTS,
    st.builds(
        OTLPConfig,
        translation_strategy=st.sampled_from(["UnderscoreEscapingWithSuffixes", "NoTranslation"]),
        promote_resource_attributes=st.sampled_from([[], ["a", "a.b"]]),
        keep_identifying_resource_attributes=st.booleans(),
    ),
)
def test_columns_equal_the_plain_translation(request: ExportMetricsServiceRequest, config: OTLPConfig) -> None:
    twin = Twin(rules(config))
    twin.request(request)
    decoded = OtlpRequest(request.SerializeToString())
    columns = Translator(config, OtlpFeatures()).translate(decoded).columns
    assert comparable(rows_of(columns)) == comparable(twin.rows)
    found = columns.exemplars
    exemplars = [
        (columns.floats.labels[row], time, value, found.labels[i])
        for i, (row, time, value) in enumerate(
            zip(found.rows.tolist(), found.times.tolist(), found.values.tolist(), strict=True)
        )
    ]
    assert exemplars == twin.exemplars


@given(st.binary(max_size=60))
@example(b"\x0d\0\0\0\0")
def test_what_protobuf_takes_is_taken(body: bytes) -> None:
    try:
        ExportMetricsServiceRequest.FromString(body)
    except Exception:
        return  # fields that are passed over here may be wrong there
    try:
        OtlpRequest(body)
    except DecodeError as e:
        # Python's library passes over a known field of another wire type; Go's, of which Prometheus is made, refuses.
        assert "has the wrong wire type" in str(e)


def test_a_known_field_of_another_wire_type_is_refused() -> None:
    with pytest.raises(DecodeError, match="field 1 has the wrong wire type"):
        OtlpRequest(b"\x0d\0\0\0\0")


def test_text_must_be_utf8() -> None:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add(name="ab")
    body = request.SerializeToString().replace(b"ab", b"\xc3(")
    with pytest.raises(DecodeError, match="UTF-8"):
        OtlpRequest(body)


def test_many_labels_on_many_buckets_are_refused() -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="h")
    metric.histogram.aggregation_temporality = 2
    point = metric.histogram.data_points.add(explicit_bounds=range(20_000), bucket_counts=[1] * 20_000)
    for n in range(2_000):
        point.attributes.add(key=f"k{n}").value.string_value = string.ascii_letters[n % 52]
    with pytest.raises(LimitError, match="too many labels"):
        Translator(OTLPConfig(), OtlpFeatures()).translate(OtlpRequest(request.SerializeToString()))
