"""Aggregations. Where the argument is a plain selector or range function, rows are reduced as they are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.labels import METRIC_NAME, is_utf8_name, quote
from narthex.model.number import go_float
from narthex.native import (
    LabelSets,
    count_values,
    extreme_columns,
    first_columns,
    group_rows,
    quantile_columns,
    ratio_columns,
    set_label,
    stable_hashes,
    take_rows,
)
from narthex.promql.context import absent, merge_flags
from narthex.promql.functions.over_time import RANGE_FUNCTIONS, range_arguments, reduce_range
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.reduction import REDUCE_OPS, Reduction
from narthex.promql.operators.selector import reduce_selector, selection_of
from narthex.promql.syntax import AggregateExpr, AggregateOp, Call, Expr, VectorSelector, unwrap
from narthex.promql.values import Cells, Grid, Matrix

_INT64 = 2.0**63


def evaluate_aggregation(on: Evaluation, expr: AggregateExpr, grid: Grid) -> Matrix:
    """One of the fourteen aggregation operators."""
    if expr.op in REDUCE_OPS:
        return _reduce(on, expr, grid)
    matrix = on.matrix(expr.expr, grid)
    if expr.op is AggregateOp.COUNT_VALUES:
        return _count_values(on, expr, matrix)
    ids, labels = group_rows(matrix.labels, *group_key(expr))
    match expr.op:
        case AggregateOp.QUANTILE:
            return _quantile(on, expr, grid, matrix, ids, labels)
        case AggregateOp.TOPK | AggregateOp.BOTTOMK | AggregateOp.LIMITK:
            return _keep_some(on, expr, grid, matrix, ids, len(labels))
        case _:
            return _limit_ratio(on, expr, grid, matrix)


def group_key(expr: AggregateExpr) -> tuple[Sequence[str], bool]:
    """Labels that make the group, or (False) that are left out of it."""
    if not expr.without:
        return expr.grouping, True
    return (*expr.grouping, METRIC_NAME), False


def _reduce(on: Evaluation, expr: AggregateExpr, grid: Grid) -> Matrix:
    inner = unwrap(expr.expr)
    context = on.context
    fused = not (on.invariant(inner) or on.repeats(inner) or context.reads is not None)
    if fused and isinstance(inner, VectorSelector) and not inner.smoothed:
        selection = selection_of(on, inner, grid)
        if not selection.histograms:
            ids, groups = group_rows(selection.labels, *group_key(expr))
            return reduce_selector(on, inner, grid, Reduction(context, expr.op, expr.expr, ids, groups))
    if fused and isinstance(inner, Call) and inner.func.name in RANGE_FUNCTIONS:
        arguments = range_arguments(on, inner, grid)
        if arguments is not None:
            ids, groups = group_rows(arguments.vector.labels, *group_key(expr))
            flags = merge_flags(arguments.result_flags(context), ids, len(groups))
            return reduce_range(context, arguments, Reduction(context, expr.op, expr.expr, ids, groups, flags))
    matrix = on.matrix(inner, grid)
    ids, groups = group_rows(matrix.labels, *group_key(expr))
    flags = merge_flags(matrix.drop_name, ids, len(groups))
    return Reduction(context, expr.op, expr.expr, ids, groups, flags).of(matrix)


def _parameter(on: Evaluation, expr: AggregateExpr, grid: Grid) -> NDArray[np.float64]:
    assert expr.param is not None
    return on.scalar(expr.param, grid)


def _quantile(
    on: Evaluation, expr: AggregateExpr, grid: Grid, matrix: Matrix, ids: NDArray[np.uint32], labels: LabelSets
) -> Matrix:
    q = _parameter(on, expr, grid)
    assert expr.param is not None
    for bad in wrong_quantiles(q):
        on.context.notes.invalid_quantile(bad, expr.param)
    cells = on.context.cells(len(labels), matrix.steps)
    numbers = _numbers(on, expr, matrix, expr.expr)
    quantile_columns(numbers, ids, len(labels), q, on.context.budget, cells)
    return Matrix(labels, cells, merge_flags(matrix.drop_name, ids, len(labels)))


def _numbers(on: Evaluation, expr: AggregateExpr, matrix: Matrix, where: Expr) -> Cells:
    """Cells for an operator that leaves native histograms out, and says so."""
    numbers = on.context.numbers(matrix.cells)
    if numbers is not matrix.cells:
        on.context.notes.ignored_in_aggregation(expr.op.value, where)
    return numbers


def wrong_quantiles(q: NDArray[np.float64]) -> list[float]:
    """Those parameters that are worth a warning: NaN, the greatest above 1, the least below 0."""
    wrong = []
    if np.isnan(q).any():
        wrong.append(float("nan"))
    if (q > 1).any():
        wrong.append(float(np.nanmax(q)))
    if (q < 0).any():
        wrong.append(float(np.nanmin(q)))
    return wrong


def _keep_some(
    on: Evaluation, expr: AggregateExpr, grid: Grid, matrix: Matrix, ids: NDArray[np.uint32], groups: int
) -> Matrix:
    k = _parameter(on, expr, grid)
    if not (k < 1).all():
        if np.isnan(k).any():
            raise QueryError("Parameter value is NaN")
        if (k <= -_INT64).any():
            raise QueryError(f"Scalar value {go_float(float(k.min()))} underflows int64")
        if (k >= _INT64).any():
            raise QueryError(f"Scalar value {go_float(float(k.max()))} overflows int64")
    keep = np.where(k >= 1, k, 0).astype(np.int64)
    cells = on.context.cells(matrix.rows, matrix.steps)
    if expr.op is AggregateOp.LIMITK:
        first_columns(matrix.cells, ids, groups, keep, cells)
        return Matrix(matrix.labels, cells, matrix.drop_name)
    greatest = expr.op is AggregateOp.TOPK
    numbers = _numbers(on, expr, matrix, expr) if keep.any() else matrix.cells
    extreme_columns(numbers, ids, groups, keep, greatest, on.context.budget, cells)
    kept = Matrix(matrix.labels, cells, matrix.drop_name)
    return kept if on.context.is_range else _ranked(kept, ids, greatest)


def _ranked(matrix: Matrix, ids: NDArray[np.uint32], greatest: bool) -> Matrix:
    """Rows of a single step by group, then best first, NaN last: the order of an instant query's answer."""
    if matrix.steps != 1:
        return matrix
    values = matrix.cells[:, 0]
    rows = np.flatnonzero(~absent(values))
    values = values[rows]
    order = rows[np.lexsort((-values if greatest else values, np.isnan(values), ids[rows]))]
    flags = None if matrix.drop_name is None else matrix.drop_name[order]
    return Matrix(take_rows(matrix.labels, order.astype(np.int64)), np.ascontiguousarray(matrix.cells[order]), flags)


def _limit_ratio(on: Evaluation, expr: AggregateExpr, grid: Grid, matrix: Matrix) -> Matrix:
    ratio = _parameter(on, expr, grid)
    if np.isnan(ratio).any():
        raise QueryError("Ratio value is NaN")
    assert expr.param is not None
    if (ratio > 1).any():
        on.context.notes.invalid_ratio(float(ratio.max()), 1.0, expr.param)
    if (ratio < -1).any():
        on.context.notes.invalid_ratio(float(ratio.min()), -1.0, expr.param)
    offsets = stable_hashes(matrix.labels).astype(np.float64) / float(2**64 - 1)
    cells = on.context.cells(matrix.rows, matrix.steps)
    ratio_columns(matrix.cells, offsets, np.clip(ratio, -1.0, 1.0), cells)
    return Matrix(matrix.labels, cells, matrix.drop_name)


def _count_values(on: Evaluation, expr: AggregateExpr, matrix: Matrix) -> Matrix:
    """How often each value occurs. Its label takes the place of one of that name before rows are grouped."""
    assert expr.param is not None
    name = on.text(expr.param)
    if not is_utf8_name(name):
        raise QueryError(f"invalid label name {quote(name)}")
    names, keep = group_key(expr)
    if not keep and name in names:
        return _counted(on, expr, matrix, *group_rows(matrix.labels, names, keep))
    others = [n for n in names if n != name] if keep else [*names, name]
    ids, labels = group_rows(matrix.labels, others, keep)
    group, texts, flat = count_values(matrix.cells, ids, len(labels), on.context.pool, on.context.budget)
    cells = on.context.cells(len(texts), matrix.steps)
    cells[:] = flat.reshape(len(texts), matrix.steps)
    rows = take_rows(labels, group.astype(np.int64))
    named = set_label(rows, name, np.arange(len(texts), dtype=np.uint32), texts)
    flags = merge_flags(matrix.drop_name, ids, len(labels))
    return on.context.merged(Matrix(named, cells, None if flags is None else flags[group]))


def _counted(on: Evaluation, expr: AggregateExpr, matrix: Matrix, ids: NDArray[np.uint32], labels: LabelSets) -> Matrix:
    flags = merge_flags(matrix.drop_name, ids, len(labels))
    return Reduction(on.context, AggregateOp.COUNT, expr.expr, ids, labels, flags).of(matrix)
