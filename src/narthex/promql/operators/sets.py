"""and, or, unless: keep rows' cells by whether the other side has the match group at the step."""

from __future__ import annotations

import numpy as np

from narthex.errors import InternalError
from narthex.model.labels import METRIC_NAME
from narthex.native import concat_rows, mark_presence, mask_cells, match_rows
from narthex.promql.context import QueryContext, concat_flags
from narthex.promql.syntax import BinaryExpr, BinaryOp
from narthex.promql.values import Flags, Matrix


def evaluate_set(context: QueryContext, expr: BinaryExpr, left: Matrix, right: Matrix) -> Matrix:
    if expr.matching is None:
        raise InternalError(f"{expr} has no matching")
    left_ids, right_ids, count = match_rows(left.labels, right.labels, *match_key(expr))
    if expr.op is not BinaryOp.OR:
        cells = context.cells(left.rows, left.steps)
        mask_cells(left.cells, left_ids, _presence(right, right_ids, count), expr.op is BinaryOp.AND, cells)
        return Matrix(left.labels, cells, left.drop_name)
    cells = context.cells(left.rows + right.rows, left.steps)
    cells[: left.rows] = left.cells
    mask_cells(right.cells, right_ids, _presence(left, left_ids, count), False, cells[left.rows :])
    flags = concat_flags((left.drop_name, right.drop_name), (left.rows, right.rows))
    return context.merged(Matrix(concat_rows((left.labels, right.labels)), cells, flags))


def match_key(expr: BinaryExpr) -> tuple[tuple[str, ...], bool]:
    """Labels that must be equal (on), or (False) those that need not be."""
    assert expr.matching is not None
    if expr.matching.on:
        return expr.matching.labels, True
    return (*expr.matching.labels, METRIC_NAME), False


def _presence(matrix: Matrix, ids: np.ndarray[tuple[int], np.dtype[np.uint32]], count: int) -> Flags:
    flags = np.empty((count, matrix.steps), dtype=np.uint8)
    mark_presence(matrix.cells, ids, flags)
    return flags
