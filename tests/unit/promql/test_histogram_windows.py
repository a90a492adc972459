"""Window kernels on native histograms against plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.model.number import STALE_NAN, is_stale
from narthex.native import FloatHistogram, HistogramPool, QueryBudget, SampleSource, is_histogram_cell
from narthex.native import range_rows as run_range_rows
from narthex.native import smoothed_rows as run_smoothed_rows
from narthex.promql.functions.over_time import RANGE_FUNCTIONS
from narthex.promql.values import Cells
from reference import promql_histogram_windows as twin
from reference.promql_histograms import CUSTOM, GAUGE, UNKNOWN, Value

STEP, SPAN, COUNT = 10_000, 45_000, 12
Result = Value | float | None


@st.composite
def exponential(draw: st.DrawFn) -> Value:
    """Whole counts, so that nothing is rounded before it is scaled."""
    side = st.dictionaries(st.integers(-3, 4), st.integers(1, 9).map(float), max_size=3)
    positive, negative = dict(sorted(draw(side).items())), dict(sorted(draw(side).items()))
    zero = float(draw(st.integers(0, 9)))
    count = zero + sum(positive.values()) + sum(negative.values())
    hint = draw(st.sampled_from([UNKNOWN, UNKNOWN, GAUGE]))
    threshold = draw(st.sampled_from([0.0, 0.5]))
    total = float(draw(st.integers(-50, 50)))
    return Value(draw(st.sampled_from([0, 1])), threshold, zero, count, total, hint, positive, negative)


@st.composite
def custom(draw: st.DrawFn) -> Value:
    bounds = draw(st.sampled_from([(1.0, 2.0), (1.0, 2.0, 5.0), (2.0, 4.0)]))
    side = draw(st.dictionaries(st.integers(0, len(bounds)), st.integers(1, 9).map(float), max_size=3))
    total = float(draw(st.integers(-50, 50)))
    return Value(CUSTOM, count=sum(side.values()), sum=total, positive=dict(sorted(side.items())), bounds=bounds)


VALUES = st.one_of(st.none(), exponential(), exponential(), custom())
ROWS = st.one_of(
    st.lists(st.one_of(st.none(), exponential()), min_size=COUNT, max_size=COUNT),
    st.lists(st.one_of(st.none(), custom()), min_size=COUNT, max_size=COUNT),
    st.lists(VALUES, min_size=COUNT, max_size=COUNT),
)


def native(v: Value) -> FloatHistogram:
    return FloatHistogram(
        schema=v.schema,
        zero_threshold=v.zero_threshold,
        zero_count=v.zero_count,
        count=v.count,
        sum=v.sum,
        hint=v.hint,
        positive=sorted(v.positive.items()),
        negative=sorted(v.negative.items()),
        bounds=v.bounds,
    )


class Series:
    """A subquery's result: a histogram or nothing at each of COUNT steps from 0 on."""

    def __init__(self, values: list[Value | None]) -> None:
        self.budget = QueryBudget(10**9)
        self.pool = HistogramPool(self.budget)
        self.cells = np.array([[STALE_NAN if v is None else self.pool.add(native(v)) for v in values]])
        self.source = SampleSource.matrix(self.cells, 0, STEP, self.pool)
        self.points = [(i * STEP, v) for i, v in enumerate(values) if v is not None]
        self.notes = np.zeros(1, dtype=np.uint32)

    def check(self, start: int, out: Cells, expected: Callable[[int], Result]) -> None:
        for k, cell in enumerate(out[0].tolist()):
            assert_same(self.result(cell), expected(start + k * STEP))

    def result(self, cell: float) -> Result:
        if is_stale(cell):
            return None
        if not is_histogram_cell(cell):
            return cell
        p = self.pool.plain(cell)
        sides = dict(p["positive"]), dict(p["negative"])
        numbers = (p["schema"], p["zero_threshold"], p["zero_count"], p["count"], p["sum"], p["hint"])
        return Value(*numbers, *sides, tuple(p["bounds"]))


def assert_same(got: Result, want: Result) -> None:
    if not isinstance(got, Value) or not isinstance(want, Value):
        assert got == want
        return
    assert (got.schema, got.zero_threshold, got.bounds) == (want.schema, want.zero_threshold, want.bounds)
    for a, b in ((got.positive, want.positive), (got.negative, want.negative)):
        assert filled(a) == pytest.approx(filled(b))
    for x, y in ((got.count, want.count), (got.sum, want.sum), (got.zero_count, want.zero_count)):
        assert math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def filled(side: Mapping[int, float]) -> dict[int, float]:
    return {i: n for i, n in side.items() if abs(n) > 1e-9}


NAMES = (
    "rate increase delta irate idelta resets sum_over_time avg_over_time count_over_time first_over_time last_over_time"
)


@pytest.mark.parametrize("name", NAMES.split())
@settings(max_examples=60, deadline=None)
@given(values=ROWS, start=st.integers(-20_000, 60_000))
def test_range_functions(name: str, values: list[Value | None], start: int) -> None:
    series = Series(values)
    out = np.empty((1, COUNT))
    op = RANGE_FUNCTIONS[name]
    run_range_rows(
        series.source, 0, 1, op, start, STEP, COUNT, SPAN, 0, None, None, series.budget, out,
        pool=series.pool, notes=series.notes,
    )  # fmt: skip
    series.check(start, out, lambda t: twin.range_function(name, series.points, t, SPAN))


@settings(max_examples=60, deadline=None)
@given(values=ROWS, start=st.integers(-20_000, 60_000))
def test_smoothed_selectors(values: list[Value | None], start: int) -> None:
    series = Series(values)
    out = np.empty((1, COUNT))
    run_smoothed_rows(series.source, 0, 1, start, STEP, COUNT, SPAN, series.budget, out, series.pool, series.notes)
    series.check(start, out, lambda t: twin.smoothed_value(series.points, t, SPAN))
