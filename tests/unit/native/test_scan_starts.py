"""Start times, and labels of type and unit, of scanned bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import Reading, ScrapeCache
from reference import exposition
from support.protobuf import bytes_field, double_field, number_field, varint
from support.protobuf_metrics import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    Family,
    Histogram,
    Metric,
    Summary,
    body,
)

NOW = 1_700_000_000_000
Series = tuple[tuple[str, str], ...]


class Target:
    """A cache that wants start times; a reference is a place in `known`."""

    def __init__(self, **options: Any) -> None:
        self.cache, self.known = ScrapeCache(), list[Series]()
        self.reading = Reading(**{"starts": True} | options)

    def scrape(self, data: bytes, format: str = "openmetrics") -> dict[Series, int]:
        """The start time of each sample, histograms included. Commits."""
        if format == "protobuf":
            self.counts = self.cache.scan_protobuf(data, NOW, self.reading)
        else:
            self.counts = self.cache.scan_text(data, NOW, self.reading, format == "openmetrics")
        ids = self.cache.unknown()
        self.cache.assign(ids, np.array([self.ref(labels) for labels in self.cache.labels(ids)], dtype=np.uint64))
        columns = zip((self.cache.samples()[0], self.cache.histograms()[0]), self.cache.starts(), strict=True)
        out = {}
        for refs, starts in columns:
            column = [0] * len(refs) if starts is None else starts.tolist()
            out |= dict(zip([self.known[r] for r in refs.tolist()], column, strict=True))
        self.gone = [self.known[r] for r in self.cache.vanished().tolist()]
        self.cache.commit()
        return out

    def ref(self, labels: dict[str, str]) -> int:
        key = name(**labels)
        if key not in self.known:
            self.known.append(key)
        return self.known.index(key)


def name(text: str = "", **labels: str) -> Series:
    return tuple(sorted((({"__name__": text} if text else {}) | labels).items()))


def openmetrics(*lines: str) -> bytes:
    return "\n".join([*lines, "# EOF\n"]).encode()


COUNTER_LINES = ("# TYPE a counter", 'a_total{x="1",y="2"} 5', 'a_created{y="2",x="1"} 1600000000.5')


def test_a_created_line_is_the_start_of_its_metric_first_and_again_and_no_series() -> None:
    target = Target()
    for k in range(3):
        assert target.scrape(openmetrics(*COUNTER_LINES)) == {name("a_total", x="1", y="2"): 1_600_000_000_500}
        assert (target.counts.samples, target.counts.starts) == (1, True)
        assert (target.counts.unknown, target.gone) == (0 if k else 1, [])


def test_a_new_created_time_counts_and_a_line_that_is_gone_leaves_no_start_behind() -> None:
    target = Target()
    target.scrape(openmetrics(*COUNTER_LINES))
    assert target.scrape(openmetrics(*COUNTER_LINES[:2], 'a_created{y="2",x="1"} 7')) == {
        name("a_total", x="1", y="2"): 7000
    }
    assert target.scrape(openmetrics(*COUNTER_LINES[:2])) == {name("a_total", x="1", y="2"): 0}
    assert not target.counts.starts
    assert target.scrape(openmetrics(*COUNTER_LINES)) == {name("a_total", x="1", y="2"): 1_600_000_000_500}
    assert target.counts.unknown == 0


def test_all_lines_of_a_histogram_and_of_a_summary_have_the_start_of_their_labels() -> None:
    lines = (
        "# TYPE h histogram",
        *(f'h_bucket{{le="{le}",p="{p}"}} 1' for p in "ab" for le in ("1.0", "+Inf")),
        *(f'h_{part}{{p="{p}"}} 1' for part in ("count", "sum") for p in "ab"),
        'h_created{p="b"} 2',
        'h_created{p="a"} 1',
        "# TYPE s summary",
        's{quantile="0.5"} 1',
        "s_count 1",
        "s_sum 1",
        "s_created 3",
    )
    found = Target().scrape(openmetrics(*lines))
    for labels, start in found.items():
        assert start == {"a": 1000, "b": 2000}.get(dict(labels).get("p", ""), 3000)
    assert len(found) == 11


@pytest.mark.parametrize("kind", ["gauge", "unknown", "gaugehistogram", "info", "stateset"])
def test_a_created_line_of_other_types_is_a_series(kind: str) -> None:
    found = Target().scrape(openmetrics(f"# TYPE a {kind}", "a 5", "a_created 7"))
    assert found == {name("a"): 0, name("a_created"): 0}


def test_a_created_line_of_the_text_format_or_of_a_reading_without_starts_is_a_series() -> None:
    lines = ("# TYPE a counter", "a_total 5", "a_created 7")
    series = {name("a_total"), name("a_created")}
    assert set(Target().scrape("\n".join([*lines, ""]).encode(), "text")) == series
    plain = Target(starts=False)
    assert set(plain.scrape(openmetrics(*lines))) == series
    assert not plain.counts.starts


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e300", "0"])
def test_a_created_line_without_a_usable_time_gives_none(value: str) -> None:
    assert Target().scrape(openmetrics("# TYPE a counter", "a_total 5", f"a_created {value}")) == {name("a_total"): 0}


def test_converted_histograms_have_the_start_of_their_lines() -> None:
    lines = ("# TYPE h histogram", 'h_bucket{le="1"} 1', 'h_bucket{le="+Inf"} 2', "h_count 2", "h_sum 3", "h_created 9")
    target = Target(convert_histograms=True)
    for _ in range(2):
        assert target.scrape(openmetrics(*lines)) == {name("h"): 9000}
    both = Target(convert_histograms=True, classic_histograms=True).scrape(openmetrics(*lines))
    assert len(both) == 5 and set(both.values()) == {9000}


def test_an_exemplar_beside_a_created_line_stays_with_its_own_series() -> None:
    lines = ("# TYPE a counter", 'a_total 5 # {t="x"} 1 2', 'a_created 7 # {t="y"} 1 2')
    target = Target(exemplars=True)
    target.cache.scan_text(openmetrics(*lines), NOW, target.reading, True)
    target.cache.assign(target.cache.unknown(), np.array([0], dtype=np.uint64))
    refs, _, _, labels = target.cache.exemplars()
    assert (refs.tolist(), labels[0]) == ([0], {"t": "x"})


def test_start_times_of_protobuf_go_with_every_sample_of_their_metric() -> None:
    native = Histogram(1, 1.0, [(1, 1)], schema=0, positive_spans=[(0, 1)], positive=[1], start=3000)
    families = [
        Family("c_total", COUNTER, [Metric({}, 1.0, start=1000), Metric({"a": "b"}, 1.0)]),
        Family("g", GAUGE, [Metric({}, 1.0)]),
        Family("s", SUMMARY, [Metric({}, Summary(1, 1.0, [(0.5, 1.0)], start=2000))]),
        Family("n", HISTOGRAM, [Metric({}, native)]),
        Family("h", HISTOGRAM, [Metric({}, Histogram(1, 1.0, [(1, 1)], start=4000))]),
    ]
    expected = {
        name("c_total"): 1000,
        name("c_total", a="b"): 0,
        name("g"): 0,
        name("s_count"): 2000,
        name("s_sum"): 2000,
        name("s", quantile="0.5"): 2000,
        name("n"): 3000,
        name("h_count"): 4000,
        name("h_sum"): 4000,
        name("h_bucket", le="1.0"): 4000,
        name("h_bucket", le="+Inf"): 4000,
    }
    target = Target(native_histograms=True)
    for _ in range(2):
        assert target.scrape(body(families), "protobuf") == expected
    converted = Target(native_histograms=True, convert_histograms=True).scrape(body(families), "protobuf")
    assert (converted[name("n")], converted[name("h")]) == (3000, 4000)
    assert set(Target(starts=False).scrape(body(families), "protobuf").values()) == {0}


def test_a_time_of_protobuf_that_is_out_of_range_is_unknown_and_no_fault() -> None:
    wild = number_field(1, 2**62) + number_field(2, 5)
    counter = double_field(1, 4.0) + bytes_field(3, wild) + bytes_field(2, double_field(2, 1.0) + bytes_field(3, wild))
    histogram = number_field(1, 3) + bytes_field(15, wild)
    data = b""
    for family, kind, metric in (
        ("c_total", COUNTER, bytes_field(3, counter)),
        ("h", HISTOGRAM, bytes_field(7, histogram)),
    ):
        message = bytes_field(1, family) + number_field(3, kind) + bytes_field(4, metric)
        data += varint(len(message)) + message
    target = Target(exemplars=True)
    assert target.scrape(data, "protobuf") == {
        name("c_total"): 0, name("h_count"): 0, name("h_sum"): 0, name("h_bucket", le="+Inf"): 0
    }  # fmt: skip
    assert not len(target.cache.exemplars()[0])


LINES = [
    "# TYPE a counter",
    "# TYPE h histogram",
    "# TYPE g gauge",
    "a_total 1",
    'a_total{x="1"} 2',
    "a_created 11",
    'a_created{x="1"} 12',
    'h_bucket{le="1.0"} 1',
    'h_bucket{x="1",le="1.0"} 1',
    "h_sum 1",
    "h_created 13",
    'h_created{x="1"} 14',
    "g 1",
    "g_created 15",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(LINES), max_size=12, unique=True), max_size=4))
def test_bodies_in_sequence_give_the_starts_of_the_plain_reader(bodies: list[list[str]]) -> None:
    target = Target()
    for lines in bodies:
        ordered = sorted(lines, key=LINES.index)
        # Each family's lines behind its TYPE line.
        kept = [line for line in ordered if line[0] == "#" or f"# TYPE {line[0]} " in " ".join(ordered)]
        grouped = sorted(kept, key=lambda line: (line.removeprefix("# TYPE ")[0], line[0] != "#", lines.index(line)))
        parsed = exposition.with_starts(exposition.parse(openmetrics(*grouped), True))
        assert target.scrape(openmetrics(*grouped)) == {name(**s.labels): s.start for s in parsed.samples}


def labels_of(data: bytes, format: str, **options: Any) -> list[dict[str, str]]:
    target = Target(type_and_unit=True, **options)
    return [dict(series) for series in target.scrape(data, format)]


def test_types_and_units_of_openmetrics_are_labels_and_win_over_exposed_ones() -> None:
    lines = (
        "# TYPE a_seconds counter",
        "# UNIT a_seconds seconds",
        "# HELP a_seconds text",
        'a_seconds_total{__type__="mine",__unit__="mine"} 1',
        "# TYPE b gauge",
        'b{__type__="mine",__unit__="mine"} 1',
        "# TYPE c unknown",
        'c{__type__="mine"} 1',
    )
    assert labels_of(openmetrics(*lines), "openmetrics") == [
        {"__name__": "a_seconds_total", "__type__": "counter", "__unit__": "seconds"},
        {"__name__": "b", "__type__": "gauge", "__unit__": "mine"},
        {"__name__": "c", "__type__": "mine"},
    ]


def test_a_unit_outlives_scrapes_in_which_other_lines_moved() -> None:
    lines = ["# TYPE a_seconds gauge", "# UNIT a_seconds seconds", "a_seconds 1"]
    target = Target(type_and_unit=True)
    target.scrape(openmetrics(*lines))
    target.scrape(openmetrics("# TYPE b gauge", "b 1", *lines))
    target.cache.scan_text(openmetrics(*lines), NOW, target.reading, True)
    ids = target.cache.find_refs(np.array([0], dtype=np.uint64))
    assert target.cache.labels(ids) == [{"__name__": "a_seconds", "__type__": "gauge", "__unit__": "seconds"}]


def test_types_of_the_text_format_and_of_protobuf_are_labels() -> None:
    assert labels_of(b"# TYPE a counter\na 1\n# TYPE u untyped\nu 1\n", "text") == [
        {"__name__": "a", "__type__": "counter"},
        {"__name__": "u"},
    ]
    families = [
        Family("c_seconds_total", COUNTER, [Metric({"__type__": "x", "__unit__": "y"}, 1.0)], unit="seconds"),
        Family("h", HISTOGRAM, [Metric({"__unit__": "y"}, Histogram(1, 1.0, [(1, 1)]))]),
    ]
    found = labels_of(body(families), "protobuf")
    assert found[0] == {"__name__": "c_seconds_total", "__type__": "counter", "__unit__": "seconds"}
    assert found[1] == {"__name__": "h_count", "__type__": "histogram", "__unit__": "y"}


def test_a_converted_histogram_has_the_type_and_unit_of_its_lines() -> None:
    lines = ("# TYPE h_seconds histogram", "# UNIT h_seconds seconds", 'h_seconds_bucket{le="+Inf"} 2',
             "h_seconds_count 2", "h_seconds_sum 3")  # fmt: skip
    assert labels_of(openmetrics(*lines), "openmetrics", convert_histograms=True) == [
        {"__name__": "h_seconds", "__type__": "histogram", "__unit__": "seconds"}
    ]


def test_a_created_line_is_a_series_in_text_and_a_start_in_openmetrics_also_when_the_format_changes() -> None:
    text = "\n".join([*COUNTER_LINES, ""]).encode()
    total, created = name("a_total", x="1", y="2"), name("a_created", x="1", y="2")
    target = Target()
    for _ in range(2):
        assert target.scrape(openmetrics(*COUNTER_LINES)) == {total: 1_600_000_000_500}
        assert target.gone in ([], [created])
        assert target.scrape(text, "text") == {total: 0, created: 0}
        target.cache.scan_text(text, NOW, target.reading, False)
        target.cache.fail()
    assert target.scrape(openmetrics(*COUNTER_LINES)) == {total: 1_600_000_000_500}
