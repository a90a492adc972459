"""Aggregations, operators and histogram functions agree with their plain twins."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import (
    HistogramPool,
    QueryBudget,
    Reducer,
    clamp_cells,
    combine_cells,
    count_values,
    extreme_columns,
    find_collision,
    first_columns,
    histogram_fraction,
    histogram_quantile,
    map_cells,
    mark_presence,
    mask_cells,
    merge_cells,
    quantile_columns,
    ratio_columns,
    round_cells,
    rows_with_values,
)
from narthex.promql.functions.elementwise import CALENDAR, UNARY
from narthex.promql.operators.reduction import REDUCE_OPS
from narthex.promql.syntax import AggregateOp
from reference.promql_matrices import best, bucket_fraction, bucket_quantile, calendar, reduce, value_counts
from reference.promql_windows import quantile
from support.cells import Cell, assert_same, cells_of, matrix_of

STEPS = 5
values = st.one_of(
    st.none(),
    st.integers(-50, 50).map(float),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.1]),
)
rows = st.lists(st.lists(values, min_size=STEPS, max_size=STEPS), min_size=0, max_size=12)


@st.composite
def grouped(draw: st.DrawFn) -> tuple[list[list[Cell]], list[int], int]:
    cells = draw(rows)
    groups = draw(st.integers(1, 3))
    return cells, [draw(st.integers(0, groups - 1)) for _ in cells], groups


def ids(groups: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(groups, dtype=np.uint32)


def column(cells: list[list[Cell]], groups: list[int], group: int, step: int) -> list[float]:
    return [row[step] for row, g in zip(cells, groups, strict=True) if g == group and row[step] is not None]


@pytest.mark.parametrize("op", REDUCE_OPS)
@settings(max_examples=25)
@given(data=grouped(), cut=st.integers(0, 12))
def test_reductions_alone_and_merged(op: AggregateOp, data: tuple[list[list[Cell]], list[int], int], cut: int) -> None:
    cells, groups, count = data
    budget = QueryBudget(10**6)
    parts = []
    for some, of in ((cells[:cut], groups[:cut]), (cells[cut:], groups[cut:])):
        reducer = Reducer(REDUCE_OPS[op], count, STEPS)
        reducer.add(matrix_of(some, STEPS), ids(of), budget)
        parts.append(reducer)
    parts[0].merge(parts[1])
    out = budget.cells(count, STEPS)
    parts[0].finish(out)
    for g, row in enumerate(cells_of(out)):
        for k, got in enumerate(row):
            inside = column(cells, groups, g, k)
            largest = max((abs(v) for v in inside if math.isfinite(v)), default=0.0)
            scale = largest**2 if op is AggregateOp.STDVAR else largest
            # A spread that is nothing but rounding has no relative precision.
            assert_same(got, reduce(op.value, inside), scale * (1e-7 if op is AggregateOp.STDDEV else 1e-12))


@pytest.mark.parametrize("split", [1, 2, 3])
def test_an_average_whose_sum_overflows_is_still_right(split: int) -> None:
    cells = [[1.7e308], [1.7e308], [1.6e308]]
    budget = QueryBudget(100)
    total = Reducer(REDUCE_OPS[AggregateOp.AVG], 1, 1)
    other = Reducer(REDUCE_OPS[AggregateOp.AVG], 1, 1)
    total.add(matrix_of(cells[:split], 1), ids([0] * split), budget)
    other.add(matrix_of(cells[split:], 1), ids([0] * (3 - split)), budget)
    total.merge(other)
    out = budget.cells(1, 1)
    total.finish(out)
    assert out[0, 0] == pytest.approx(5 / 3 * 1e308, rel=1e-9)


@settings(max_examples=50)
@given(data=grouped(), q=st.one_of(st.floats(0, 1), st.sampled_from([-0.5, 1.5, math.nan])))
def test_quantiles_of_groups(data: tuple[list[list[Cell]], list[int], int], q: float) -> None:
    cells, groups, count = data
    budget = QueryBudget(10**6)
    out = budget.cells(count, STEPS)
    quantile_columns(matrix_of(cells, STEPS), ids(groups), count, np.full(STEPS, q), budget, out)
    for g, row in enumerate(cells_of(out)):
        for k, got in enumerate(row):
            inside = column(cells, groups, g, k)
            assert_same(got, quantile(q, inside) if inside else None)


@settings(max_examples=50)
@given(data=grouped(), k=st.lists(st.integers(-1, 6), min_size=STEPS, max_size=STEPS), greatest=st.booleans())
def test_topk_and_limitk_keep_the_right_cells(
    data: tuple[list[list[Cell]], list[int], int], k: list[int], greatest: bool
) -> None:
    cells, groups, count = data
    budget = QueryBudget(10**6)
    top, first = budget.cells(len(cells), STEPS), budget.cells(len(cells), STEPS)
    keep = np.array(k, dtype=np.int64)
    extreme_columns(matrix_of(cells, STEPS), ids(groups), count, keep, greatest, budget, top)
    first_columns(matrix_of(cells, STEPS), ids(groups), count, keep, first)
    for step in range(STEPS):
        for group in range(count):
            members = [i for i, g in enumerate(groups) if g == group]
            wanted = best([cells[i][step] for i in members], max(k[step], 0), greatest=greatest)
            for i, expected in zip(members, wanted, strict=True):
                assert_same(cells_of(top)[i][step], expected)
            there = [i for i in members if cells[i][step] is not None][: max(k[step], 0)]
            for i in members:
                assert_same(cells_of(first)[i][step], cells[i][step] if i in there else None)


@settings(max_examples=25)
@given(data=grouped())
def test_count_values_counts_each_value_at_each_step(data: tuple[list[list[Cell]], list[int], int]) -> None:
    cells, groups, count = data
    budget = QueryBudget(10**6)
    group, texts, flat = count_values(matrix_of(cells, STEPS), ids(groups), count, HistogramPool(budget), budget)
    counted = cells_of(flat.reshape(len(texts), STEPS))
    for step in range(STEPS):
        for g in range(count):
            got = {
                repr(float(text)): row[step]
                for row, of, text in zip(counted, group.tolist(), texts, strict=True)
                if of == g and row[step] is not None
            }
            expected = value_counts([row[step] for row, of in zip(cells, groups, strict=True) if of == g])
            assert got == expected


def test_limit_ratio_and_its_complement_share_the_rows_out() -> None:
    cells = matrix_of([[float(i)] for i in range(50)], 1)
    offsets = np.linspace(0, 0.99, 50)
    kept, rest = np.empty_like(cells), np.empty_like(cells)
    ratio_columns(cells, offsets, np.array([0.3]), kept)
    ratio_columns(cells, offsets, np.array([-0.7]), rest)
    assert {v for (v,) in cells_of(kept) if v is not None} | {v for (v,) in cells_of(rest) if v is not None} == set(
        map(float, range(50))
    )
    assert sum(v is not None for (v,) in cells_of(kept)) == 15


BOUNDS = [-1.0, 0.0, 0.5, 1.0, 2.5, math.inf]


@settings(max_examples=50)
@given(
    increments=st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=6, max_size=6),
    first=st.integers(0, 5),
    q=st.one_of(st.floats(0, 1), st.sampled_from([-1.0, 3.0, math.nan])),
    lower=st.one_of(st.floats(-2, 3), st.sampled_from([-math.inf, math.nan])),
    upper=st.one_of(st.floats(-2, 4), st.just(math.inf)),
)
def test_histogram_functions_on_whole_histograms(
    increments: list[int | None], first: int, q: float, lower: float, upper: float
) -> None:
    buckets, total = [], 0.0
    for bound, more in list(zip(BOUNDS, increments, strict=True))[first:]:
        if more is not None:
            total += more
            buckets.append((bound, total))
    budget = QueryBudget(10**6)
    cells = matrix_of([[count] for _, count in reversed(buckets)], 1)
    bounds = np.array([bound for bound, _ in reversed(buckets)])
    groups = ids([0] * len(buckets))
    out = budget.cells(1, 1)
    repairs = histogram_quantile(cells, groups, 1, bounds, np.array([q]), budget, out)
    assert_same(cells_of(out)[0][0], bucket_quantile(q, buckets))
    assert repairs == []
    histogram_fraction(cells, groups, 1, bounds, np.array([lower]), np.array([upper]), budget, out)
    assert_same(cells_of(out)[0][0], bucket_fraction(lower, upper, buckets), 1e-12)


def test_falling_buckets_are_lifted_and_told_about_but_rounding_is_not() -> None:
    budget = QueryBudget(100)
    cells = matrix_of([[10.0, 10.0], [7.0, 10 - 1e-13], [12.0, 12.0]], 2)
    out = budget.cells(1, 2)
    repairs = histogram_quantile(
        cells, ids([0, 0, 0]), 1, np.array([1.0, 2.0, math.inf]), np.array([1.0, 1.0]), budget, out
    )
    assert repairs == [(0, 1, 0, 0, 2.0, 2.0, 3.0)]
    assert cells_of(out) == [[2.0, 2.0]]


OPERATORS: dict[int, Callable[[float, float], float]] = {0: operator.add, 1: operator.sub, 2: operator.mul}
COMPARISONS: dict[int, Callable[[float, float], bool]] = {
    7: operator.eq,
    8: operator.ne,
    9: operator.le,
    10: operator.lt,
    11: operator.ge,
    12: operator.gt,
}


@settings(max_examples=50)
@given(left=rows, right=rows, data=st.data())
def test_operators_on_pairs_of_rows(left: list[list[Cell]], right: list[list[Cell]], data: st.DataObject) -> None:
    if not left or not right:
        return
    count = data.draw(st.integers(0, 6))
    pairs = [
        (data.draw(st.integers(0, len(left) - 1)), data.draw(st.integers(0, len(right) - 1))) for _ in range(count)
    ]
    op = data.draw(st.sampled_from([*OPERATORS, *COMPARISONS]))
    result = data.draw(st.integers(0, 2))
    out = np.empty((count, STEPS))
    sides = (np.array([p[0] for p in pairs], dtype=np.int64), np.array([p[1] for p in pairs], dtype=np.int64))
    combine_cells(op, result, matrix_of(left, STEPS), sides[0], False, matrix_of(right, STEPS), sides[1], False, out)
    for (i, j), row in zip(pairs, cells_of(out), strict=True):
        for k, got in enumerate(row):
            a, b = left[i][k], right[j][k]
            if a is None or b is None:
                assert got is None
            elif op in OPERATORS:
                assert_same(got, OPERATORS[op](a, b))
            else:
                holds = COMPARISONS[op](a, b)
                assert_same(got, float(holds) if result == 0 else (a, b)[result - 1] if holds else None)


def test_a_scalar_meets_every_row_and_remainders_follow_the_dividend() -> None:
    cells = matrix_of([[7.0, -7.0, None], [1.5, math.inf, 2.0]], 3)
    out = np.empty_like(cells)
    combine_cells(4, 0, cells, None, False, np.full((1, 3), 3.0), None, True, out)
    assert cells_of(out)[0] == [1.0, -1.0, None]
    assert math.isnan(cells_of(out)[1][1] or 0)
    combine_cells(5, 0, np.full((1, 3), 2.0), None, True, cells, None, False, out)
    assert cells_of(out)[0] == [128.0, 2**-7, None]


@pytest.mark.parametrize("name", sorted(CALENDAR))
@given(seconds=st.integers(-(2**33), 2**36))
def test_calendar_functions(name: str, seconds: int) -> None:
    out = np.empty((1, 1))
    map_cells(UNARY[name], np.array([[seconds + 0.0]]), out)
    assert out[0, 0] == calendar(name, seconds)


@given(row=st.lists(values, min_size=STEPS, max_size=STEPS))
def test_unary_functions_leave_absent_cells_alone(row: list[Cell]) -> None:
    expected: dict[str, Callable[[float], float]] = {
        "abs": abs,
        "floor": lambda v: float(math.floor(v)) if math.isfinite(v) else v,
        "sqrt": lambda v: math.sqrt(v) if v >= 0 else math.nan,
        "sgn": lambda v: v if v == 0 or math.isnan(v) else math.copysign(1, v),
        "deg": math.degrees,
        "atan": math.atan,
        "tanh": math.tanh,
    }
    for name, function in expected.items():
        out = np.empty((1, STEPS))
        map_cells(UNARY[name], matrix_of([row], STEPS), out)
        for got, v in zip(cells_of(out)[0], row, strict=True):
            assert_same(got, None if v is None else function(v))


def test_rounding_goes_up_on_ties_and_clamping_keeps_the_order_of_bounds() -> None:
    cells = matrix_of([[2.5, -2.5, 0.12, None]], 4)
    out = np.empty_like(cells)
    round_cells(cells, np.array([1.0, 1.0, 0.1, 1.0]), out)
    assert cells_of(out)[0] == [3.0, -2.0, pytest.approx(0.1), None]
    clamp_cells(cells, np.array([0.0, 0.0, 5.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0]), out)
    assert cells_of(out)[0] == [1.0, 0.0, None, None]
    clamp_cells(cells, np.array([math.nan] * 4), np.array([1.0] * 4), out)
    assert math.isnan(cells_of(out)[0][0] or 0)


@settings(max_examples=25)
@given(data=grouped())
def test_rows_of_one_id_merge_when_they_never_meet(data: tuple[list[list[Cell]], list[int], int]) -> None:
    cells, groups, count = data
    matrix = matrix_of(cells, STEPS)
    hit = find_collision(matrix, ids(groups), count)
    meets = any(len(column(cells, groups, g, k)) > 1 for g in range(count) for k in range(STEPS))
    assert (hit is not None) is meets
    presence = np.empty((count, STEPS), dtype=np.uint8)
    mark_presence(matrix, ids(groups), presence)
    assert presence.tolist() == [[int(bool(column(cells, groups, g, k))) for k in range(STEPS)] for g in range(count)]
    kept, dropped = np.empty_like(matrix), np.empty_like(matrix)
    mask_cells(matrix, ids(groups), presence, True, kept)
    mask_cells(matrix, ids(groups), presence, False, dropped)
    assert kept.tobytes() == matrix.tobytes()
    assert len(rows_with_values(dropped)) == 0
    if hit is None:
        merged = np.empty((count, STEPS))
        merge_cells(matrix, ids(groups), merged)
        for g, row in enumerate(cells_of(merged)):
            for k, got in enumerate(row):
                assert_same(got, next(iter(column(cells, groups, g, k)), None))
    else:
        first, second, step = hit
        assert groups[first] == groups[second]
        assert cells[first][step] is not None
        assert cells[second][step] is not None
