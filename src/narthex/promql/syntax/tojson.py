"""A tree as plain dictionaries, in the shape of /api/v1/parse_query."""

from __future__ import annotations

from typing import Any

from narthex.model.number import format_float
from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Duration,
    DurationExpr,
    DurationLiteral,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.syntax.ops import AtBound
from narthex.promql.syntax.signatures import Signature


def to_json(expr: Expr) -> dict[str, Any]:
    """Values are JSON types only. A field that does not apply is None."""
    match expr:
        case AggregateExpr():
            return {
                "type": "aggregation",
                "op": expr.op.value,
                "expr": to_json(expr.expr),
                "param": None if expr.param is None else to_json(expr.param),
                "grouping": list(expr.grouping),
                "without": expr.without,
            }
        case BinaryExpr():
            return {
                "type": "binaryExpr",
                "op": expr.op.value,
                "lhs": to_json(expr.left),
                "rhs": to_json(expr.right),
                "matching": None if expr.matching is None else _matching(expr.matching),
                "bool": expr.return_bool,
            }
        case Call():
            return {"type": "call", "func": _function(expr.func), "args": [to_json(arg) for arg in expr.args]}
        case MatrixSelector():
            return _selector("matrixSelector", expr.selector) | _duration("range", expr.range)
        case SubqueryExpr():
            return {
                "type": "subquery",
                "expr": to_json(expr.expr),
                **_duration("range", expr.range),
                **_duration("offset", expr.offset),
                **_duration("step", expr.step),
                **_at(expr.at),
            }
        case NumberLiteral():
            return {"type": "numberLiteral", "val": format_float(expr.value)}
        case ParenExpr():
            return {"type": "parenExpr", "expr": to_json(expr.expr)}
        case StringLiteral():
            return {"type": "stringLiteral", "val": expr.value}
        case UnaryExpr():
            return {"type": "unaryExpr", "op": "-" if expr.negate else "+", "expr": to_json(expr.expr)}
        case VectorSelector():
            return _selector("vectorSelector", expr)


def _selector(kind: str, selector: VectorSelector) -> dict[str, Any]:
    return {
        "type": kind,
        "name": selector.name,
        **_duration("offset", selector.offset),
        "matchers": [{"name": m.name, "value": m.value, "type": m.type.value} for m in selector.matchers],
        **_at(selector.at),
        "anchored": selector.anchored,
        "smoothed": selector.smoothed,
    }


def _at(at: int | AtBound | None) -> dict[str, Any]:
    bound = isinstance(at, AtBound)
    return {"timestamp": None if bound else at, "startOrEnd": at.value if isinstance(at, AtBound) else None}


def _duration(field: str, duration: Duration | None) -> dict[str, Any]:
    literal = isinstance(duration, DurationLiteral)
    return {
        field: duration.ms if isinstance(duration, DurationLiteral) else 0,
        f"{field}Expr": None if literal or duration is None else _duration_node(duration),
    }


def _duration_node(duration: Duration | None) -> dict[str, Any] | None:
    if duration is None:
        return None
    if isinstance(duration, DurationExpr):
        return {
            "type": "durationExpr",
            "op": duration.op.value,
            "lhs": _duration_node(duration.left),
            "rhs": _duration_node(duration.right),
            "wrapped": duration.wrapped,
        }
    return {"type": "numberLiteral", "val": format_float(duration.seconds), "duration": not duration.as_number}


def _matching(matching: VectorMatching) -> dict[str, Any]:
    return {
        "card": matching.cardinality.value,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


def _function(func: Signature) -> dict[str, Any]:
    return {
        "name": func.name,
        "argTypes": [kind.value for kind in func.args],
        "variadic": func.variadic,
        "returnType": func.returns.value,
    }
