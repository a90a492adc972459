"""histogram_quantile, histogram_quantiles, histogram_fraction: of classic buckets (rows with `le`) and native ones."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import METRIC_NAME
from narthex.model.number import STALE_NAN, format_float
from narthex.native import (
    LabelSets,
    concat_rows,
    group_rows,
    histogram_fraction,
    histogram_quantile,
    label_column,
    mark_presence,
    match_rows,
    native_fractions,
    native_quantiles,
    set_label,
    take_rows,
)
from narthex.promql.annotations import ForcedMonotonicity
from narthex.promql.context import absent, histograms
from narthex.promql.histogram_notes import tell_of_rows
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call, Expr
from narthex.promql.values import Cells, Grid, Matrix

BUCKET_LABEL = "le"
_NUMBER = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|0x[\da-f_]*\.?[\da-f]*p[+-]?\d+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Buckets:
    """A vector of histograms: classic ones are the groups of rows that differ in `le` alone, their cells numbers.

    `native` are the rows that have native histograms. Where a native and a classic one of the same labels meet,
    neither has cells.
    """

    matrix: Matrix
    ids: NDArray[np.uint32]
    labels: LabelSets
    bounds: NDArray[np.float64]
    native: Matrix


def parse_bound(text: str) -> float | None:
    """A bucket's upper bound as Go's ParseFloat reads it, None when it is malformed."""
    if not _NUMBER.fullmatch(text) or "_" in text:
        return None
    return float.fromhex(text) if "x" in text.lower() else float(text)


def _buckets(on: Evaluation, expr: Expr, grid: Grid) -> Buckets:
    whole = on.matrix(expr, grid)
    matrix = Matrix(whole.labels, on.context.numbers(whole.cells), whole.drop_name)
    ids, texts = label_column(matrix.labels, BUCKET_LABEL)
    parsed = [parse_bound(text) for text in texts]
    bounds = np.array([math.nan if bound is None else bound for bound in parsed], dtype=np.float64)[ids]
    wrong = np.array([bound is None for bound in parsed], dtype=bool)[ids]
    if wrong.any():
        _warn(on, matrix, wrong, expr)
    groups, labels = group_rows(matrix.labels, (BUCKET_LABEL,), False)
    native = Matrix(LabelSets(), on.context.cells(0, grid.count))
    if matrix.cells is not whole.cells:
        native = native_rows(whole)
        matrix = _apart(on, matrix, groups, labels, wrong, native, expr)
    return Buckets(matrix, groups, labels, bounds, native)


def native_rows(matrix: Matrix) -> Matrix:
    """The rows that have native histograms, without their numbers."""
    found = histograms(matrix.cells)
    rows = np.flatnonzero(found.any(axis=1))
    return Matrix(take_rows(matrix.labels, rows), np.where(found[rows], matrix.cells[rows], STALE_NAN))


def _apart(
    on: Evaluation,
    classic: Matrix,
    groups: NDArray[np.uint32],
    labels: LabelSets,
    wrong: NDArray[np.bool_],
    native: Matrix,
    expr: Expr,
) -> Matrix:
    """The classic histograms; cells where one meets a native one of the same labels go away, with a warning.

    Takes such cells from `native`, which nobody else has yet.
    """
    there = np.empty((len(labels), classic.steps), dtype=np.uint8)
    mark_presence(np.where(wrong[:, None], STALE_NAN, classic.cells), groups, there)
    native_ids, group_ids, count = match_rows(native.labels, labels, (), False)
    by_id = np.zeros((count, classic.steps), dtype=bool)
    by_id[group_ids] = there
    meeting = by_id[native_ids] & ~absent(native.cells)
    if not meeting.any():
        return classic
    ids, names = label_column(native.labels, METRIC_NAME)
    for i in dict.fromkeys(ids[meeting.any(axis=1)].tolist()):
        metric = names[i] if on.context.options.delayed_name_removal else ""
        on.context.notes.mixed_classic_native(metric, expr)
    lost = np.zeros((count, classic.steps), dtype=bool)
    np.logical_or.at(lost, native_ids, meeting)
    native.cells[meeting] = STALE_NAN
    cells = np.where(lost[group_ids[groups]], STALE_NAN, classic.cells)
    return Matrix(classic.labels, cells, classic.drop_name)


def _with_native(on: Evaluation, buckets: Buckets, classic: Cells, native: Cells) -> Matrix:
    """Results of both kinds; rows with the same labels become one."""
    if not buckets.native.rows:
        return Matrix(buckets.labels, classic)
    labels = concat_rows((buckets.labels, buckets.native.labels))
    return on.context.merged(Matrix(labels, np.concatenate((classic, native))))


def _warn(on: Evaluation, matrix: Matrix, wrong: NDArray[np.bool_], expr: Expr) -> None:
    """Once for each metric name and malformed value that has a sample."""
    rows = np.flatnonzero(wrong)
    rows = rows[~absent(matrix.cells[rows]).all(axis=1)]
    name_ids, names = label_column(matrix.labels, METRIC_NAME)
    value_ids, values = label_column(matrix.labels, BUCKET_LABEL)
    for name, value in dict.fromkeys(zip(name_ids[rows].tolist(), value_ids[rows].tolist(), strict=True)):
        metric = names[name] if on.context.options.delayed_name_removal else ""
        on.context.notes.bad_bucket_label(metric, values[value], expr)


def _quantile_cells(on: Evaluation, buckets: Buckets, q: NDArray[np.float64], expr: Expr, grid: Grid) -> Matrix:
    context = on.context
    cells = context.cells(len(buckets.labels), grid.count)
    repairs = histogram_quantile(
        buckets.matrix.cells, buckets.ids, len(buckets.labels), buckets.bounds, q, context.budget, cells
    )
    for group, steps, first, last, least, greatest, fall in repairs:
        metric = buckets.labels.value(group, METRIC_NAME) if context.options.delayed_name_removal else ""
        first_time, last_time = grid.start + first * grid.step, grid.start + last * grid.step
        repair = ForcedMonotonicity(steps, first_time, last_time, least, greatest, fall)
        context.notes.forced_monotonicity(metric, repair, expr)
    native = buckets.native
    out, told = context.cells(native.rows, grid.count), np.zeros(native.rows, dtype=np.uint32)
    native_quantiles(native.cells, context.pool, q, context.budget, out, told)
    tell_of_rows(context.notes, told, native.labels, expr, named=context.options.delayed_name_removal)
    return _with_native(on, buckets, cells, out)


def _check_quantiles(on: Evaluation, q: NDArray[np.float64], expr: Expr) -> None:
    for bad in dict.fromkeys(float(v) for v in q[np.isnan(q) | (q < 0) | (q > 1)][:10]):
        on.context.notes.invalid_quantile(bad, expr)


def _histogram_quantile(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    q = on.scalar(call.args[0], grid)
    _check_quantiles(on, q, call.args[0])
    result = _quantile_cells(on, _buckets(on, call.args[1], grid), q, call.args[1], grid)
    return on.context.without_name(result.labels, result.cells)


def _histogram_quantiles(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """One result a quantile, told apart by the named label."""
    label = on.text(call.args[1])
    buckets = _buckets(on, call.args[0], grid)
    tables, parts = [], []
    for arg in call.args[2:]:
        q = on.scalar(arg, grid)
        _check_quantiles(on, q, arg)
        result = _quantile_cells(on, buckets, q, call.args[0], grid)
        # The parameter may change from step to step; each value is its own series.
        for value in np.unique(q).tolist():
            same = (q == value) | (np.isnan(q) & math.isnan(value))
            cells = on.context.cells(result.rows, grid.count)
            cells[:] = result.cells
            cells[:, ~same] = STALE_NAN
            ids = np.zeros(result.rows, dtype=np.uint32)
            tables.append(set_label(result.labels, label, ids, [open_metrics_float(value)]))
            parts.append(cells)
    return on.context.without_name(concat_rows(tables), np.concatenate(parts))


def open_metrics_float(value: float) -> str:
    """A number in OpenMetrics' canonical form: whole numbers keep a decimal point."""
    text = format_float(value)
    return text if not math.isfinite(value) or "." in text else text + ".0"


def _histogram_fraction(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    lower, upper = on.scalar(call.args[0], grid), on.scalar(call.args[1], grid)
    buckets = _buckets(on, call.args[2], grid)
    cells = on.context.cells(len(buckets.labels), grid.count)
    histogram_fraction(
        buckets.matrix.cells,
        buckets.ids,
        len(buckets.labels),
        buckets.bounds,
        lower,
        upper,
        on.context.budget,
        cells,
    )
    context, native = on.context, buckets.native
    out, told = context.cells(native.rows, grid.count), np.zeros(native.rows, dtype=np.uint32)
    native_fractions(native.cells, context.pool, lower, upper, context.budget, out, told)
    tell_of_rows(context.notes, told, native.labels, call.args[2], named=context.options.delayed_name_removal)
    result = _with_native(on, buckets, cells, out)
    return context.without_name(result.labels, result.cells)


HISTOGRAMS: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = {
    "histogram_quantile": _histogram_quantile,
    "histogram_quantiles": _histogram_quantiles,
    "histogram_fraction": _histogram_fraction,
}
