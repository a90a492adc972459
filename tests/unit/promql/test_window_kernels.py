"""Range functions and selectors agree with their plain twins on gaps, stale markers, NaN, infinities and resets."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from narthex.model.number import STALE_NAN, STALE_NAN_BITS
from narthex.native import (
    CanceledError,
    LimitError,
    QueryBudget,
    SampleSource,
    SeriesBatch,
    extended_rows,
    range_rows,
    select_rows,
    smoothed_rows,
)
from narthex.promql.functions.over_time import RANGE_FUNCTIONS
from narthex.promql.operators.selector import TIME, VALUE
from reference.promql_windows import extended, lookback, range_function, smoothed_value

numbers = st.one_of(
    st.integers(-1000, 1000).map(float),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3)),
    st.sampled_from([0.0, 5.0, 5.0, 1e-9, 1e15]),
)
any_values = st.one_of(numbers, st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 5e-324]))
gaps = st.one_of(st.just(15_000), st.integers(1, 60_000), st.sampled_from([300_000, 15_001]))
Sample = tuple[int, float | None]  # None is a stale marker


@st.composite
def samples(draw: st.DrawFn, values: st.SearchStrategy[float], most: int = 80) -> list[Sample]:
    t = draw(st.integers(-100_000, 100_000))
    out: list[Sample] = []
    for _ in range(draw(st.integers(0, most))):
        out.append((t, None if draw(st.integers(0, 12)) == 0 else draw(values)))
        t += draw(gaps)
    return out


@st.composite
def counters(draw: st.DrawFn) -> list[Sample]:
    t, v = 0, draw(st.integers(0, 100)).__float__()
    out: list[Sample] = []
    for _ in range(draw(st.integers(2, 120))):
        out.append((t, v))
        t += draw(gaps)
        v = 0.0 if draw(st.integers(0, 6)) == 0 else v + draw(st.integers(0, 50))
    return out


@st.composite
def even_samples(draw: st.DrawFn) -> list[Sample]:
    """Every 15 s, of a few spacings for a while, with holes, and values that rise, fall and repeat."""
    t, v = draw(st.integers(-50_000, 50_000)), 0.0
    out: list[Sample] = []
    for spacing, count, rise in draw(
        st.lists(
            st.tuples(st.sampled_from([15_000, 15_000, 7_500, 30_000]), st.integers(1, 60), st.integers(-1, 9)),
            min_size=1,
            max_size=5,
        )
    ):
        for _ in range(count):
            out.append((t, v))
            t += spacing
            v = 0.0 if draw(st.integers(0, 40)) == 0 else v + rise
        t += draw(st.sampled_from([0, 0, 15_000, 300_001]))
    return out


def chunk_of(points: list[Sample]) -> SeriesBatch:
    batch = SeriesBatch()
    values = [STALE_NAN if v is None else v for _, v in points]
    batch.add_columns(
        [("__name__", "x")], np.array([t for t, _ in points], dtype=np.int64), np.array(values, dtype=float)
    )
    return batch


def batch_of(points: list[Sample]) -> SampleSource:
    return SampleSource.batch(chunk_of(points))


def evaluate(
    name: str, source: SampleSource, start: int, step: int, count: int, span: int, *parameters: float
) -> NDArray[np.float64]:
    budget = QueryBudget(10**9)
    out = budget.cells(1, count)
    columns = [np.full(count, p) for p in parameters] + [None, None]
    range_rows(source, 0, 1, RANGE_FUNCTIONS[name], start, step, count, span, 0, *columns[:2], budget, out)
    return out[0]


def is_absent(value: float) -> bool:
    return bool(struct.unpack("<Q", struct.pack("<d", value))[0] == STALE_NAN_BITS)


def agree(got: NDArray[np.float64], expected: list[float | None], scale: float) -> None:
    """Equal to 1e-9 of the result or, where terms cancel, 1e-12 of the terms."""
    for k, (value, wanted) in enumerate(zip(got.tolist(), expected, strict=True)):
        if wanted is None:
            assert is_absent(got[k]), f"step {k}: {value} instead of nothing"
            continue
        assert not is_absent(got[k]), f"step {k}: nothing instead of {wanted}"
        if math.isnan(wanted):
            assert math.isnan(value), f"step {k}: {value} instead of NaN"
        elif math.isinf(wanted):
            assert value == wanted, f"step {k}: {value} instead of {wanted}"
        else:
            assert value == pytest.approx(wanted, rel=1e-9, abs=scale * 1e-12), f"step {k}"


GRIDS = st.tuples(st.integers(-50_000, 400_000), st.sampled_from([1, 7_001, 15_000, 60_000]), st.integers(1, 30))
SPANS = st.sampled_from([1, 15_000, 30_001, 120_000, 600_000, 3_000_000])
EXACT = sorted(
    set(RANGE_FUNCTIONS)
    - {"deriv", "predict_linear", "quantile_over_time", "double_exponential_smoothing"}
    - {"sum_over_time", "avg_over_time", "stddev_over_time", "stdvar_over_time"}
)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=12)
@given(points=st.one_of(samples(any_values), counters()), grid=GRIDS, span=SPANS)
def test_functions_that_pick_or_count(name: str, points: list[Sample], grid: tuple[int, int, int], span: int) -> None:
    start, step, count = grid
    got = evaluate(name, batch_of(points), start, step, count, span)
    plain = [(t, v) for t, v in points if v is not None]
    expected = [range_function(name, plain, start + k * step, span) for k in range(count)]
    finite = [abs(v) for _, v in plain if math.isfinite(v)]
    agree(got, expected, max(finite, default=0.0) if name in ("rate", "increase", "delta") else 0.0)


@pytest.mark.parametrize("name", [*EXACT, "sum_over_time", "avg_over_time"])
@settings(max_examples=12)
@given(
    points=even_samples(),
    start=st.integers(-100_000, 400_000),
    step=st.sampled_from([7_500, 15_000, 15_000, 30_000, 60_000]),
    span=st.sampled_from([15_000, 30_001, 120_000, 600_000]),
)
@example(points=[(i * 15_000, float(i)) for i in range(200)], start=300_000, step=15_000, span=300_000)
@example(points=[(i * 15_000, 1e300 * (i % 7)) for i in range(200)], start=5, step=60_000, span=300_000)
@example(points=[(i * 15_000, 0.0) for i in range(100)], start=15_000, step=15_000, span=60_000)
def test_windows_of_one_shape_taken_together_are_those_of_each_step_alone(
    name: str, points: list[Sample], start: int, step: int, span: int
) -> None:
    count = 150
    got = evaluate(name, batch_of(points), start, step, count, span)
    plain = [(t, v) for t, v in points if v is not None]
    expected = [range_function(name, plain, start + k * step, span) for k in range(count)]
    largest = max(abs(v) for _, v in plain)
    agree(got, expected, largest if name in ("rate", "increase", "delta", "sum_over_time", "avg_over_time") else 0.0)


@pytest.mark.parametrize("name", ["sum_over_time", "avg_over_time", "stddev_over_time", "stdvar_over_time"])
@settings(max_examples=30)
@given(points=samples(st.one_of(numbers, st.sampled_from([math.nan, math.inf, -math.inf]))), grid=GRIDS, span=SPANS)
@example(points=[(i * 1000, 0.1) for i in range(80)], grid=(0, 15_000, 30), span=3_000_000)
@example(points=[(i * 1000, 1e9 + i % 3) for i in range(80)], grid=(0, 15_000, 30), span=60_000)
def test_sums_and_spreads(name: str, points: list[Sample], grid: tuple[int, int, int], span: int) -> None:
    start, step, count = grid
    got = evaluate(name, batch_of(points), start, step, count, span)
    plain = [(t, v) for t, v in points if v is not None]
    expected = [range_function(name, plain, start + k * step, span) for k in range(count)]
    largest = max((abs(v) for _, v in plain if math.isfinite(v)), default=0.0)
    agree(got, expected, largest**2 if name == "stdvar_over_time" else largest * (1e3 if "std" in name else 1))


@settings(max_examples=60)
@given(values=st.lists(numbers, min_size=16, max_size=70))
def test_a_long_window_alone_is_added_up_to_the_last_place(values: list[float]) -> None:
    values += [1e17, 1.5, -1e17]
    source = batch_of([(i * 1000, v) for i, v in enumerate(values)])
    total = math.fsum(values)
    assert evaluate("sum_over_time", source, 100_000, 1, 1, 200_000)[0] == pytest.approx(total, rel=1e-14, abs=1e-15)
    mean = evaluate("avg_over_time", source, 100_000, 1, 1, 200_000)[0]
    assert mean == pytest.approx(total / len(values), rel=1e-14, abs=1e-15)


def test_a_long_window_whose_sum_overflows_on_the_way_stays_infinite_and_has_a_mean() -> None:
    points: list[Sample] = [(i * 1000, v) for i, v in enumerate([1.7e308, 1.7e308, -1.7e308, -1.7e308, 3.0] * 8)]
    assert evaluate("sum_over_time", batch_of(points), 100_000, 1, 1, 200_000)[0] == math.inf
    mean = evaluate("avg_over_time", batch_of(points), 100_000, 1, 1, 200_000)[0]
    assert mean == pytest.approx(0.6, abs=1.7e308 * 1e-12)


@settings(max_examples=40)
@given(
    points=samples(st.one_of(numbers, st.just(math.nan))),
    grid=GRIDS,
    span=SPANS,
    q=st.one_of(st.floats(0, 1), st.sampled_from([-1.0, 2.0, math.nan, 0.5, 1.0])),
)
def test_quantiles(points: list[Sample], grid: tuple[int, int, int], span: int, q: float) -> None:
    start, step, count = grid
    got = evaluate("quantile_over_time", batch_of(points), start, step, count, span, q)
    plain = [(t, v) for t, v in points if v is not None]
    agree(got, [range_function("quantile_over_time", plain, start + k * step, span, q) for k in range(count)], 0.0)


@settings(max_examples=30)
@given(points=samples(st.integers(-1000, 1000).map(float)), grid=GRIDS, span=SPANS)
def test_regression_and_smoothing(points: list[Sample], grid: tuple[int, int, int], span: int) -> None:
    start, step, count = grid
    plain = [(t, v) for t, v in points if v is not None]
    for name, parameters in (
        ("deriv", ()),
        ("predict_linear", (3600.0,)),
        ("double_exponential_smoothing", (0.3, 0.1)),
    ):
        got = evaluate(name, batch_of(points), start, step, count, span, *parameters)
        expected = [range_function(name, plain, start + k * step, span, *parameters) for k in range(count)]
        finite = [abs(v) for v in expected if v is not None and math.isfinite(v)]
        agree(got, expected, max(finite, default=0.0) * 100 + 1000)


@settings(max_examples=60)
@given(
    points=samples(
        st.one_of(st.integers(-3, 3).map(float), numbers, st.sampled_from([math.nan, math.inf, -math.inf])), most=200
    ),
    grid=GRIDS,
    span=st.sampled_from([300_000, 600_000, 3_000_000]),
)
@example(points=[(i * 1000, float(i % 2)) for i in range(200)], grid=(0, 1000, 200), span=60_000)
@example(points=[(i * 1000, math.inf if i % 3 else 0.0) for i in range(200)], grid=(0, 1000, 200), span=60_000)
@example(points=[(i * 1000, math.nan if i in (40, 41, 120) else -i) for i in range(200)], grid=(0, 1, 30), span=30_000)
def test_deviations_in_a_window_that_stays_sorted_are_those_of_each_window_alone(
    points: list[Sample], grid: tuple[int, int, int], span: int
) -> None:
    start, step, count = grid
    got = evaluate("mad_over_time", batch_of(points), start, step, count, span)
    plain = [(t, v) for t, v in points if v is not None]
    agree(got, [range_function("mad_over_time", plain, start + k * step, span) for k in range(count)], 0.0)


@pytest.mark.parametrize("window", [8000, 9000])
def test_deviations_of_long_windows_are_the_same_on_both_sides_of_the_limit_for_keeping_them_sorted(
    window: int,
) -> None:
    values = np.random.default_rng(9).normal(0, 50, 12_000).round(1)
    source = batch_of([(i * 1000, float(v)) for i, v in enumerate(values)])
    got = evaluate("mad_over_time", source, 9_000_000, 100_000, 30, window * 1000)
    for k in (0, 7, 29):
        last = 9001 + k * 100
        inside = values[last - window : last]
        assert got[k] == np.median(np.abs(inside - np.median(inside)))


@settings(max_examples=60)
@given(
    points=samples(st.one_of(numbers, st.sampled_from([math.nan, math.inf, -math.inf])), most=200),
    grid=GRIDS,
    span=SPANS,
    factors=st.tuples(st.floats(1e-3, 0.999), st.floats(1e-3, 0.999)),
)
@example(
    points=[(i * 1000, (-1) ** i * 1e308) for i in range(200)], grid=(0, 7_001, 30), span=120_000, factors=(0.9, 0.9)
)
def test_smoothing_joined_at_a_pivot_is_the_plain_loop(
    points: list[Sample], grid: tuple[int, int, int], span: int, factors: tuple[float, float]
) -> None:
    start, step, count = grid
    got = evaluate("double_exponential_smoothing", batch_of(points), start, step, count, span, *factors)
    plain = [(t, v) for t, v in points if v is not None]
    expected = [
        range_function("double_exponential_smoothing", plain, start + k * step, span, *factors) for k in range(count)
    ]
    agree(got, expected, max((abs(v) for _, v in plain if math.isfinite(v)), default=0.0) * 100)


def test_an_infinity_makes_the_smoothed_level_infinite_then_nan_until_it_has_left_the_window() -> None:
    values = np.arange(200, dtype=float)
    values[100] = -math.inf
    source = batch_of([(i * 1000, float(v)) for i, v in enumerate(values)])
    got = evaluate("double_exponential_smoothing", source, 30_000, 1000, 160, 20_000, 0.3, 0.3)
    assert np.isfinite(got[:70]).all() and np.isfinite(got[90:]).all()
    assert got[70] == got[71] == -math.inf
    assert np.isnan(got[72:90]).all()


def test_factors_that_change_with_the_steps_smooth_each_window_by_its_own() -> None:
    source = batch_of([(i * 1000, float(i * i % 17)) for i in range(100)])
    level, trend = np.linspace(0.1, 0.9, 10), np.linspace(0.8, 0.2, 10)
    budget = QueryBudget(10**6)
    out = budget.cells(1, 10)
    op = RANGE_FUNCTIONS["double_exponential_smoothing"]
    range_rows(source, 0, 1, op, 50_000, 5000, 10, 40_000, 0, level, trend, budget, out)
    for k in range(10):
        alone = evaluate("double_exponential_smoothing", source, 50_000 + k * 5000, 1, 1, 40_000, level[k], trend[k])
        assert out[0, k] == alone[0]


@settings(max_examples=40)
@given(points=samples(any_values), grid=GRIDS, span=st.sampled_from([1, 15_000, 300_000]))
def test_the_instant_selector_and_its_times(points: list[Sample], grid: tuple[int, int, int], span: int) -> None:
    start, step, count = grid
    budget = QueryBudget(10**9)
    values, times = budget.cells(1, count), budget.cells(1, count)
    select_rows(batch_of(points), 0, 1, start, step, count, span, VALUE, budget, values)
    select_rows(batch_of(points), 0, 1, start, step, count, span, TIME, budget, times)
    found = [lookback(points, start + k * step, span) for k in range(count)]
    agree(values[0], [None if f is None else f[1] for f in found], 0.0)
    agree(times[0], [None if f is None else f[0] / 1000 for f in found], 0.0)


@settings(max_examples=20)
@given(data=st.data())
def test_a_matrix_is_as_good_a_source_as_chunks(data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.one_of(st.none(), numbers), min_size=1, max_size=60))
    name = data.draw(st.sampled_from(["rate", "max_over_time", "avg_over_time", "count_over_time"]))
    matrix = np.array([[STALE_NAN if v is None else v for v in cells]])
    points: list[Sample] = [(5_000 + i * 10_000, v) for i, v in enumerate(cells)]
    one = evaluate(name, SampleSource.matrix(matrix, 5_000, 10_000), 0, 15_000, 40, 95_000)
    other = evaluate(name, batch_of(points), 0, 15_000, 40, 95_000)
    assert one.tobytes() == other.tobytes()


@settings(max_examples=25)
@given(points=st.one_of(samples(numbers), counters()), grid=GRIDS, span=SPANS, reach=st.sampled_from([20_000, 300_000]))
def test_anchored_and_smoothed_windows(points: list[Sample], grid: tuple[int, int, int], span: int, reach: int) -> None:
    start, step, count = grid
    plain = [(t, v) for t, v in points if v is not None]
    largest = max((abs(v) for _, v in plain), default=0.0)
    budget = QueryBudget(10**9)
    out = budget.cells(1, count)
    for is_smoothed, names in ((False, "rate increase delta changes resets"), (True, "rate increase delta")):
        for name in names.split():
            extended_rows(
                batch_of(points), 0, 1, RANGE_FUNCTIONS[name], start, step, count, span, reach, is_smoothed, budget, out
            )
            expected = [
                extended(name, plain, start + k * step, span, reach, smoothed=is_smoothed) for k in range(count)
            ]
            agree(out[0], expected, largest * 1000)
    smoothed_rows(batch_of(points), 0, 1, start, step, count, reach, budget, out)
    agree(out[0], [smoothed_value(plain, start + k * step, reach) for k in range(count)], largest)


@settings(max_examples=25)
@given(
    points=samples(numbers, most=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    step=st.sampled_from([60_000, 400_000, 2_000_000]),
    span=st.sampled_from([1, 30_000, 399_999]),
)
def test_steps_far_apart_over_several_chunks(points: list[Sample], cuts: list[int], step: int, span: int) -> None:
    bounds = [0, *sorted(cuts), len(points)]
    parts = [points[a:b] for a, b in pairwise(bounds)]
    source = SampleSource.batch(SeriesBatch.merge([chunk_of(part) for part in parts]))
    plain = [(t, v) for t, v in points if v is not None]
    largest = max((abs(v) for _, v in plain), default=0.0)
    for name in ("count_over_time", "rate", "max_over_time"):
        got = evaluate(name, source, 0, step, 12, span)
        agree(got, [range_function(name, plain, k * step, span) for k in range(12)], largest if name == "rate" else 0.0)


def test_chunks_between_windows_are_not_decoded() -> None:
    parts = [chunk_of([(c * 1_000_000 + i * 1000, 1.0) for i in range(100)]) for c in range(10)]
    source = SampleSource.batch(SeriesBatch.merge(parts))
    budget = QueryBudget(10**6)
    out = budget.cells(1, 3)
    count = RANGE_FUNCTIONS["count_over_time"]
    range_rows(source, 0, 1, count, 50_000, 4_000_000, 3, 10_000, 0, None, None, budget, out)
    assert out.tolist() == [[10.0, 10.0, 10.0]]
    assert budget.read == 210  # two whole chunks, and a tenth of the last one


def test_long_windows_slide_and_agree_with_recomputing() -> None:
    rng = np.random.default_rng(5)
    shapes = {
        "gauge": np.round(rng.normal(50, 20, 4000), 4),
        "counter": np.cumsum(rng.integers(0, 90, 4000)).astype(float) % 30_000,
        "large": 1e9 + rng.integers(0, 5, 4000).astype(float),
        "constant": np.full(4000, 0.1),
        "wide": 10.0 ** rng.integers(-12, 12, 4000),
        "with NaN": np.where(rng.random(4000) < 0.01, np.nan, rng.normal(0, 1, 4000)),
    }
    shapes["mostly zero"] = np.where(rng.random(4000) < 0.005, rng.integers(1, 9, 4000), 0).astype(float)
    shapes["around zero"] = np.round(rng.normal(0, 1e-3, 4000), 6) * np.where(np.arange(4000) < 40, 1e9, 1)
    shapes["rare outliers"] = np.where(rng.random(4000) < 0.003, 1e12, np.round(rng.normal(5, 1, 4000), 3))
    shapes["a line"] = 1e6 + 0.25 * np.arange(4000)
    more = {
        "quantile_over_time": (0.95,),
        "predict_linear": (600.0,),
        "double_exponential_smoothing": (0.05, 0.2),
    }
    for values in shapes.values():
        points: list[Sample] = [(i * 15_000 + 7, float(v)) for i, v in enumerate(values)]
        source = batch_of(points)
        for name in RANGE_FUNCTIONS:
            parameters = more.get(name, ())
            many = evaluate(name, source, 3_600_000, 60_000, 900, 7_200_000, *parameters)
            for k in (0, 17, 450, 899):
                alone = evaluate(name, source, 3_600_000 + k * 60_000, 60_000, 1, 7_200_000, *parameters)
                assert many[k] == pytest.approx(alone[0], rel=1e-9, abs=1e-22, nan_ok=True), name


@settings(max_examples=40)
@given(
    points=samples(st.one_of(st.integers(-3, 3).map(float), numbers, st.sampled_from([math.nan, math.inf])), most=200),
    grid=GRIDS,
    span=st.sampled_from([300_000, 600_000, 3_000_000]),
)
@example(points=[(i * 1000, 1e9 if i == 99 else i % 2) for i in range(200)], grid=(0, 1000, 200), span=60_000)
@example(points=[(i * 1000, 1e300 if i == 99 else i % 2) for i in range(200)], grid=(0, 1000, 200), span=60_000)
@example(points=[(i * 1000, math.nan if i == 99 else i % 2) for i in range(200)], grid=(0, 1000, 200), span=60_000)
@example(points=[(i * 1000, math.inf if i < 150 else 3.0) for i in range(200)], grid=(0, 1000, 200), span=60_000)
def test_lines_and_spreads_joined_at_a_pivot_are_those_of_each_window_alone(
    points: list[Sample], grid: tuple[int, int, int], span: int
) -> None:
    start, step, count = grid
    source = batch_of(points)
    for name, parameters in (("deriv", ()), ("predict_linear", (60.0,)), ("stddev_over_time", ())):
        many = evaluate(name, source, start, step, count, span, *parameters)
        for k in range(count):
            alone = evaluate(name, source, start + k * step, step, 1, span, *parameters)[0]
            assert is_absent(many[k]) == is_absent(alone)
            assert many[k] == pytest.approx(alone, rel=1e-9, abs=1e-9, nan_ok=True), (name, k)


@pytest.mark.parametrize("name", ["rate", "increase"])
def test_infinities_among_many_resets_count_as_in_a_plain_sum(name: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0, 50, 600).round(2)
    for at, value in ((100, math.inf), (300, -math.inf), (330, math.inf), (500, -math.inf)):
        values[at] = value
    points: list[Sample] = [(i * 15_000, float(v)) for i, v in enumerate(values)]
    got = evaluate(name, batch_of(points), 1_500_000, 15_000, 480, 900_000)
    want = [range_function(name, points, 1_500_000 + k * 15_000, 900_000) for k in range(480)]
    assert {math.isnan(v) for v in got} == {True, False} and math.inf in got and -math.inf in got
    agree(got, want, 1e6)


def test_samples_over_the_limit_and_a_raised_flag_stop_a_kernel() -> None:
    source = batch_of([(i * 1000, 1.0) for i in range(100)])
    small = QueryBudget(50)
    with pytest.raises(LimitError):
        range_rows(source, 0, 1, 0, 99_000, 1000, 1, 100_000, 0, None, None, small, small.cells(1, 1))
    with pytest.raises(LimitError):
        small.cells(10, 6)
    assert small.live == 0
    stopped = QueryBudget(10**6)
    out = stopped.cells(1, 1)
    stopped.cancel()
    with pytest.raises(CanceledError):
        range_rows(source, 0, 1, 0, 99_000, 1000, 1, 100_000, 0, None, None, stopped, out)


def test_cells_are_live_samples_while_they_exist() -> None:
    budget = QueryBudget(1000)
    cells = budget.cells(10, 20)
    part = cells[3:5]
    del cells
    assert budget.live == 200
    del part
    assert (budget.live, budget.peak) == (0, 200)
