"""Functions that make or take scalars: time and its kin, pi, vector, scalar, absent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from narthex.model.labels import METRIC_NAME
from narthex.model.matcher import MatchType
from narthex.model.number import STALE_NAN
from narthex.native import LabelSets
from narthex.promql.context import absent
from narthex.promql.functions.over_time import evaluate_range_function
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call, Expr, MatrixSelector, VectorSelector, unwrap
from narthex.promql.syntax.signatures import FUNCTIONS
from narthex.promql.values import Cells, Grid, Matrix, Scalar, Value


def one_series(values: Cells, labels: tuple[tuple[str, str], ...] = ()) -> Matrix:
    """One value a step as the only row of a matrix."""
    rows = LabelSets()
    rows.add(labels)
    return Matrix(rows, np.ascontiguousarray(values, dtype=np.float64).reshape(1, -1))


def _constant(value: Callable[[Evaluation], float]) -> Callable[[Evaluation, Call, Grid], Scalar]:
    return lambda on, _, grid: Scalar(np.full(grid.count, value(on)))


def _time(_: Evaluation, __: Call, grid: Grid) -> Scalar:
    return Scalar(grid.times() / 1000)


def _least(on: Evaluation, call: Call, grid: Grid) -> Scalar:
    """NaN when either is NaN, unless the other is an infinity that no number can beat."""
    a, b = on.scalar(call.args[0], grid), on.scalar(call.args[1], grid)
    least = np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b))  # -0 is less than 0
    return Scalar(np.where(np.isneginf(a) | np.isneginf(b), -math.inf, least))


def _greatest(on: Evaluation, call: Call, grid: Grid) -> Scalar:
    a, b = on.scalar(call.args[0], grid), on.scalar(call.args[1], grid)
    greatest = np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))
    return Scalar(np.where(np.isposinf(a) | np.isposinf(b), math.inf, greatest))


def _vector(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    return one_series(on.scalar(call.args[0], grid))


def _scalar(on: Evaluation, call: Call, grid: Grid) -> Scalar:
    """The number of the only series that has one at a step; NaN where there is none or more than one."""
    matrix = on.matrix(call.args[0], grid)
    if matrix.rows == 0:
        return Scalar(np.full(grid.count, math.nan))
    cells = on.context.numbers(matrix.cells)
    there = ~absent(cells)
    only = np.where(there, cells, 0.0).sum(axis=0)
    return Scalar(np.where(there.sum(axis=0) == 1, only, math.nan))


def _absent(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    matrix = on.matrix(call.args[0], grid)
    return _where_absent(on, call, matrix.cells, grid)


def _absent_over_time(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    # One that keeps the name: rows that differ in nothing else must not meet.
    present = Call(FUNCTIONS["last_over_time"], call.args, call.pos)
    return _where_absent(on, call, evaluate_range_function(on, present, grid).cells, grid)


def _where_absent(on: Evaluation, call: Call, cells: Cells, grid: Grid) -> Matrix:
    """1 at steps where no row has a value."""
    nobody = np.ones(grid.count, dtype=bool) if len(cells) == 0 else absent(cells).all(axis=0)
    return one_series(np.where(nobody, 1.0, STALE_NAN), _labels_of_absent(call.args[0]))


def _labels_of_absent(expr: Expr) -> tuple[tuple[str, str], ...]:
    """Labels that the missing series would surely have: those with one matcher, which is an equality."""
    expr = unwrap(expr)
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    if not isinstance(expr, VectorSelector):
        return ()
    known: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in expr.matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.type is MatchType.EQUAL and matcher.name not in seen:
            known[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            known.pop(matcher.name, None)
    return tuple(known.items())


SCALARS: dict[str, Callable[[Evaluation, Call, Grid], Value]] = {
    "time": _time,
    "pi": _constant(lambda _: math.pi),
    "start": _constant(lambda on: on.context.query.start / 1000),
    "end": _constant(lambda on: on.context.query.end / 1000),
    "step": _constant(lambda on: on.context.query.step / 1000),
    "range": _constant(lambda on: (on.context.query.end - on.context.query.start) / 1000),
    "min_of": _least,
    "max_of": _greatest,
    "vector": _vector,
    "scalar": _scalar,
    "absent": _absent,
    "absent_over_time": _absent_over_time,
}
