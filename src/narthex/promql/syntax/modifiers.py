"""What follows a selector (range, subquery, offset, @, anchored, smoothed) and what follows a binary operator."""

from __future__ import annotations

import math
from dataclasses import replace

from narthex.promql.syntax.ast import (
    Duration,
    DurationLiteral,
    Expr,
    MatrixSelector,
    Span,
    SubqueryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.duration_parser import parse_offset, parse_positive
from narthex.promql.syntax.lexer import DURATION, NUMBER
from narthex.promql.syntax.numbers import number_value
from narthex.promql.syntax.ops import AtBound, Cardinality
from narthex.promql.syntax.options import ParserOptions
from narthex.promql.syntax.selectors import parse_label_list

POSTFIX = frozenset({"[", "offset", "@", "anchored", "smoothed"})
_MAX_TIMESTAMP = float(2**63 - 1)
_PRECEDED = "modifier must be preceded by an instant vector selector or range vector selector or a subquery"


def parse_postfix(cursor: Cursor, expr: Expr, options: ParserOptions) -> tuple[Expr, bool]:
    """Takes one modifier behind `expr`. True when a subquery was made of it."""
    match cursor.kind:
        case "[":
            return _parse_bracket(cursor, expr)
        case "offset":
            return _parse_offset(cursor, expr), False
        case "@":
            return _parse_at(cursor, expr), False
        case _:
            return _parse_extended(cursor, expr, options), False


def _parse_bracket(cursor: Cursor, expr: Expr) -> tuple[Expr, bool]:
    start = cursor.take()
    span = parse_positive(cursor)
    if cursor.kind == ":":
        cursor.index += 1
        step: Duration | None = None
        if cursor.kind != "]":
            if cursor.kind not in _DURATION_STARTS:
                cursor.unexpected("subquery selector", 'number, duration, step(), range(), or "]"')
            step = parse_positive(cursor)
        end = cursor.expect("]", "subquery selector", '"]"').end
        return SubqueryExpr(expr, span, step, Span(expr.pos.start, end)), True
    end = cursor.expect("]", "subquery or range", '":" or "]"').end
    problem = ""
    if not isinstance(expr, VectorSelector):
        problem = "ranges only allowed for vector selectors"
    elif expr.offset is not None:
        problem = "no offset modifiers allowed before range"
    elif expr.at is not None:
        problem = "no @ modifiers allowed before range"
    if problem:
        raise cursor.error(start.start, end, problem)
    assert isinstance(expr, VectorSelector)
    return MatrixSelector(expr, span, Span(expr.pos.start, end)), False


_DURATION_STARTS = frozenset({NUMBER, DURATION, "+", "-", "(", "step", "range", "max_of", "min_of"})


def _parse_offset(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    written = parse_offset(cursor)
    offset = None if isinstance(written, DurationLiteral) and written.ms == 0 else written
    end = cursor.tokens[cursor.index - 1].end
    target = expr.selector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(target, VectorSelector | SubqueryExpr):
        raise cursor.error(*expr.pos, f"offset {_PRECEDED}")
    if target.offset is not None:
        raise cursor.error(*expr.pos, "offset may not be set multiple times")
    if isinstance(expr, MatrixSelector):
        return replace(expr, selector=replace(expr.selector, offset=offset), pos=Span(expr.pos.start, end))
    return replace(target, offset=offset, pos=Span(expr.pos.start, end))


def _parse_at(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    at = _at_time(cursor, expr)
    end = cursor.tokens[cursor.index - 1].end
    target = expr.selector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(target, VectorSelector | SubqueryExpr):
        raise cursor.error(*expr.pos, f"@ {_PRECEDED}")
    if target.at is not None:
        raise cursor.error(*expr.pos, "@ <timestamp> may not be set multiple times")
    if isinstance(expr, MatrixSelector):
        return replace(expr, selector=replace(expr.selector, at=at), pos=Span(expr.pos.start, end))
    return replace(target, at=at, pos=Span(expr.pos.start, end))


def _at_time(cursor: Cursor, expr: Expr) -> int | AtBound:
    if cursor.kind in ("start", "end"):
        bound = AtBound(cursor.take().kind)
        cursor.expect("(", "@", "timestamp")
        cursor.expect(")", "@", "timestamp")
        return bound
    sign = -1 if cursor.kind == "-" else 1
    if cursor.kind in ("+", "-"):
        cursor.index += 1
    if cursor.kind not in (NUMBER, DURATION):
        cursor.unexpected("@", "timestamp")
    seconds = sign * number_value(cursor, cursor.take())
    if not math.isfinite(seconds) or abs(seconds) >= _MAX_TIMESTAMP:
        shown = f"{seconds:f}" if math.isfinite(seconds) else {"inf": "+Inf", "-inf": "-Inf"}.get(str(seconds), "NaN")
        raise cursor.error(*expr.pos, f"timestamp out of bounds for @ modifier: {shown}")
    return max(-(2**63), min(2**63 - 1, math.floor(abs(seconds) * 1000 + 0.5) * (1 if seconds >= 0 else -1)))


def _parse_extended(cursor: Cursor, expr: Expr, options: ParserOptions) -> Expr:
    word = cursor.take()
    if not options.extended_range_selectors:
        raise cursor.error(*expr.pos, f"{word.kind} modifier is experimental and not enabled")
    if isinstance(expr, SubqueryExpr):
        raise cursor.error(*expr.pos, f"{word.kind} modifier is not supported for subqueries")
    target = expr.selector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(target, VectorSelector):
        raise cursor.error(*expr.pos, f"{word.kind} modifier not implemented")
    target = replace(
        target, anchored=target.anchored or word.kind == "anchored", smoothed=target.smoothed or word.kind == "smoothed"
    )
    if target.anchored and target.smoothed:
        raise cursor.error(*expr.pos, "anchored and smoothed modifiers cannot be used together")
    span = Span(expr.pos.start, word.end)
    if isinstance(expr, MatrixSelector):
        return replace(expr, selector=target, pos=span)
    return replace(target, pos=span)


def parse_binary_modifiers(cursor: Cursor) -> tuple[bool, VectorMatching | None]:
    """`bool`, on/ignoring, group_left/right and fills. None when nothing about matching was written."""
    return_bool = cursor.accept("bool")
    kind = cursor.kind
    if kind not in _MATCHING_WORDS:
        return return_bool, None
    on, labels, include = False, (), ()  # type: tuple[bool, tuple[str, ...], tuple[str, ...]]
    cardinality = Cardinality.ONE_TO_ONE
    if kind in ("on", "ignoring"):
        on = cursor.take().kind == "on"
        labels, _ = parse_label_list(cursor)
        if cursor.kind in ("group_left", "group_right"):
            many_left = cursor.take().kind == "group_left"
            cardinality = Cardinality.MANY_TO_ONE if many_left else Cardinality.ONE_TO_MANY
            if cursor.kind == "(":
                include, _ = parse_label_list(cursor)
    fill_left, fill_right = _parse_fills(cursor)
    return return_bool, VectorMatching(cardinality, on, labels, include, fill_left, fill_right)


_MATCHING_WORDS = frozenset({"on", "ignoring", "fill", "fill_left", "fill_right"})


def _parse_fills(cursor: Cursor) -> tuple[float | None, float | None]:
    if cursor.accept("fill"):
        value = _fill_value(cursor)
        return value, value
    left = right = None
    if cursor.accept("fill_left"):
        left = _fill_value(cursor)
        if cursor.accept("fill_right"):
            right = _fill_value(cursor)
    elif cursor.accept("fill_right"):
        right = _fill_value(cursor)
        if cursor.accept("fill_left"):
            left = _fill_value(cursor)
    return left, right


def _fill_value(cursor: Cursor) -> float:
    cursor.expect("(")
    negative = cursor.kind == "-"
    if cursor.kind in ("+", "-"):
        cursor.index += 1
    if cursor.kind not in (NUMBER, DURATION):
        cursor.unexpected()
    value = number_value(cursor, cursor.take())
    cursor.expect(")")
    return -value if negative else value
