"""Binary operators between scalars and vectors. Set operators live in sets.py, pairing of rows in matching.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narthex.errors import InternalError
from narthex.model.number import STALE_NAN
from narthex.native import LabelSets, combine_cells
from narthex.promql.context import QueryContext, absent
from narthex.promql.operators.matching import Side, evaluate_matching
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.sets import evaluate_set
from narthex.promql.syntax import BinaryExpr, BinaryOp
from narthex.promql.values import Grid, Matrix, Scalar, Value

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
}
"""The numbers are those of BinaryOp in core/query/elementwise.h."""
_TRIMS = frozenset({BinaryOp.TRIM_UPPER, BinaryOp.TRIM_LOWER})
_BOOL, _LEFT, _RIGHT = 0, 1, 2


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


class _Combiner:
    """Computes cells for pairs of rows."""

    def __init__(self, context: QueryContext, expr: BinaryExpr) -> None:
        self._context, self._expr = context, expr

    def __call__(self, left: Side, right: Side, rows: int, steps: int) -> NDArray[np.float64]:
        out = self._context.cells(rows, steps)
        op = self._expr.op
        if op in _TRIMS:
            # They are about histograms: two numbers have no result.
            combine_cells(0, _BOOL, left.cells, left.rows, False, right.cells, right.rows, False, out)
            _note_trim(self._context, self._expr, out)
            out[:] = STALE_NAN
        else:
            result = _BOOL if self._expr.return_bool else _LEFT
            combine_cells(OPS[op], result, left.cells, left.rows, False, right.cells, right.rows, False, out)
        return out


def _combiner(context: QueryContext, expr: BinaryExpr) -> _Combiner:
    return _Combiner(context, expr)


def _note_trim(context: QueryContext, expr: BinaryExpr, cells: NDArray[np.float64]) -> None:
    if not absent(cells).all():
        context.notes.incompatible_types("float", expr.op.value, "float", expr)


def _with_scalar(
    context: QueryContext, expr: BinaryExpr, vector: Matrix, scalar: Scalar, *, scalar_left: bool
) -> Matrix:
    """A comparison keeps the vector's value on whichever side it stands."""
    if expr.op in _TRIMS:
        _note_trim(context, expr, vector.cells)
        return Matrix(LabelSets(), context.cells(0, vector.steps))
    cells = context.cells(vector.rows, vector.steps)
    op = OPS[expr.op]
    if scalar_left:
        result = _BOOL if expr.return_bool else _RIGHT
        combine_cells(op, result, scalar.row(), None, True, vector.cells, None, False, cells)
    else:
        result = _BOOL if expr.return_bool else _LEFT
        combine_cells(op, result, vector.cells, None, False, scalar.row(), None, True, cells)
    if expr.op.is_comparison and not expr.return_bool:
        return Matrix(vector.labels, cells, vector.drop_name)
    return context.without_name(vector.labels, cells)
