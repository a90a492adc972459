"""The forms in which an instant evaluation is repeated with selectors pinned to its time by the @ modifier."""

from __future__ import annotations

import re
from dataclasses import replace

from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    walk,
)

_TIME_DEPENDENT = frozenset(
    {
        "days_in_month",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "end",
        "hour",
        "minute",
        "month",
        "predict_linear",
        "range",
        "start",
        "step",
        "time",
        "timestamp",
        "year",
    }
)
_QUERY_RANGE_CALLS = re.compile(r"(?:start|end|range|step)\(\)")


def pinned_forms(expr: Expr, time_ms: int) -> list[tuple[str, int]]:
    """Texts and times (milliseconds) that must give the same answer as `expr` at `time_ms`.

    None when the expression holds a function whose value depends on the evaluation time whatever its selectors say.
    """
    if any(isinstance(node, Call) and node.func.name in _TIME_DEPENDENT for node in _outside_pinned(expr)):
        return []
    text = str(_pin(expr, time_ms))
    times = (-10 * time_ms, 0, time_ms // 5, time_ms, 10 * time_ms) if time_ms else (-1000, 0, 1000)
    return [(text, t) for t in times]


def depends_on_query_range(text: str) -> bool:
    """Whether an expression has another value in a range query, because it asks for start, end, range or step."""
    return _QUERY_RANGE_CALLS.search(text) is not None


def _outside_pinned(expr: Expr) -> list[Expr]:
    """All nodes but those below subqueries, which are pinned as a whole."""
    inside: set[int] = set()
    nodes = []
    for node in walk(expr):
        if id(node) in inside:
            continue
        nodes.append(node)
        if isinstance(node, SubqueryExpr):
            inside.update(id(below) for below in walk(node.expr))
    return nodes


def _pin(expr: Expr, at: int) -> Expr:
    match expr:
        case VectorSelector():
            return expr if isinstance(expr.at, int) else replace(expr, at=at)
        case MatrixSelector():
            selector = _pin(expr.selector, at)
            assert isinstance(selector, VectorSelector)
            return replace(expr, selector=selector)
        case SubqueryExpr():
            return expr if isinstance(expr.at, int) else replace(expr, at=at)
        case ParenExpr() | UnaryExpr():
            return replace(expr, expr=_pin(expr.expr, at))
        case BinaryExpr():
            return replace(expr, left=_pin(expr.left, at), right=_pin(expr.right, at))
        case AggregateExpr():
            param = None if expr.param is None else _pin(expr.param, at)
            return replace(expr, expr=_pin(expr.expr, at), param=param)
        case Call():
            return replace(expr, args=tuple(_pin(arg, at) for arg in expr.args))
        case _:
            return expr
