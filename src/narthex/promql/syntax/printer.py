"""Canonical text of a tree, as Prometheus' String() writes it. Parsing it again gives the same meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from narthex.errors import InternalError
from narthex.model.duration import format_duration
from narthex.model.labels import METRIC_NAME, is_label_name, quote
from narthex.model.matcher import MatchType
from narthex.model.number import format_float, go_float
from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Duration,
    DurationExpr,
    DurationLiteral,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.syntax.ops import AtBound, BinaryOp, Cardinality, DurationOp


def format_node(node: object) -> str:
    """The canonical text of an expression or duration node."""
    writer = _WRITERS.get(type(node))
    if writer is None:
        raise InternalError(f"no text form for {type(node).__name__}")
    return writer(node)


def aggregate_head(node: AggregateExpr) -> str:
    """The operator with its clause, up to the opening parenthesis."""
    if node.without:
        return f"{node.op.value} without ({_labels(node.grouping)}) "
    if node.grouping:
        return f"{node.op.value} by ({_labels(node.grouping)}) "
    return node.op.value


def operator(node: BinaryExpr) -> str:
    """The operator with all its modifiers."""
    modifier = " bool" if node.return_bool else ""
    return node.op.value + modifier + ("" if node.matching is None else _matching(node.matching))


def subquery_suffix(node: SubqueryExpr) -> str:
    """Range, step, @ and offset of a subquery."""
    step = "" if node.step is None else _duration(node.step)
    return f"[{_duration(node.range)}:{step}]{_at(node.at)}{_offset(node.offset)}"


def _aggregate(node: AggregateExpr) -> str:
    param = "" if node.param is None else f"{format_node(node.param)}, "
    return f"{aggregate_head(node)}({param}{format_node(node.expr)})"


def _binary(node: BinaryExpr) -> str:
    return f"{left_text(node)} {operator(node)} {format_node(node.right)}"


def left_text(node: BinaryExpr) -> str:
    """The left side; +Inf before a power stands without its sign, which would be read as that of the whole power."""
    text = format_node(node.left)
    return text.removeprefix("+") if node.op is BinaryOp.POW and isinstance(node.left, NumberLiteral) else text


def _call(node: Call) -> str:
    return f"{node.func.name}({', '.join(map(format_node, node.args))})"


def _matrix(node: MatrixSelector) -> str:
    selector = node.selector
    extended = _extended(selector)
    return f"{_bare(selector)}[{_duration(node.range)}]{extended}{_at(selector.at)}{_offset(selector.offset)}"


def _subquery(node: SubqueryExpr) -> str:
    return format_node(node.expr) + subquery_suffix(node)


def _number(node: NumberLiteral) -> str:
    if not node.is_duration:
        return format_float(node.value)
    return ("-" if node.value < 0 else "") + _seconds(abs(node.value))


def _paren(node: ParenExpr) -> str:
    return f"({format_node(node.expr)})"


def _string(node: StringLiteral) -> str:
    return quote(node.value)


def _unary(node: UnaryExpr) -> str:
    return ("-" if node.negate else "+") + format_node(node.expr)


def _vector(node: VectorSelector) -> str:
    return f"{_bare(node)}{_at(node.at)}{_extended(node)}{_offset(node.offset)}"


def _bare(node: VectorSelector) -> str:
    """Name and matchers alone; matchers sorted by their text."""
    matchers = sorted(
        str(m)
        for m in node.matchers
        if not (node.name and m.name == METRIC_NAME and m.type is MatchType.EQUAL and m.value == node.name)
    )
    if not matchers:
        return node.name or "{}"
    return f"{node.name}{{{','.join(matchers)}}}"


def _extended(node: VectorSelector) -> str:
    return " anchored" if node.anchored else " smoothed" if node.smoothed else ""


def _at(at: int | AtBound | None) -> str:
    if at is None:
        return ""
    if isinstance(at, AtBound):
        return f" @ {at.value}()"
    sign, whole = ("-", -at) if at < 0 else ("", at)
    return f" @ {sign}{whole // 1000}.{whole % 1000:03d}"


def _offset(offset: Duration | None) -> str:
    return "" if offset is None else f" offset {_duration(offset)}"


def _duration(duration: Duration) -> str:
    if isinstance(duration, DurationExpr):
        return _duration_expr(duration)
    return _duration_literal(duration)


def _duration_literal(node: DurationLiteral) -> str:
    if node.as_number:
        return format_float(node.seconds)
    return ("-" if node.seconds < 0 else "") + _seconds(abs(node.seconds))


def _duration_expr(node: DurationExpr) -> str:
    text = _unwrapped(node)
    return f"({text})" if node.wrapped else text


def _unwrapped(node: DurationExpr) -> str:
    left = "" if node.left is None else _duration(node.left)
    right = "" if node.right is None else _duration(node.right)
    match node.op:
        case DurationOp.STEP | DurationOp.RANGE:
            return f"{node.op.value}()"
        case DurationOp.MIN_OF | DurationOp.MAX_OF:
            return f"{node.op.value}({left}, {right})"
        case _ if node.left is None:
            return right if node.op is DurationOp.ADD else f"{node.op.value}{right}"
        case _:
            return f"{left} {node.op.value} {right}"


def _seconds(seconds: float) -> str:
    return format_duration(round(seconds * 1e9) // 1_000_000)


def _matching(matching: VectorMatching) -> str:
    out = ""
    grouped = matching.cardinality in (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY)
    if matching.labels or matching.on or grouped:
        out += f" {'on' if matching.on else 'ignoring'} ({_labels(matching.labels)})"
    if grouped:
        side = "left" if matching.cardinality is Cardinality.MANY_TO_ONE else "right"
        out += f" group_{side} ({_labels(matching.include)})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return f"{out} fill ({go_float(left)})"
    out += "" if left is None else f" fill_left ({go_float(left)})"
    return out + ("" if right is None else f" fill_right ({go_float(right)})")


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(name if is_label_name(name) else quote(name) for name in names)


_WRITERS: dict[type, Callable[[Any], str]] = {
    AggregateExpr: _aggregate,
    BinaryExpr: _binary,
    Call: _call,
    DurationExpr: _duration_expr,
    DurationLiteral: _duration_literal,
    MatrixSelector: _matrix,
    NumberLiteral: _number,
    ParenExpr: _paren,
    StringLiteral: _string,
    SubqueryExpr: _subquery,
    UnaryExpr: _unary,
    VectorSelector: _vector,
}
