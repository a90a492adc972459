"""Walks the tree of one query: every node becomes a matrix over the whole grid at once."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from narthex.errors import InternalError
from narthex.native import LabelSets, SampleSource, map_cells, negate_histograms
from narthex.promql.context import QueryContext
from narthex.promql.functions import FUNCTIONS, STEP_DEPENDENT
from narthex.promql.functions.elementwise import NEGATE
from narthex.promql.operators.aggregation import evaluate_aggregation
from narthex.promql.operators.binary import evaluate_binary
from narthex.promql.operators.selector import SAMPLES_A_CHUNK, evaluate_selector
from narthex.promql.selections import selector_grid, subquery_grid
from narthex.promql.sharing import Sharing
from narthex.promql.syntax import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    children,
    unwrap,
)
from narthex.promql.values import Grid, Matrix, RangeVector, Scalar, Text, Value


class Evaluator:
    """Evaluates expressions within one query. Not for concurrent use; kernels below it use the query's workers."""

    def __init__(self, context: QueryContext, sharing: Sharing | None = None) -> None:
        """`sharing` is of the very tree that will be evaluated; None when no part of it occurs twice."""
        self.context, self._sharing = context, sharing
        self._invariant: dict[int, bool] = {}

    def eval(self, expr: Expr, grid: Grid) -> Value:
        """The value at every step of `grid`. Raises QueryError and what kernels and storage raise."""
        self.context.budget.check()
        sharing = self._sharing
        if sharing is None or expr not in sharing:
            return self._at_steps(expr, grid)
        value = sharing.take(expr, grid)
        if value is None:
            notes = len(self.context.notes)
            value = self._at_steps(expr, grid)
            if len(self.context.notes) == notes:  # else each place in the text must get its own
                sharing.put(expr, grid, value)
        return value

    def repeats(self, expr: Expr) -> bool:
        """Whether the value is needed again elsewhere, hence as a whole."""
        return self._sharing is not None and expr in self._sharing

    def _at_steps(self, expr: Expr, grid: Grid) -> Value:
        if grid.count > 1 and not isinstance(expr, NumberLiteral | StringLiteral) and self.invariant(expr):
            return _spread(self._eval(expr, Grid(grid.start, grid.step, 1)), grid.count, self.context)
        return self._eval(expr, grid)

    def matrix(self, expr: Expr, grid: Grid) -> Matrix:
        value = self.eval(expr, grid)
        if not isinstance(value, Matrix):
            raise InternalError(f"an instant vector was expected, {expr} gives {type(value).__name__}")
        return value

    def scalar(self, expr: Expr, grid: Grid) -> NDArray[np.float64]:
        """One number a step."""
        value = self.eval(expr, grid)
        if not isinstance(value, Scalar):
            raise InternalError(f"a scalar was expected, {expr} gives {type(value).__name__}")
        return value.values

    def text(self, expr: Expr) -> str:
        """The text of a string literal, perhaps in parentheses."""
        inner = unwrap(expr)
        if not isinstance(inner, StringLiteral):
            raise InternalError(f"a string literal was expected, not {expr}")
        return inner.value

    def range_vector(self, expr: Expr, grid: Grid) -> RangeVector:
        """A range selector or subquery as the samples and windows that range functions need."""
        context = self.context
        inner = unwrap(expr)
        if isinstance(inner, SubqueryExpr):
            below = subquery_grid(inner, grid, context.query, context.options.default_subquery_step_ms)
            outer = selector_grid(inner.offset_ms, inner.at, grid, context.query)
            with nullcontext() if context.reads is None else context.reads.subquery():
                matrix = self.vector(inner.expr, below)
            source = SampleSource.matrix(matrix.cells, below.start, below.step, context.pool)
            return RangeVector(
                source,
                matrix.labels,
                outer,
                inner.range_ms,
                grid.start - outer.start,
                matrix.cells.size,
                histograms=len(context.pool) > 0,
                drop_name=matrix.drop_name,
            )
        if not isinstance(inner, MatrixSelector):
            raise InternalError(f"a range vector was expected, not {expr}")
        selector = inner.selector
        reach = context.lookback_ms if selector.anchored or selector.smoothed else 0
        ahead = reach if selector.smoothed else 0
        seen = selector_grid(selector.offset_ms, selector.at, grid, context.query)
        mint = seen.start - inner.range_ms - reach + 1
        read = context.read(selector, mint, seen.last + ahead)
        return RangeVector(
            read.source,
            read.labels,
            seen,
            inner.range_ms,
            grid.start - seen.start,
            read.chunks * SAMPLES_A_CHUNK,
            reach,
            selector.smoothed,
            read.histograms,
        )

    def invariant(self, expr: Expr) -> bool:
        """Whether the value is the same at every step: all times are fixed (@) and no function looks at the clock."""
        known = self._invariant.get(id(expr))
        if known is None:
            known = self._invariant[id(expr)] = self._find_invariant(expr)
        return known

    def _find_invariant(self, expr: Expr) -> bool:
        match expr:
            case NumberLiteral() | StringLiteral():
                return True
            case VectorSelector() | SubqueryExpr():
                return expr.at is not None
            case MatrixSelector():
                return expr.selector.at is not None
            case Call() if expr.func.name in STEP_DEPENDENT:
                return False
            case _:
                return all(self.invariant(child) for child in children(expr))

    def vector(self, expr: Expr, grid: Grid) -> Matrix:
        """An instant vector or a scalar as a matrix (subqueries take both)."""
        if grid.count == 0:
            return Matrix(LabelSets(), np.empty((0, 0)))
        value = self.eval(expr, grid)
        if isinstance(value, Scalar):
            return one_row(value)
        if not isinstance(value, Matrix):
            raise InternalError(f"{expr} has no samples")
        return value

    def _eval(self, expr: Expr, grid: Grid) -> Value:
        match expr:
            case NumberLiteral():
                return Scalar(np.full(grid.count, expr.value))
            case StringLiteral():
                return Text(expr.value)
            case VectorSelector():
                return evaluate_selector(self, expr, grid)
            case ParenExpr():
                return self.eval(expr.expr, grid)
            case UnaryExpr():
                return self._unary(expr, grid)
            case BinaryExpr():
                return evaluate_binary(self, expr, grid)
            case AggregateExpr():
                return evaluate_aggregation(self, expr, grid)
            case Call():
                return FUNCTIONS[expr.func.name](self, expr, grid)
            case _:
                raise InternalError(f"{expr} has no value of its own")

    def _unary(self, expr: UnaryExpr, grid: Grid) -> Value:
        value = self.eval(expr.expr, grid)
        if not expr.negate:
            return value
        if isinstance(value, Scalar):
            return Scalar(-value.values)
        if not isinstance(value, Matrix):
            raise InternalError(f"{expr} has no number to negate")
        cells = self.context.cells(value.rows, value.steps)
        map_cells(NEGATE, value.cells, cells)
        if len(self.context.pool):
            negate_histograms(value.cells, self.context.pool, self.context.budget, cells)
        return self.context.without_name(value.labels, cells)


def one_row(value: Scalar) -> Matrix:
    """A scalar as the one series without labels."""
    labels = LabelSets()
    labels.add(())
    return Matrix(labels, value.row())


def _spread(value: Value, count: int, context: QueryContext) -> Value:
    """A value of one step at `count` steps."""
    match value:
        case Scalar():
            return Scalar(np.repeat(value.values, count))
        case Matrix():
            cells = context.cells(value.rows, count)
            cells[:] = value.cells
            return Matrix(value.labels, cells, value.drop_name)
        case _:
            return value
