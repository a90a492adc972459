"""Evaluation that notes what each part of an expression took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from narthex.promql.context import QueryContext
from narthex.promql.evaluator import Evaluator
from narthex.promql.result import Explained
from narthex.promql.sharing import Sharing
from narthex.promql.syntax import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    children,
    unwrap,
)
from narthex.promql.syntax.printer import aggregate_head, operator, subquery_suffix
from narthex.promql.values import Grid, Matrix, RangeVector, Value

T = TypeVar("T")


class ExplainingEvaluator(Evaluator):
    """Notes of every part what its evaluation took. Not for queries that nobody asks about: it costs some time."""

    def __init__(self, context: QueryContext, sharing: Sharing | None = None) -> None:
        super().__init__(context, sharing)
        self._parts: dict[int, Explained] = {}  # by identity of the node

    def eval(self, expr: Expr, grid: Grid) -> Value:
        part = self._part(expr)
        before = part.evaluations
        value = self._timed(part, lambda: super(ExplainingEvaluator, self).eval(expr, grid))
        if part.evaluations == before:
            part.reused += 1
        part.series = value.rows if isinstance(value, Matrix) else 1
        return value

    def _at_steps(self, expr: Expr, grid: Grid) -> Value:
        part = self._part(expr)
        part.evaluations += 1
        part.steps = 1 if self.invariant(expr) else grid.count
        return super()._at_steps(expr, grid)

    def range_vector(self, expr: Expr, grid: Grid) -> RangeVector:
        part = self._part(unwrap(expr))
        vector = self._timed(part, lambda: super(ExplainingEvaluator, self).range_vector(expr, grid))
        part.evaluations += 1
        part.series, part.steps = len(vector.labels), vector.grid.count
        return vector

    def explained(self, tree: Expr) -> Explained:
        """All parts of the tree that was evaluated. Parentheses are left out."""
        tree = unwrap(tree)
        part = self._part(tree)
        if not isinstance(tree, MatrixSelector) and (part.evaluations or not part.reused):
            part.below = [self.explained(child) for child in children(tree) if _has_steps(child)]
        return part

    def _part(self, expr: Expr) -> Explained:
        part = self._parts.get(id(expr))
        if part is None:
            part = self._parts[id(expr)] = Explained(_head(expr), expr.type.value)
        return part

    def _timed(self, part: Explained, run: Callable[[], T]) -> T:
        begun, read = time.perf_counter(), self.context.budget.read
        result = run()
        part.seconds += time.perf_counter() - begun
        part.samples += self.context.budget.read - read
        return result


def _has_steps(expr: Expr) -> bool:
    return not isinstance(unwrap(expr), NumberLiteral | StringLiteral)


def _head(expr: Expr) -> str:
    """What is written of a node itself."""
    match expr:
        case AggregateExpr():
            return aggregate_head(expr).strip()
        case BinaryExpr():
            return operator(expr)
        case Call():
            return expr.func.name
        case UnaryExpr():
            return "-" if expr.negate else "+"
        case SubqueryExpr():
            return subquery_suffix(expr)
        case _:
            return str(expr)
