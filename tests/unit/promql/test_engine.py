"""The engine as its callers see it: kinds of results, errors, limits, what is read."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from narthex.errors import PromQLError, QueryCanceled, QueryError, QueryTimeout, TooManySamples
from narthex.instrument.registry import Registry
from narthex.model.number import STALE_NAN
from narthex.promql.engine import Engine, QueryHandle
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions
from narthex.promql.syntax.parser import MAX_HEIGHT
from support.memory_series import MemorySeries


@pytest.fixture
def series() -> MemorySeries:
    data = MemorySeries()
    for i in range(4):
        labels = {"__name__": "requests_total", "instance": str(i), "job": "a" if i < 2 else "b"}
        data.add_every(labels, 15_000, [x * (i + 1) for x in range(100)], start=7_000)
    return data


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(parser=ParserOptions.everything()), Registry())
    yield made
    made.close()


def instant(engine: Engine, series: MemorySeries, expr: str, t: int = 600_000) -> Any:
    return json.loads(engine.instant(series, expr, t).json())


def test_each_kind_of_result_has_its_shape(engine: Engine, series: MemorySeries) -> None:
    assert instant(engine, series, "1 + 1") == {"resultType": "scalar", "result": [600, "2"]}
    assert instant(engine, series, "'x'") == {"resultType": "string", "result": [600, "x"]}
    vector = instant(engine, series, 'requests_total{instance="1"}')
    labels = {"__name__": "requests_total", "instance": "1", "job": "a"}
    assert vector == {"resultType": "vector", "result": [{"metric": labels, "value": [600, "78"]}]}
    raw = instant(engine, series, 'requests_total{instance="1"}[30s]')
    assert raw == {
        "resultType": "matrix",
        "result": [{"metric": labels, "values": [[577, "76"], [592, "78"]]}],
    }
    ranged = json.loads(engine.range(series, "sum(requests_total) > 390", 600_000, 660_000, 30_000).json())
    assert ranged["result"] == [{"metric": {}, "values": [[630, "410"], [660, "430"]]}]


def test_raw_samples_count_against_the_limit_and_leave_out_stale_markers_and_empty_rows(engine: Engine) -> None:
    data = MemorySeries()
    data.add({"__name__": "x", "i": "1"}, [10_000, 20_000, 30_000], [1.0, STALE_NAN, math.nan])
    data.add({"__name__": "x", "i": "2"}, [20_000], [STALE_NAN])
    data.add({"__name__": "x", "i": "3"}, [5_000, 40_000], [7.0, 8.0])
    result = engine.instant(data, "x[30s]", 40_000)
    assert json.loads(result.json())["result"] == [
        {"metric": {"__name__": "x", "i": "1"}, "values": [[30, "NaN"]]},
        {"metric": {"__name__": "x", "i": "3"}, "values": [[40, "8"]]},
    ]
    assert (result.stats.samples_read, result.stats.peak_samples) == (2, 2)
    small = Engine(EngineOptions(max_samples=1), Registry())
    with pytest.raises(TooManySamples):
        small.instant(data, "x[30s]", 40_000)
    small.close()


def test_a_subquery_result_keeps_the_times_of_its_steps(engine: Engine, series: MemorySeries) -> None:
    got = instant(engine, series, "sum(requests_total)[1m:20s]")
    assert [t for t, _ in got["result"][0]["values"]] == [560, 580, 600]


def test_selectors_with_overlapping_ranges_are_read_once(engine: Engine, series: MemorySeries) -> None:
    engine.instant(series, "rate(requests_total[5m]) / rate(requests_total[10m])", 900_000)
    assert series.asked == [(900_000 - 600_000 + 1, 900_000, ('__name__="requests_total"',))]
    assert series.opened == series.closed == 1


def test_selectors_far_apart_are_read_apart(engine: Engine, series: MemorySeries) -> None:
    engine.instant(series, "rate(requests_total[1m]) - rate(requests_total[1m] offset 10m)", 900_000)
    assert sorted((a, b) for a, b, _ in series.asked) == [(240_001, 300_000), (840_001, 900_000)]


def test_queriers_are_closed_after_errors(engine: Engine, series: MemorySeries) -> None:
    with pytest.raises(QueryError, match="many-to-many matching not allowed"):
        engine.instant(series, "requests_total + on(job) requests_total", 600_000)
    assert series.opened == series.closed > 0


def test_too_many_samples_stop_a_query(series: MemorySeries) -> None:
    engine = Engine(EngineOptions(max_samples=50), Registry())
    with pytest.raises(TooManySamples, match="too many samples into memory"):
        engine.instant(series, "sum(rate(requests_total[20m]))", 1_400_000)
    assert engine.instant(series, "sum(rate(requests_total[5m]))", 1_400_000).rows == 1
    engine.close()


@pytest.mark.parametrize(
    "doubled", ["label_join({}, 'job', '', 'job', 'job')", "label_replace({}, 'job', '$0$0', 'job', '(.*)')"]
)
def test_text_that_label_functions_make_counts_against_the_limit(
    engine: Engine, series: MemorySeries, doubled: str
) -> None:
    def nested(levels: int) -> str:
        text = "requests_total"
        for _ in range(levels):
            text = doubled.format(text)
        return text

    small = engine.instant(series, nested(4), 600_000)
    assert small.labels[0]["job"] == "a" * 16 and small.stats.peak_samples < 30
    large = engine.instant(series, nested(16), 600_000)
    assert large.stats.peak_samples > 2 * 2**16 / 16
    with pytest.raises(TooManySamples):
        engine.instant(series, nested(60), 600_000)


@pytest.mark.parametrize("far", [2**63 - 1, -(2**63), 2**61])
def test_at_times_beyond_all_samples_there_is_nothing(engine: Engine, series: MemorySeries, far: int) -> None:
    for expr in ("requests_total", "rate(requests_total[5m])", "requests_total offset 290y", "(requests_total)[1h:1m]"):
        assert engine.instant(series, expr, far).rows == 0, expr
    assert engine.instant(series, f"requests_total @ {far // 1000}", 600_000).rows == 0
    assert engine.range(series, "requests_total", far - 60_000, far, 30_000).rows == 0


def test_a_cancel_reaches_a_function_inside_of_one_row(engine: Engine) -> None:
    data = MemorySeries()
    data.add_every({"__name__": "m"}, 1000, [float(i % 7777) for i in range(200_000)])
    # Under factors that change from step to step windows are smoothed one by one.
    call = "double_exponential_smoothing(m[100000s], (time() % 7 + 1) / 10, 0.5)"
    handle = QueryHandle()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.range, data, call, 100_000_000, 199_000_000, 10_000, handle=handle)
        with pytest.raises(TimeoutError):
            asked.result(timeout=0.1)
        handle.cancel()
        with pytest.raises(QueryCanceled):
            asked.result(timeout=2)


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize(
    "expr",
    [
        " or ".join(["requests_total"] * MAX_HEIGHT),
        " + ".join(f"requests_total{{a!='{i}'}}" for i in range(MAX_HEIGHT)),
        "abs(" * 98 + "+".join(["requests_total"] * (MAX_HEIGHT - 98)) + ")" * 98,
        "sum_over_time(" * 98 + "requests_total" + "[1m:15s])" * 98,
        "sum(" * 98 + "requests_total" + ")" * 98,
        "-" * 98 + "requests_total",
    ],
    ids=["or", "plus", "abs of plus", "subqueries", "sums", "signs"],
)
def test_the_tallest_trees_that_are_accepted_are_evaluated(
    engine: Engine, series: MemorySeries, expr: str, explain: bool
) -> None:
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(engine.range, series, expr, 600_000, 660_000, 30_000, explain=explain).result()
    assert result.rows > 0
    if result.explained is not None:
        assert json.dumps(result.explained.fields()) and len(list(result.explained.lines())) > 98


def test_a_timeout_and_a_cancel_are_told_apart(engine: Engine, series: MemorySeries) -> None:
    handle = QueryHandle()
    handle.cancel()
    with pytest.raises(QueryCanceled):
        engine.instant(series, "requests_total", 600_000, handle=handle)
    for i in range(400):
        series.add_every({"__name__": "many", "i": str(i)}, 1000, [float(x) for x in range(2000)])
    with pytest.raises(QueryTimeout):
        engine.range(series, "sum(mad_over_time(many[30m]))", 0, 2_000_000, 500, timeout_s=0.05)


def test_a_full_engine_lets_queries_wait_until_their_timeout(series: MemorySeries) -> None:
    engine = Engine(EngineOptions(max_concurrency=1), Registry())
    blocked, release = threading.Event(), threading.Event()

    class Slow(MemorySeries):
        def querier(self, mint: int, maxt: int) -> Any:
            blocked.set()
            release.wait(10)
            return super().querier(mint, maxt)

    other = threading.Thread(target=lambda: engine.instant(Slow(), "x", 0))
    other.start()
    blocked.wait(10)
    with pytest.raises(QueryTimeout):
        engine.instant(series, "requests_total", 600_000, timeout_s=0.01)
    release.set()
    other.join()
    assert engine.instant(series, "requests_total", 600_000).rows == 4
    engine.close()


def test_wrong_types_and_bounds_of_range_queries_are_refused(engine: Engine, series: MemorySeries) -> None:
    with pytest.raises(PromQLError, match='invalid expression type "range vector" for range query'):
        engine.range(series, "requests_total[5m]", 0, 1000, 1000)
    with pytest.raises(QueryError, match="zero or negative"):
        engine.range(series, "requests_total", 0, 1000, 0)


def test_rates_of_gauges_are_noted_with_their_position(engine: Engine, series: MemorySeries) -> None:
    series.add_every({"__name__": "heat"}, 15_000, [1.0, 2.0, 3.0, 4.0])
    result = engine.instant(series, "sum(\n  rate(heat[1m]))", 60_000)
    text = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "heat" (2:8)'
    assert (result.infos, result.warnings) == ([text], [])


def test_names_are_dropped_at_the_end_when_that_is_switched_on(series: MemorySeries) -> None:
    expr = 'label_replace(rate(requests_total{instance="0"}[5m]), "was", "$1", "__name__", "(.+)")'
    for delayed, expected in ((False, None), (True, "requests_total")):
        engine = Engine(EngineOptions(delayed_name_removal=delayed), Registry())
        metric = instant(engine, series, expr)["result"][0]["metric"]
        engine.close()
        assert metric.get("was") == expected
        assert "__name__" not in metric


def test_series_that_lose_their_difference_collide(engine: Engine, series: MemorySeries) -> None:
    series.add_every({"__name__": "other_total", "instance": "0", "job": "a"}, 15_000, [1.0] * 100)
    for expr in ('rate({instance="0"}[5m])', 'sum(rate({instance="0"}[5m]))', '-{instance="0"}'):
        with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
            engine.instant(series, expr, 600_000)


def test_stats_count_what_was_read(series: MemorySeries) -> None:
    registry = Registry()
    engine = Engine(EngineOptions(), registry)
    result = engine.instant(series, "rate(requests_total[5m])", 600_000)
    assert result.stats.samples_read == 4 * 20
    assert result.stats.peak_samples >= 20
    assert b"prometheus_engine_query_samples_total 80\n" in registry.expose()
    engine.close()


@pytest.mark.parametrize(
    ("expr", "at_each_step"),
    [
        ("requests_total", 4),
        ("sum(requests_total)", 4),
        ("sum(rate(requests_total[5m]))", 80),
        ("requests_total + requests_total", 8),
        ("requests_total @ end()", 4),
        ("max_over_time(requests_total[5m:1m])", 20),
        ("max_over_time(rate(requests_total[5m])[5m:1m] @ end())", 20),
        ("1 + time()", 0),
    ],
)
def test_samples_that_each_step_reads_are_counted_for_those_who_ask(
    engine: Engine, series: MemorySeries, expr: str, at_each_step: int
) -> None:
    ranged = engine.range(series, expr, 600_000, 720_500, 60_250, count_reads=True)
    samples = ranged.stats.fields(per_step=True)["samples"]
    assert samples["totalQueryableSamples"] == 3 * at_each_step
    assert samples["totalQueryableSamplesPerStep"] == [[t, at_each_step] for t in (600, 660.25, 720.5)]
    plain = engine.range(series, expr, 600_000, 720_500, 60_250)
    assert plain.json() == ranged.json()
    assert plain.stats.reads is None and plain.stats.samples_read <= ranged.stats.samples_read
    instant = engine.instant(series, expr, 600_000, count_reads=True)
    assert instant.stats.fields()["samples"]["totalQueryableSamples"] == at_each_step


def test_samples_of_a_bare_window_are_counted(engine: Engine, series: MemorySeries) -> None:
    for expr, count in (("requests_total[5m]", 80), ("rate(requests_total[5m])[5m:1m]", 20)):
        stats = engine.instant(series, expr, 600_000, count_reads=True).stats
        assert stats.fields()["samples"]["totalQueryableSamples"] == count


def test_threads_give_what_one_thread_gives(series: MemorySeries) -> None:
    data = MemorySeries()
    for i in range(300):
        values = [float((x * 7 + i * 3) % 50) if x % 11 else math.nan for x in range(400)]
        data.add_every({"__name__": "m_total", "i": str(i), "g": str(i % 7)}, 15_000, values)
    answers = []
    for threads in (1, 3):
        engine = Engine(EngineOptions(threads=threads), Registry())
        args = (data, "max by (g) (rate(m_total[5m])) or avg_over_time(m_total[10m])", 0, 6_000_000, 15_000)
        answers.append(engine.range(*args).json())
        engine.close()
    assert answers[0] == answers[1]
