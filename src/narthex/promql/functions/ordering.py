"""sort, sort_desc, sort_by_label, sort_by_label_desc: they order the rows of an instant query's answer."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from narthex.native import label_column, sorted_rows, take_rows
from narthex.promql.context import absent
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call
from narthex.promql.values import Grid, Matrix

_PARTS = re.compile(r"(\d+)")


def _sort(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """Native histograms have no order: they are left out."""
    matrix = _argument(on, call, grid)
    matrix = Matrix(matrix.labels, on.context.numbers(matrix.cells), matrix.drop_name)
    if on.context.is_range or matrix.steps != 1:
        return matrix
    values = matrix.cells[:, 0]
    key = -values if call.func.name == "sort_desc" else values
    return _taken(matrix, np.lexsort((key, np.isnan(values), absent(values))))


def _sort_by_label(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """By natural order of the labels in turn, then by all labels."""
    matrix = _argument(on, call, grid)
    if on.context.is_range or matrix.steps != 1:
        return matrix
    keys: list[NDArray[np.int64]] = []
    for arg in call.args[1:]:
        ids, values = label_column(matrix.labels, on.text(arg))
        ranks = {value: rank for rank, value in enumerate(sorted(values, key=natural_key))}
        keys.append(np.array([ranks[value] for value in values], dtype=np.int64)[ids])
    whole = np.empty(matrix.rows, dtype=np.int64)
    whole[sorted_rows(matrix.labels)] = np.arange(matrix.rows)
    order = np.lexsort((whole, *reversed(keys)))
    return _taken(matrix, order[::-1] if call.func.name == "sort_by_label_desc" else order)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Digits compare as numbers, the rest as text: 4m5 before 4m600 before 4m1000."""
    parts = _PARTS.split(text)
    return tuple((0, int(part), part) if i % 2 else (1, 0, part) for i, part in enumerate(parts) if part)


def _argument(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    if on.context.is_range:
        on.context.notes.sort_in_range_query(call)
    return on.matrix(call.args[0], grid)


def _taken(matrix: Matrix, order: NDArray[np.intp]) -> Matrix:
    flags = None if matrix.drop_name is None else matrix.drop_name[order]
    labels = take_rows(matrix.labels, order.astype(np.int64))
    return Matrix(labels, np.ascontiguousarray(matrix.cells[order]), flags)


ORDERING: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = {
    "sort": _sort,
    "sort_desc": _sort,
    "sort_by_label": _sort_by_label,
    "sort_by_label_desc": _sort_by_label,
}
