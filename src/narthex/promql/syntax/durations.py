"""The values of duration expressions within one query."""

from __future__ import annotations

import math
from dataclasses import replace

from narthex.errors import PromQLError
from narthex.promql.syntax.ast import (
    Duration,
    DurationExpr,
    DurationLiteral,
    Expr,
    MatrixSelector,
    SubqueryExpr,
    VectorSelector,
    with_children,
)
from narthex.promql.syntax.ops import DurationOp

_MAX_SECONDS = 2**63 / 1e9


def resolve(expr: Expr, step_ms: int, range_ms: int) -> Expr:
    """The tree with every duration literal. `step_ms` and `range_ms` are those of the query, both 0 when it is instant.

    The very same tree when there is nothing to resolve. Raises PromQLError (without query text) when a duration is not
    finite, too large, or a range or step not greater than zero.
    """
    return _Resolver(step_ms / 1000, range_ms / 1000).resolve(expr)


class _Resolver:
    """Step and range of one query, seconds."""

    __slots__ = ("span", "step")

    def __init__(self, step: float, span: float) -> None:
        self.step, self.span = step, span

    def resolve(self, expr: Expr) -> Expr:
        expr = with_children(expr, self.resolve)
        match expr:
            case VectorSelector(offset=DurationExpr() as offset):
                return replace(expr, offset=self.literal(offset, False))
            case MatrixSelector(range=DurationExpr() as size):
                return replace(expr, range=self.literal(size, True))
            case SubqueryExpr(range=size, step=every, offset=back) if (
                isinstance(size, DurationExpr) or isinstance(every, DurationExpr) or isinstance(back, DurationExpr)
            ):
                return replace(
                    expr,
                    range=self.literal(size, True),
                    step=None if every is None else self.literal(every, True),
                    offset=None if back is None else self.literal(back, False),
                )
            case _:
                return expr

    def literal(self, duration: Duration, positive: bool) -> DurationLiteral:
        if isinstance(duration, DurationLiteral):
            return duration
        seconds = _seconds(duration, self.step, self.span)
        if math.isnan(seconds) or math.isinf(seconds) or not -_MAX_SECONDS <= seconds <= _MAX_SECONDS:
            raise PromQLError("duration is out of range", None, *duration.pos)
        if positive and seconds <= 0:
            raise PromQLError("duration must be greater than 0", None, *duration.pos)
        return DurationLiteral(seconds, duration.pos)


def _seconds(duration: Duration, step: float, span: float) -> float:
    if isinstance(duration, DurationLiteral):
        return duration.seconds
    left = 0.0 if duration.left is None else _seconds(duration.left, step, span)
    right = 0.0 if duration.right is None else _seconds(duration.right, step, span)
    match duration.op:
        case DurationOp.STEP:
            return step
        case DurationOp.RANGE:
            return span
        case DurationOp.MIN_OF:
            return min(left, right)
        case DurationOp.MAX_OF:
            return max(left, right)
        case DurationOp.ADD:
            return left + right
        case DurationOp.SUB:
            return left - right
        case DurationOp.MUL:
            return left * right
        case DurationOp.DIV | DurationOp.MOD if right == 0:
            what = "division" if duration.op is DurationOp.DIV else "modulo"
            raise PromQLError(f"{what} by zero", None, *duration.pos)
        case DurationOp.DIV:
            return left / right
        case DurationOp.MOD:
            return math.fmod(left, right) if math.isfinite(left) else math.nan
        case DurationOp.POW:
            return _power(left, right)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
