"""Values at the edge of numbers and times, and labels that collide: answers that users know from Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from narthex.errors import QueryError
from narthex.instrument.registry import Registry
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions
from support.memory_series import MemorySeries

MINUTE = 60_000


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(parser=ParserOptions.everything()), Registry())
    yield made
    made.close()


@pytest.fixture
def series() -> MemorySeries:
    data = MemorySeries()
    data.add_every({"__name__": "a", "job": "x"}, MINUTE, [1.0] * 11)
    data.add_every({"__name__": "a", "job": "y"}, MINUTE, [math.inf] * 11)
    data.add_every({"__name__": "b", "job": "x"}, MINUTE, [2.0] * 11)
    return data


def value(engine: Engine, series: MemorySeries, expr: str) -> float:
    result = engine.instant(series, expr, 10 * MINUTE)
    assert result.rows == 1
    return float(result.cells[0, 0])


def rows(engine: Engine, series: MemorySeries, expr: str) -> list[tuple[Any, float]]:
    result = engine.instant(series, expr, 10 * MINUTE)
    return [(dict(result.labels[i]), float(result.cells[i, 0])) for i in range(result.rows)]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("clamp_max(vector(-Inf), NaN)", -math.inf),
        ("clamp_min(vector(Inf), NaN)", math.inf),
        ("clamp_max(vector(Inf), NaN)", math.nan),
        ("clamp_max(vector(1), NaN)", math.nan),
        ("vector(min_of(-Inf, NaN))", -math.inf),
        ("vector(max_of(NaN, Inf))", math.inf),
        ("vector(max_of(NaN, -Inf))", math.nan),
        ("vector(1 / min_of(0, -0))", -math.inf),
        ("vector(1 / min_of(-0, 0))", -math.inf),
        ("vector(1 / max_of(0, -0))", math.inf),
        ("vector(1 / max_of(-0, 0))", math.inf),
        ("1 / clamp_max(vector(0), -0)", -math.inf),
        ("1 / clamp_min(vector(-0), 0)", math.inf),
    ],
)
def test_an_infinity_that_no_number_can_beat_comes_before_nan_and_minus_zero_is_less_than_zero(
    engine: Engine, series: MemorySeries, expr: str, expected: float
) -> None:
    assert str(value(engine, series, expr)) == str(expected)


@pytest.mark.parametrize("time", ["NaN", "Inf", "-Inf", "-1e300"])
def test_what_is_no_time_is_in_the_year_to_which_the_count_of_days_wraps(
    engine: Engine, series: MemorySeries, time: str
) -> None:
    assert value(engine, series, f"year(vector({time}))") == 292277026596
    assert value(engine, series, f"month(vector({time}))") == 12


def test_counted_values_take_the_place_of_the_label_they_are_written_to(engine: Engine, series: MemorySeries) -> None:
    found = rows(engine, series, 'count_values("job", a)')
    assert sorted(found, key=str) == [({"job": "+Inf"}, 1.0), ({"job": "1"}, 1.0)]
    assert sorted(rows(engine, series, 'count_values without () ("job", {__name__=~"a|b"})'), key=str) == [
        ({"job": "+Inf"}, 1.0),
        ({"job": "1"}, 1.0),
        ({"job": "2"}, 1.0),
    ]


def test_several_names_in_a_window_are_not_absent(engine: Engine, series: MemorySeries) -> None:
    assert rows(engine, series, 'absent_over_time({__name__=~"a|b",job="x"}[5m])') == []
    assert rows(engine, series, 'absent_over_time({__name__=~"c|d",job="x"}[5m])') == [({"job": "x"}, 1.0)]


def test_an_increase_to_minus_infinity_is_that_however_many_resets_come_before(engine: Engine) -> None:
    data = MemorySeries()
    data.add_every({"__name__": "c"}, 1000, [*([3.0, 1.0] * 300), -math.inf])
    assert engine.instant(data, "increase(c[20m])", 600_000).cells[0, 0] == -math.inf


def test_windows_of_series_that_lose_their_difference_collide_even_when_they_take_turns(engine: Engine) -> None:
    data = MemorySeries()
    data.add_every({"__name__": "a", "job": "x"}, MINUTE, [1.0] * 5)
    data.add_every({"__name__": "b", "job": "x"}, MINUTE, [1.0] * 5, start=60 * MINUTE)
    data.add_every({"__name__": "c", "job": "x"}, MINUTE, [1.0] * 5, start=240 * MINUTE)
    both = '{__name__=~"a|b"}'
    with pytest.raises(QueryError, match="same labelset"):
        engine.range(data, f"rate({both}[5m])", 0, 100 * MINUTE, MINUTE)
    assert engine.range(data, f"-{both}", 0, 100 * MINUTE, MINUTE).rows == 1
    assert engine.range(data, 'rate({__name__=~"a|c"}[5m])', 0, 100 * MINUTE, MINUTE).rows == 1


def test_smoothing_factors_are_looked_at_where_a_window_has_samples(engine: Engine, series: MemorySeries) -> None:
    assert rows(engine, series, "double_exponential_smoothing(a[5m] offset 1h, 2, 0.5)") == []
    for factors, name, short in (("2, 0.5", "smoothing", "sf"), ("0.5, 2", "trend", "tf")):
        with pytest.raises(QueryError, match=f"invalid {name} factor. Expected: 0 < {short} < 1, got: 2"):
            engine.instant(series, f"double_exponential_smoothing(a[5m], {factors})", 10 * MINUTE)
