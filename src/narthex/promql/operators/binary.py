"""Binary operators between scalars and vectors. Set operators live in sets.py, pairing of rows in matching.py."""

from __future__ import annotations

import numpy as np

from narthex.errors import InternalError
from narthex.native import combine_cells, combine_histograms
from narthex.promql.context import QueryContext
from narthex.promql.histogram_notes import tell_of_operands
from narthex.promql.operators.matching import Combine, Rows, Side, evaluate_matching
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.sets import evaluate_set
from narthex.promql.syntax import BinaryExpr, BinaryOp
from narthex.promql.values import Cells, Grid, Matrix, Scalar, Value

OPS = {
    BinaryOp.ADD: 0,
    BinaryOp.SUB: 1,
    BinaryOp.MUL: 2,
    BinaryOp.DIV: 3,
    BinaryOp.MOD: 4,
    BinaryOp.POW: 5,
    BinaryOp.ATAN2: 6,
    BinaryOp.EQL: 7,
    BinaryOp.NEQ: 8,
    BinaryOp.LTE: 9,
    BinaryOp.LSS: 10,
    BinaryOp.GTE: 11,
    BinaryOp.GTR: 12,
    BinaryOp.TRIM_UPPER: 13,
    BinaryOp.TRIM_LOWER: 14,
}
"""The numbers are those of BinaryOp in core/query/elementwise.h."""
_BOOL, _LEFT, _RIGHT = 0, 1, 2
_Operand = tuple[Cells, Rows | None, bool]
"""Cells, the row of each result row (None: its own), and whether it is one row for all."""


def evaluate_binary(on: Evaluation, expr: BinaryExpr, grid: Grid) -> Value:
    """Any binary operator on any operands that the type check lets through."""
    left, right = on.eval(expr.left, grid), on.eval(expr.right, grid)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        cells = np.empty((1, grid.count))
        combine_cells(OPS[expr.op], _BOOL, left.row(), None, True, right.row(), None, True, cells)
        return Scalar(cells[0])
    if isinstance(left, Matrix) and isinstance(right, Matrix):
        if expr.op.is_set:
            return evaluate_set(on.context, expr, left, right)
        return evaluate_matching(on.context, expr, left, right, _combiner(on.context, expr))
    if isinstance(left, Matrix) and isinstance(right, Scalar):
        return _with_scalar(on.context, expr, left, right, scalar_left=False)
    if isinstance(left, Scalar) and isinstance(right, Matrix):
        return _with_scalar(on.context, expr, right, left, scalar_left=True)
    raise InternalError(f"{expr} has operands of wrong types")


def _combiner(context: QueryContext, expr: BinaryExpr) -> Combine:
    def combine(left: Side, right: Side, rows: int, steps: int) -> Cells:
        result = _BOOL if expr.return_bool else _LEFT
        out = context.cells(rows, steps)
        _combine(context, expr, result, (left.cells, left.rows, False), (right.cells, right.rows, False), out)
        return out

    return combine


def _combine(context: QueryContext, expr: BinaryExpr, result: int, left: _Operand, right: _Operand, out: Cells) -> None:
    op = OPS[expr.op]
    combine_cells(op, result, *left, *right, out)
    if len(context.pool) or expr.op.is_trim:
        notes = combine_histograms(op, result, *left, *right, context.pool, context.budget, out)
        tell_of_operands(context.notes, notes, expr)


def _with_scalar(
    context: QueryContext, expr: BinaryExpr, vector: Matrix, scalar: Scalar, *, scalar_left: bool
) -> Matrix:
    """A comparison keeps the vector's value on whichever side it stands."""
    cells = context.cells(vector.rows, vector.steps)
    one: _Operand = (scalar.row(), None, True)
    many: _Operand = (vector.cells, None, False)
    if scalar_left:
        _combine(context, expr, _BOOL if expr.return_bool else _RIGHT, one, many, cells)
    else:
        _combine(context, expr, _BOOL if expr.return_bool else _LEFT, many, one, cells)
    if not expr.op.changes_meaning and not expr.return_bool:
        return Matrix(vector.labels, cells, vector.drop_name)
    return context.without_name(vector.labels, cells)
