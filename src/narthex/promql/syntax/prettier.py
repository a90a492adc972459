"""Text over several lines: a node whose canonical text is longer than a line is split, its parts indented."""

from __future__ import annotations

from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
)
from narthex.promql.syntax.printer import aggregate_head, format_node, left_text, operator, subquery_suffix

MAX_LINE = 100
"""Bytes of UTF-8 that a node may have on one line."""


def prettify(expr: Expr) -> str:
    """The form that /api/v1/format_query gives."""
    return _pretty(expr, 0)


def _pretty(expr: Expr, level: int) -> str:
    indent = "  " * level
    if isinstance(expr, UnaryExpr):
        sign = "-" if expr.negate else "+"
        return f"{indent}{sign}{_pretty(expr.expr, level).strip()}"
    text = format_node(expr)
    if len(text.encode(errors="surrogateescape")) <= MAX_LINE:
        return text if isinstance(expr, SubqueryExpr) else indent + text
    match expr:
        case AggregateExpr():
            param = "" if expr.param is None else f"{_pretty(expr.param, level + 1)},\n"
            return f"{indent}{aggregate_head(expr)}(\n{param}{_pretty(expr.expr, level + 1)}\n{indent})"
        case BinaryExpr():
            left, right = "  " * (level + 1) + left_text(expr), _pretty(expr.right, level + 1)
            if not isinstance(expr.left, NumberLiteral):
                left = _pretty(expr.left, level + 1)
            return f"{left}\n{indent}{operator(expr)}\n{right}"
        case Call():
            arguments = ",\n".join(_pretty(arg, level + 1) for arg in expr.args)
            return f"{indent}{expr.func.name}(\n{arguments}\n{indent})"
        case ParenExpr():
            return f"{indent}(\n{_pretty(expr.expr, level + 1)}\n{indent})"
        case SubqueryExpr():
            return _pretty(expr.expr, level) + subquery_suffix(expr)
        case _:
            return indent + text
