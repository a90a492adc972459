"""Native histograms as values of queries: what is selected, shown and computed."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from narthex.errors import QueryError, TooManySamples
from narthex.instrument.registry import Registry
from narthex.model.number import STALE_NAN
from narthex.native import SeriesBatch
from narthex.promql.bucketless import bucketless_selectors
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions, VectorSelector, walk
from reference.chunk_histogram import GAUGE, Histogram, Layout, write_histograms
from reference.chunk_xor2 import write_xor2

_LAYOUT = Layout(0, 0.5, ((0, 2),), ((1, 1),))


class Stored:
    """Series of numbers and histograms at times in milliseconds."""

    warnings = ()

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[int, int, int, bytes]]] = {}

    def add(self, name: str, samples: dict[int, float | Histogram]) -> None:
        chunks = self._rows.setdefault(name, [])
        for t, value in samples.items():
            if isinstance(value, Histogram):
                chunks.append((t, t, 2, write_histograms(2, [(t, 0, value)], value.hint)))
            else:
                chunks.append((t, t, 4, write_xor2([(t, 0, value)])))

    def querier(self, mint: int, maxt: int) -> Stored:
        return self

    def select(self, matchers: Any) -> SeriesBatch:
        batch = SeriesBatch()
        for name in sorted(self._rows):
            if all(m.matches(name) for m in matchers if m.name == "__name__"):
                batch.add_chunks([("__name__", name), ("job", name)], self._rows[name])
        return batch

    def close(self) -> None: ...


def histogram(scale: int = 1, total: float = 4.0) -> Histogram:
    return Histogram(_LAYOUT, 10 * scale, scale, total, {0: 2 * scale, 1: 3 * scale}, {1: 4 * scale})


STALE_HISTOGRAM = Histogram(Layout(), 0, 0, STALE_NAN)
SHOWN = {
    "count": "10",
    "sum": "4",
    "buckets": [[1, "-2", "-1", "4"], [3, "-0.5", "0.5", "1"], [0, "0.5", "1", "2"], [0, "1", "2", "3"]],
}


@pytest.fixture
def stored() -> Stored:
    data = Stored()
    data.add("mixed", {1_000: 5.0, 2_000: histogram()})
    return data


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(parser=ParserOptions.everything()), Registry())
    yield made
    made.close()


def values(engine: Engine, stored: Any, text: str, time: int = 3_000) -> list[float | dict[str, Any]]:
    answer = json.loads(engine.instant(stored, text, time).json())["result"]
    return [float(row["value"][1]) if "value" in row else row["histogram"][1] for row in answer]


def test_the_newest_sample_counts_be_it_a_number_or_a_histogram(engine: Engine, stored: Any) -> None:
    answer = json.loads(engine.range(stored, "mixed", 1_000, 3_000, 1_000).json())["result"]
    labels = {"__name__": "mixed", "job": "mixed"}
    assert answer == [{"metric": labels, "values": [[1, "5"]], "histograms": [[2, SHOWN], [3, SHOWN]]}]


def test_an_instant_query_shows_count_sum_and_filled_buckets(engine: Engine, stored: Any) -> None:
    answer = engine.instant(stored, "mixed", 2_500)
    labels = {"__name__": "mixed", "job": "mixed"}
    assert json.loads(answer.json())["result"] == [{"metric": labels, "histogram": [2.5, SHOWN]}]
    assert answer.warnings == answer.infos == []


def test_a_range_selector_gives_both_kinds_in_order_of_time(engine: Engine, stored: Any) -> None:
    stored.add("mixed", {2_500: 7.0, 2_600: STALE_NAN, 2_700: STALE_HISTOGRAM})
    answer = json.loads(engine.instant(stored, "mixed[1m]", 3_000).json())["result"]
    assert answer[0]["values"] == [[1, "5"], [2.5, "7"]]
    assert answer[0]["histograms"] == [[2, SHOWN]]


@pytest.mark.parametrize("marker", [STALE_NAN, STALE_HISTOGRAM], ids=["number", "histogram"])
def test_a_stale_marker_of_either_kind_ends_a_series(engine: Engine, stored: Any, marker: Any) -> None:
    stored.add("mixed", {2_200: marker})
    assert values(engine, stored, "mixed", 2_100) == [SHOWN]
    assert values(engine, stored, "mixed", 2_300) == []


def test_stored_numbers_cannot_pass_for_histograms(engine: Engine, stored: Any) -> None:
    for sign in (0x0000, 0x8000):
        (forged,) = struct.unpack("<d", struct.pack("<Q", (0x7FF5 | sign) << 48))
        stored.add("forged", {1_000 + sign: forged})
        for text in ("forged", "-forged", "last_over_time(forged[1m])", "forged or mixed", "abs(forged)"):
            (first, *_) = values(engine, stored, text, 2_000 + sign)
            assert isinstance(first, float)
            assert math.isnan(first)


def test_what_only_moves_cells_moves_histograms(engine: Engine, stored: Any) -> None:
    for text in (
        "mixed or mixed",
        "mixed and mixed",
        "limitk(1, mixed)",
        "mixed @ 2.5",
        'label_replace(mixed, "x", "y", "", "")',
        'sort_by_label(mixed, "job")',
        "group(mixed) * on() group_left mixed",
    ):
        assert values(engine, stored, text) == [SHOWN], text
    assert values(engine, stored, "timestamp(mixed)") == [2.0]
    assert values(engine, stored, "count(mixed)") == [1.0]
    assert values(engine, stored, "absent(mixed)") == []


def test_functions_of_numbers_leave_histograms_out(engine: Engine, stored: Any) -> None:
    for text in ("abs(mixed)", "round(mixed)", "clamp(mixed, 1, 2)", "sort(mixed)", "hour(mixed)"):
        assert values(engine, stored, text) == [], text
    (number,) = values(engine, stored, "vector(scalar(mixed))")
    assert isinstance(number, float)
    assert math.isnan(number)


def test_numbers_of_a_histogram(engine: Engine, stored: Any) -> None:
    assert values(engine, stored, "histogram_count(mixed)") == [10.0]
    assert values(engine, stored, "histogram_sum(mixed)") == [4.0]
    assert values(engine, stored, "histogram_avg(mixed)") == [0.4]
    (quantile,) = values(engine, stored, "histogram_quantile(0.9, mixed)")
    assert quantile == pytest.approx(2 ** (2 / 3))  # 9 of 10: two of the three between 1 and 2
    assert values(engine, stored, "histogram_fraction(0.5, 2, mixed)") == [0.5]
    assert values(engine, stored, "histogram_count(mixed)", 1_500) == []


def test_arithmetic_of_histograms(engine: Engine, stored: Any) -> None:
    assert values(engine, stored, "histogram_count(mixed * 2)") == [20.0]
    assert values(engine, stored, "histogram_count(-mixed)") == [-10.0]
    assert values(engine, stored, "histogram_count(mixed / 4 + mixed)") == [12.5]
    assert values(engine, stored, "histogram_count(mixed - mixed)") == [0.0]
    assert values(engine, stored, "histogram_count(mixed </ 0.5)") == [5.0]
    assert values(engine, stored, "mixed == bool mixed") == [1.0]
    refused = engine.instant(stored, "1 + mixed", 3_000)
    assert refused.rows == 0
    assert refused.infos == [
        'PromQL info: incompatible sample types encountered for binary operator "+": float + histogram (1:1)'
    ]


def test_aggregations_of_histograms(engine: Engine, stored: Any) -> None:
    stored.add("other", {2_000: histogram(2, 1.0)})
    both = '{__name__=~"mixed|other"}'
    assert values(engine, stored, f"histogram_count(sum({both}))") == [30.0]
    assert values(engine, stored, f"histogram_sum(avg({both}))") == [2.5]
    assert values(engine, stored, f"count({both})") == [2.0]
    smallest = engine.instant(stored, f"min({both})", 3_000)
    assert smallest.rows == 0
    assert smallest.infos == ["PromQL info: ignored histogram in min aggregation (1:5)"]
    stored.add("number", {2_000: 1.0})
    mix = engine.instant(stored, 'sum({__name__!=""})', 3_000)
    assert mix.rows == 0
    assert mix.warnings == ["PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)"]


def test_histograms_count_against_the_limit_by_their_size(stored: Any) -> None:
    engine = Engine(EngineOptions(max_samples=20), Registry())
    assert values(engine, stored, "mixed", 1_500) == [5.0]
    with pytest.raises(TooManySamples, match="too many samples into memory"):
        engine.instant(stored, "mixed", 3_000)
    engine.close()


def test_raw_histograms_cannot_be_extended(engine: Engine, stored: Any) -> None:
    with pytest.raises(QueryError, match="anchored modifier is not supported with histograms"):
        engine.instant(stored, "mixed[1m] anchored", 3_000)


@pytest.fixture
def counter(stored: Stored) -> Stored:
    """Every 10 s from 10 s on, a reset at 40 s, a number at 100 s."""
    scales = {10: 1, 20: 2, 30: 4, 40: 1, 50: 2}
    stored.add("counter", {t * 1_000: histogram(scale, float(scale)) for t, scale in scales.items()} | {100_000: 7.0})
    return stored


def test_rates_of_histograms_see_resets_and_extrapolate(engine: Engine, counter: Any) -> None:
    # 4 - 1 before the reset, 2 after it, over 40 of 50 s: both ends are near enough to the window's.
    (rate,) = values(engine, counter, "histogram_count(increase(counter[50s]))", 55_000)
    assert rate == pytest.approx(50 * 50 / 40)
    (rate,) = values(engine, counter, "histogram_count(rate(counter[50s]))", 55_000)
    assert rate == pytest.approx(50 / 40)
    assert values(engine, counter, "histogram_count(irate(counter[50s]))", 35_000) == [2.0]
    assert values(engine, counter, "histogram_count(irate(counter[50s]))", 45_000) == [1.0]
    assert values(engine, counter, "resets(counter[1m])", 55_000) == [1.0]
    assert values(engine, counter, "changes(counter[1m])", 55_000) == [4.0]


def test_what_is_not_meant_for_a_kind_of_histogram_is_told(engine: Engine, counter: Any) -> None:
    answer = engine.instant(counter, "delta(counter[1m])", 55_000)
    assert answer.warnings == ['PromQL warning: this native histogram metric is not a gauge: "counter" (1:7)']
    counter.add("gauge", {t: replace(histogram(), hint=GAUGE) for t in (1_000, 2_000, 3_000)})
    answer = engine.instant(counter, "rate(gauge[1m])", 3_000)
    assert answer.warnings == ['PromQL warning: this native histogram metric is not a counter: "gauge" (1:6)']


def test_windows_of_both_kinds(engine: Engine, counter: Any) -> None:
    mixed = 'PromQL warning: encountered a mix of histograms and floats for metric name "counter" ({})'
    for text, place in (("rate(counter[2m])", "1:6"), ("sum_over_time(counter[2m])", "1:15")):
        answer = engine.instant(counter, text, 100_000)
        assert answer.rows == 0
        assert answer.warnings == [mixed.format(place)]
    answer = engine.instant(counter, "max_over_time(counter[2m])", 100_000)
    assert json.loads(answer.json())["result"][0]["value"] == [100, "7"]
    assert answer.infos == [
        'PromQL info: ignored histograms in a range containing both floats and histograms for metric name "counter" '
        "(1:15)"
    ]
    assert values(engine, counter, "count_over_time(counter[2m])", 100_000) == [6.0]
    assert values(engine, counter, "changes(counter[2m])", 100_000) == [5.0]
    assert values(engine, counter, "last_over_time(counter[2m])", 100_000) == [7.0]
    assert values(engine, counter, "histogram_count(first_over_time(counter[2m]))", 100_000) == [10.0]
    assert values(engine, counter, "ts_of_first_over_time(counter[2m])", 100_000) == [10.0]
    assert values(engine, counter, "absent_over_time(counter[2m])", 55_000) == []


def test_sums_and_means_over_time(engine: Engine, counter: Any) -> None:
    assert values(engine, counter, "histogram_count(sum_over_time(counter[1m]))", 55_000) == [100.0]
    assert values(engine, counter, "histogram_sum(avg_over_time(counter[1m]))", 55_000) == [2.0]


def test_a_subquery_forgets_what_is_known_about_resets(engine: Engine, counter: Any) -> None:
    # Every second step misses the fall between 30 s and 40 s, but sees that 50 s is less than 30 s.
    (increase,) = values(engine, counter, "histogram_count(increase(counter[40s:20s] @ 50))", 55_000)
    plain = values(engine, counter, "histogram_count(sum_over_time(counter[40s:20s] @ 50))", 55_000)
    assert plain == [30.0]  # at 20 s and 40 s
    assert increase == pytest.approx(10 * (20 + 10 + 10) / 20)


def test_trimming_keeps_the_name(engine: Engine, stored: Any) -> None:
    answer = json.loads(engine.instant(stored, "mixed >/ -Inf", 3_000).json())["result"]
    assert answer == [{"metric": {"__name__": "mixed", "job": "mixed"}, "histogram": [3, SHOWN]}]


def test_smoothed_and_anchored_histograms(engine: Engine, counter: Any) -> None:
    # A number within the lookback, as that of `counter`, would leave no value.
    assert values(engine, counter, "counter smoothed", 25_000) == []
    counter.add("pure", {t * 1_000: histogram(scale) for t, scale in {10: 1, 20: 2, 30: 4, 40: 1, 50: 2}.items()})
    assert values(engine, counter, "histogram_count(pure smoothed)", 25_000) == [30.0]
    assert values(engine, counter, "histogram_count(increase(pure[20s] anchored))", 35_000) == [30.0]
    assert values(engine, counter, "histogram_count(increase(pure[20s] smoothed))", 35_000) == [30.0]
    assert values(engine, counter, "resets(pure[20s] anchored)", 45_000) == [1.0]


def test_count_values_writes_histograms_as_text(engine: Engine, stored: Any) -> None:
    answer = json.loads(engine.instant(stored, 'count_values("v", mixed)', 3_000).json())["result"]
    text = "{count:10, sum:4, [-2,-1):4, [-0.5,0.5]:1, (0.5,1]:2, (1,2]:3}"
    assert answer == [{"metric": {"v": text}, "value": [3, "1"]}]


def test_counts_alone_are_read_without_buckets_but_with_resets(engine: Engine, counter: Any) -> None:
    (plain,) = values(engine, counter, "histogram_count(rate(counter[1m]))", 55_000)
    (whole,) = values(engine, counter, "histogram_count(rate(counter[1m]) >/ -Inf)", 55_000)
    assert plain == whole
    needed = "histogram_count(rate(c[1m:1s])) + histogram_count(d >/ 1) + e"
    tree = engine.parse(f"histogram_count(a) + histogram_sum(rate(b[1m])) + {needed}").tree
    found = bucketless_selectors(tree)
    assert {n.name for n in walk(tree) if isinstance(n, VectorSelector) and id(n) in found} == {"a", "b"}


def test_a_selector_that_repeats_is_read_with_buckets_where_they_are_needed(engine: Engine, stored: Any) -> None:
    text = "histogram_fraction(0.5, 2, mixed) + histogram_count(mixed) + histogram_sum(mixed)"
    assert values(engine, stored, text) == [14.5]


def test_info_series_must_be_numbers(engine: Engine, stored: Any) -> None:
    stored.add("number", {2_000: 1.0})
    with pytest.raises(QueryError, match="this should be an info metric, with float samples: mixed"):
        engine.instant(stored, 'info(number, {__name__="mixed"})', 3_000)


def test_threads_compute_what_one_thread_computes() -> None:
    data = Stored()
    for i in range(300):
        data.add(f"m{i:03}", {t * 15_000: histogram(1 + (i + t) % 7, float(i * t)) for t in range(30)})
    texts = (
        '{__name__!=""}',
        'rate({__name__!=""}[2m])',
        'histogram_quantile(0.8, avg_over_time({__name__!=""}[1m]))',
        'sum by (job) ({__name__!=""})',
    )
    answers = []
    for threads in (1, 4):
        engine = Engine(EngineOptions(threads=threads, max_samples=10**8), Registry())
        answers.append([engine.range(data, text, 0, 450_000, 3_000).json() for text in texts])  # type: ignore[arg-type]  # a stand-in for storage
        engine.close()
    assert answers[0] == answers[1]
    assert len(answers[0][0]) > 10**6
