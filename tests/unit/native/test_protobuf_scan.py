from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import REF_DROPPED, DecodeError, Reading, ScrapeCache
from reference import protobuf_metrics
from support.protobuf import bytes_field, number_field, varint
from support.protobuf_metrics import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    Exemplar,
    Family,
    Histogram,
    Metric,
    Summary,
    body,
)

NOW = 1_700_000_000_000
LabelSet = tuple[tuple[str, str], ...]


class Target:
    """A cache driven as a scrape drives it: every label set gets a reference of its own."""

    def __init__(self, drop: frozenset[str] = frozenset(), **options: object) -> None:
        self.cache, self.reading, self.drop = ScrapeCache(), Reading(**options), drop  # type: ignore[arg-type] # options of Reading
        self.known: list[LabelSet] = []
        self.asked = 0

    def scrape(self, families: list[Family] | bytes) -> dict[LabelSet, tuple[int, float]]:
        data = families if isinstance(families, bytes) else body(families)
        self.asked = self.cache.scan_protobuf(data, NOW, self.reading).unknown
        ids = self.cache.unknown()
        refs = []
        for labels in self.cache.labels(ids):
            refs.append(REF_DROPPED if labels["__name__"] in self.drop else self.ref(labels))
        self.cache.assign(ids, np.array(refs, dtype=np.uint64))
        refs_, times, values, _, _ = self.cache.samples()
        return {self.known[r]: (t, v) for r, t, v in zip(refs_.tolist(), times.tolist(), values.tolist(), strict=True)}

    def ref(self, labels: dict[str, str]) -> int:
        key = tuple(sorted(labels.items()))
        if key not in self.known:
            self.known.append(key)
        return self.known.index(key)

    def histograms(self) -> dict[LabelSet, dict[str, object]]:
        refs, times, values, _, over = self.cache.histograms()
        out = {}
        rows = [(run, k) for run in values.runs() for k in range(len(run["sums"]))]
        for ref, time, (run, k) in zip(refs.tolist(), times.tolist(), rows, strict=True):
            out[self.known[ref]] = {
                "time": time,
                "floats": run["floats"],
                "schema": run["schema"],
                "positive": run["positive_spans"],
                "negative": run["negative_spans"],
                "buckets": run["buckets"][k].tolist(),
                "count": run["counts"][k],
                "zero": (run["zero_threshold"], run["zero_counts"][k]),
                "sum": run["sums"][k],
                "hint": run["hints"][k],
                "over": over,
            }
        return out


def name(text: str, **labels: str) -> LabelSet:
    return tuple(sorted({"__name__": text, **labels}.items()))


SIMPLE = [
    Family(
        "requests_total", COUNTER, [Metric({"path": "/"}, 3.0), Metric({"path": "/x"}, 4.0, time=123)], "All\nof them"
    ),
    Family("temperature_celsius", GAUGE, [Metric({}, -2.5)], unit="celsius"),
    Family("thing", UNTYPED, [Metric({"a": "b", "c": "é"}, math.inf)]),
    Family("latency", SUMMARY, [Metric({"p": "q"}, Summary(7, 1.5, [(0.5, 0.1), (1, 0.2)]))]),
]
CLASSIC = Histogram(10, 12.5, [(0.5, 4), (1, 9)])
NATIVE = Histogram(
    22,
    18.5,
    classic=[(1, 4), (math.inf, 22)],
    schema=3,
    zero_threshold=0.25,
    zero_count=2,
    positive_spans=[(-2, 2), (1, 3)],
    positive=[1, 3, 0, 4, 5],
    negative_spans=[(4, 1)],
    negative=[7],
)


def test_every_simple_type_becomes_its_series() -> None:
    target = Target()
    assert target.scrape(SIMPLE) == {
        name("requests_total", path="/"): (NOW, 3.0),
        name("requests_total", path="/x"): (123, 4.0),
        name("temperature_celsius"): (NOW, -2.5),
        name("thing", a="b", c="é"): (NOW, math.inf),
        name("latency_count", p="q"): (NOW, 7.0),
        name("latency_sum", p="q"): (NOW, 1.5),
        name("latency", p="q", quantile="0.5"): (NOW, 0.1),
        name("latency", p="q", quantile="1.0"): (NOW, 0.2),
    }


def test_metadata_has_type_help_and_unit_and_a_new_help_counts() -> None:
    target = Target()
    for text in ("All\nof them", "Some of them"):
        SIMPLE[0].help = text
        target.scrape(SIMPLE)
        target.cache.commit()
        assert target.cache.metadata() == [
            ("requests_total", "counter", text, ""),
            ("temperature_celsius", "gauge", "", "celsius"),
            ("thing", "unknown", "", ""),
            ("latency", "summary", "", ""),
        ]


def test_series_of_the_last_body_are_known_and_those_that_go_vanish() -> None:
    target = Target()
    target.scrape(SIMPLE)
    target.cache.commit()
    assert len(target.scrape(SIMPLE)) == 8
    assert target.asked == 0
    target.cache.commit()
    target.scrape([SIMPLE[3], SIMPLE[1]])  # in another order
    assert target.asked == 0
    gone = [target.known[r] for r in target.cache.vanished().tolist()]
    assert gone == [name("requests_total", path="/"), name("thing", a="b", c="é")]  # not the one with its own time
    target.cache.commit()
    assert len(target.scrape(SIMPLE)) == 8
    assert target.asked == 3


def test_a_histogram_is_its_classic_series_unless_native_ones_are_wanted() -> None:
    target = Target()
    found = target.scrape([Family("h", HISTOGRAM, [Metric({"a": "b"}, CLASSIC)])])
    assert found == {
        name("h_count", a="b"): (NOW, 10.0),
        name("h_sum", a="b"): (NOW, 12.5),
        name("h_bucket", a="b", le="0.5"): (NOW, 4.0),
        name("h_bucket", a="b", le="1.0"): (NOW, 9.0),
        name("h_bucket", a="b", le="+Inf"): (NOW, 10.0),
    }
    assert target.cache.histograms()[3] == 0


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("floats", [True, False])
def test_a_native_histogram_is_one_sample_without_empty_buckets(packed: bool, floats: bool) -> None:
    NATIVE.packed, NATIVE.floats = packed, floats
    target = Target(native_histograms=True)
    assert target.scrape([Family("h", HISTOGRAM, [Metric({}, NATIVE), Metric({"x": "y"}, NATIVE, time=55)])]) == {}
    found = target.histograms()
    assert found[name("h")] == {
        "time": NOW,
        "floats": floats,
        "schema": 3,
        "positive": [(-2, 2), (2, 2)],
        "negative": [(4, 1)],
        "buckets": [1, 3, 4, 5, 7],
        "count": 22,
        "zero": (0.25, 2),
        "sum": 18.5,
        "hint": 0,
        "over": 0,
    }
    assert found[name("h", x="y")]["time"] == 55


def test_classic_series_of_a_native_histogram_are_kept_when_wanted() -> None:
    target = Target(native_histograms=True, classic_histograms=True)
    found = target.scrape([Family("h", GAUGE_HISTOGRAM, [Metric({}, NATIVE)])])
    assert set(found) == {name("h_count"), name("h_sum"), name("h_bucket", le="1.0"), name("h_bucket", le="+Inf")}
    assert target.histograms()[name("h")]["hint"] == 3


def test_a_native_histogram_is_known_again_and_dropped_ones_do_not_shift_the_others() -> None:
    target = Target(frozenset(["b"]), native_histograms=True)
    families = [
        Family(n, HISTOGRAM, [Metric({}, Histogram(k, k, schema=0, positive_spans=[(k, 1)], positive=[k]))])
        for k, n in enumerate("abc", 1)
    ]
    target.scrape(families)
    target.cache.commit()
    target.scrape(families)
    assert target.asked == 0
    assert {k: v["buckets"] for k, v in target.histograms().items()} == {name("a"): [1], name("c"): [3]}


def test_resolution_is_reduced_to_the_finest_schema_and_to_the_bucket_limit() -> None:
    fine = Histogram(8, 1.0, schema=20, positive_spans=[(0, 8)], positive=[1] * 8)
    target = Target(native_histograms=True, max_schema=5)
    target.scrape([Family("h", HISTOGRAM, [Metric({}, fine)])])
    assert (target.histograms()[name("h")]["schema"], target.histograms()[name("h")]["buckets"]) == (5, [1, 7])
    fine.schema = 2
    target = Target(native_histograms=True, bucket_limit=3)
    target.scrape([Family("h", HISTOGRAM, [Metric({}, fine)])])
    # Indices 0..7 at schema 1 are 0, 1, 1, 2, 2, 3, 3, 4, and at schema 0 are 0, 1, 1, 1, 1, 2, 2, 2.
    assert (target.histograms()[name("h")]["schema"], target.histograms()[name("h")]["buckets"]) == (0, [1, 4, 3])
    assert target.histograms()[name("h")]["over"] == 0
    target = Target(native_histograms=True, bucket_limit=1)
    target.scrape([Family("h", HISTOGRAM, [Metric({}, fine)])])
    assert target.histograms()[name("h")]["over"] == 1


def test_exemplars_of_counters_buckets_and_native_histograms_are_kept_in_the_order_of_their_times() -> None:
    a, b, untimed = Exemplar({"id": "a"}, 1.0, 200), Exemplar({"id": "b"}, 2.0, 100), Exemplar({"id": "c"}, 3.0)
    native = Histogram(1, schema=0, positive_spans=[(0, 1)], positive=[1], exemplars=[a, untimed, b])
    families = [
        Family("c_total", COUNTER, [Metric({}, 1.0, exemplar=untimed)]),
        Family("h", HISTOGRAM, [Metric({}, native)]),
        Family("k", HISTOGRAM, [Metric({}, Histogram(1, 1, [(1, 1)], {0: a}))]),
    ]
    target = Target(native_histograms=True, exemplars=True)
    target.scrape(families)
    refs, times, values, labels = target.cache.exemplars()
    found = [(target.known[r], t, v) for r, t, v in zip(refs.tolist(), times.tolist(), values.tolist(), strict=True)]
    assert found == [
        (name("c_total"), NOW, 3.0),
        (name("h"), 100, 2.0),
        (name("h"), 200, 1.0),
        (name("k_bucket", le="1.0"), 200, 1.0),
    ]
    assert [labels[i] for i in range(4)] == [{"id": x} for x in "cbaa"]


def test_name_and_type_may_come_last_and_labels_anywhere() -> None:
    metric = bytes_field(1, bytes_field(1, "a") + bytes_field(2, "1")) + bytes_field(2, b"")
    metric += bytes_field(1, bytes_field(1, "b") + bytes_field(2, "2"))
    family = bytes_field(4, metric) + number_field(3, GAUGE) + bytes_field(1, "g")
    target = Target()
    assert target.scrape(varint(len(family)) + family) == {name("g", a="1", b="2"): (NOW, 0.0)}


def test_no_number_of_a_body_passes_for_a_stale_marker() -> None:
    stale = np.array([0x7FF0000000000002], dtype=np.uint64).view(np.float64)[0]
    target = Target()
    target.scrape([Family("g", GAUGE, [Metric({}, stale)])])
    assert target.cache.samples()[2].view(np.uint64).tolist() == [0x7FF8000000000001]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x05ab", "runs past the end of the body"),
        (b"\xff" * 11, "varint"),
        (body([Family("", GAUGE, [Metric({}, 1.0)])]), "without a name"),
        (body([Family("g", 9, [])]), "unknown metric type 9"),
        (body([Family("g", GAUGE, [Metric({"": "x"}, 1.0)])]), "empty label name"),
        (body([Family("g", GAUGE, [Metric({"__name__": "x"}, 1.0)])]), '"__name__" is not unique'),
        (body([Family("h", HISTOGRAM, [Metric({"le": "x"}, CLASSIC)])]), '"le" is not unique'),
        (body([Family("g_total", COUNTER, [Metric({}, 1.0)], unit="seconds")]), "does not end with its unit"),
        (body([Family("g", GAUGE, [])])[:-1], "runs past the end"),
        (varint(4) + bytes_field(1, b"\xff\xfe"), "invalid UTF-8 in the name"),
        (varint(9) + bytes_field(1, "g") + bytes_field(4, b"\x0a\x7f\x00\x00"), "runs past the end of its message"),
    ],
)
def test_a_malformed_body_is_refused_with_the_place(data: bytes, reason: str) -> None:
    target = Target()
    with pytest.raises(DecodeError, match=reason):
        target.scrape(data)
    target.cache.fail()
    assert len(target.scrape(SIMPLE)) == 8


def test_a_faulty_histogram_keeps_its_place_and_is_refused_by_the_append() -> None:
    bad = Histogram(5, 1.0, schema=0, positive_spans=[(0, 3)], positive=[1, 4])
    target = Target(native_histograms=True)
    target.scrape([Family("h", HISTOGRAM, [Metric({}, bad)])])
    assert len(target.cache.histograms()[2]) == 1


NUMBERS = st.one_of(st.floats(allow_nan=False), st.integers(0, 50).map(float))
LABELS = st.dictionaries(
    st.sampled_from("abcd"), st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=2
)
TIMES = st.none() | st.integers(1, 2**41)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    floats, native = draw(st.booleans()), draw(st.booleans())
    counts = [float(c) for c in draw(st.lists(st.integers(0, 5), max_size=6))]
    split = draw(st.integers(0, len(counts)))
    positive, negative = counts[:split], counts[split:]
    bounds = sorted(draw(st.sets(NUMBERS, max_size=4)))
    out = Histogram(sum(counts) + 1, draw(NUMBERS), [(b, float(i)) for i, b in enumerate(bounds)], floats=floats)
    if native:
        out.schema, out.zero_count, out.packed = draw(st.integers(-4, 8)), 1, draw(st.booleans())
        out.zero_threshold, out.positive, out.negative = 0.5, positive, negative
        out.positive_spans, out.negative_spans = _spans(draw, len(positive)), _spans(draw, len(negative))
    return out


def _spans(draw: st.DrawFn, buckets: int) -> list[tuple[int, int]]:
    spans = []
    while buckets:
        length = draw(st.integers(1, buckets))
        spans.append((draw(st.integers(0 if spans else -9, 9)), length))
        buckets -= length
    return spans


@st.composite
def families(draw: st.DrawFn) -> list[Family]:
    out = []
    for text in draw(st.lists(st.sampled_from(["a", "b", "ünicode", "c_seconds"]), unique=True, max_size=4)):
        kind = draw(st.sampled_from([COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM]))
        pairs = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3)
        value: st.SearchStrategy[float | Histogram | Summary] = NUMBERS
        if kind == SUMMARY:
            value = st.builds(Summary, st.integers(0, 2**53), NUMBERS, pairs)
        elif kind in (HISTOGRAM, GAUGE_HISTOGRAM):
            value = histograms()
        metrics = draw(st.lists(st.builds(Metric, LABELS, value, TIMES), max_size=4))
        if kind in (HISTOGRAM, GAUGE_HISTOGRAM):
            # Twice the same one, native and classic in turn, is for storage to judge: the cache sees two series.
            metrics = list({tuple(m.labels.items()): m for m in metrics}.values())
        unit = "seconds" if text.endswith("seconds") and draw(st.booleans()) else ""
        out.append(Family(text, kind, metrics, draw(st.text("xyz\n", max_size=3)), unit))
    return out


def key(labels: dict[str, str]) -> LabelSet:
    return tuple(sorted((n, v) for n, v in labels.items() if v))


@settings(max_examples=300, deadline=None)
@given(families(), families(), st.booleans(), st.booleans())
def test_bodies_give_what_the_plain_reader_gives_first_and_again(
    one: list[Family], two: list[Family], native: bool, classic: bool
) -> None:
    target = Target(native_histograms=native, classic_histograms=classic)
    for sent in (one, one, two, one):
        parsed = protobuf_metrics.parse(body(sent), native, classic)
        floats: list[tuple[LabelSet, int, float]] = []
        native_ones: list[tuple[LabelSet, int, float, list[float]]] = []
        met: set[LabelSet] = set()  # as exposed
        for sample in parsed.samples:
            of, exposed = key(sample.labels), (*sample.labels.items(), ("", str(type(sample.value))))
            # Without a time of its own only the first sample of a series counts.
            if sample.timestamp is None and exposed in met:
                continue
            met.add(exposed)
            at = NOW if sample.timestamp is None else sample.timestamp
            if isinstance(sample.value, float):
                floats.append((of, at, sample.value))
            else:
                h = sample.value
                native_ones.append((of, at, h.sum, [*h.positive.values(), *h.negative.values()]))
        target.scrape(body(sent))
        refs, times, values, _, _ = target.cache.samples()
        assert [
            (key(dict(target.known[r])), t, v)
            for r, t, v in zip(refs.tolist(), times.tolist(), values.tolist(), strict=True)
        ] == floats
        refs, times, batch, _, _ = target.cache.histograms()
        got = [(run, k) for run in batch.runs() for k in range(len(run["sums"]))]
        assert [
            (key(dict(target.known[r])), t, float(run["sums"][k]), [float(b) for b in run["buckets"][k]])
            for r, t, (run, k) in zip(refs.tolist(), times.tolist(), got, strict=True)
        ] == native_ones
        target.cache.commit()
        newest = {family: (kind, text, unit) for family, kind, text, unit in target.cache.metadata()}
        for family, kind, text, unit in parsed.metadata:
            assert newest[family][0] == kind
            assert newest[family][2] == unit
            assert not text or newest[family][1] == text
