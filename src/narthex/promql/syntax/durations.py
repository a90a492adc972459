"""The values of duration expressions within one query."""

from __future__ import annotations

import math
from dataclasses import replace

from narthex.errors import PromQLError
from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Duration,
    DurationExpr,
    DurationLiteral,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)
from narthex.promql.syntax.ops import DurationOp

_MAX_SECONDS = 2**63 / 1e9


def resolve(expr: Expr, step_ms: int, range_ms: int) -> Expr:
    """The tree with every duration literal. `step_ms` and `range_ms` are those of the query, both 0 when it is instant.

    The very same tree when there is nothing to resolve. Raises PromQLError (without query text) when a duration is not
    finite, too large, or a range or step not greater than zero.
    """
    return _resolve(expr, step_ms / 1000, range_ms / 1000)


def _resolve(expr: Expr, step: float, span: float) -> Expr:
    match expr:
        case VectorSelector(offset=DurationExpr() as offset):
            return replace(expr, offset=_literal(offset, step, span, False))
        case MatrixSelector():
            selector = _resolve(expr.selector, step, span)
            assert isinstance(selector, VectorSelector)
            size = _literal(expr.range, step, span, True)
            changed = selector is not expr.selector or size is not expr.range
            return replace(expr, selector=selector, range=size) if changed else expr
        case SubqueryExpr():
            inner = _resolve(expr.expr, step, span)
            size = _literal(expr.range, step, span, True)
            every = None if expr.step is None else _literal(expr.step, step, span, True)
            back = None if expr.offset is None else _literal(expr.offset, step, span, False)
            if inner is expr.expr and size is expr.range and every is expr.step and back is expr.offset:
                return expr
            return replace(expr, expr=inner, range=size, step=every, offset=back)
        case ParenExpr() | UnaryExpr():
            inner = _resolve(expr.expr, step, span)
            return expr if inner is expr.expr else replace(expr, expr=inner)
        case BinaryExpr():
            left, right = _resolve(expr.left, step, span), _resolve(expr.right, step, span)
            return expr if left is expr.left and right is expr.right else replace(expr, left=left, right=right)
        case AggregateExpr():
            inner = _resolve(expr.expr, step, span)
            param = None if expr.param is None else _resolve(expr.param, step, span)
            return expr if inner is expr.expr and param is expr.param else replace(expr, expr=inner, param=param)
        case Call():
            args = tuple(_resolve(arg, step, span) for arg in expr.args)
            same = all(new is old for new, old in zip(args, expr.args, strict=True))
            return expr if same else replace(expr, args=args)
        case _:
            return expr


def _literal(duration: Duration, step: float, span: float, positive: bool) -> DurationLiteral:
    if isinstance(duration, DurationLiteral):
        return duration
    seconds = _seconds(duration, step, span)
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
