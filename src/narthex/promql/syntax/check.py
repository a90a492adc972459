"""Type rules. Each function gives the first complaint about one node, or None; its parts were checked before.

Complaints are held back until the whole text has been read, because any syntax error is reported first.
"""

from __future__ import annotations

from typing import NamedTuple

from narthex.promql.syntax.ast import Expr, Span, VectorMatching, VectorSelector
from narthex.promql.syntax.ops import AggregateOp, BinaryOp, Cardinality
from narthex.promql.syntax.signatures import Signature
from narthex.promql.syntax.types import ValueType


class Complaint(NamedTuple):
    span: Span
    message: str


_OPERANDS = (ValueType.SCALAR, ValueType.VECTOR)
_GROUPED = (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY)


def check_selector(selector: VectorSelector) -> Complaint | None:
    """At least one matcher must refuse the empty string; a name before the braces excludes one inside."""
    if selector.name:
        for matcher in selector.matchers[:-1]:
            if matcher.name == "__name__":
                message = f'metric name must not be set twice: "{selector.name}" or "{matcher.value}"'
                return Complaint(selector.pos, message)
        return None
    if all(m.matches("") for m in selector.matchers):
        return Complaint(selector.pos, "vector selector must contain at least one non-empty matcher")
    return None


def check_unary(operand: Expr, span: Span) -> Complaint | None:
    if operand.type in _OPERANDS:
        return None
    allowed = "unary expression only allowed on expressions of type scalar or instant vector"
    return Complaint(span, f'{allowed}, got "{operand.type.documented}"')


def check_subquery(expr: Expr, span: Span) -> Complaint | None:
    if expr.type is ValueType.VECTOR:
        return None
    return Complaint(span, f"subquery is only allowed on instant vector, got {expr.type.value} instead")


def check_aggregate(op: AggregateOp, expr: Expr) -> Complaint | None:
    return _expect(expr, ValueType.VECTOR, "aggregation expression")


def check_parameter(op: AggregateOp, param: Expr) -> Complaint | None:
    want = ValueType.STRING if op is AggregateOp.COUNT_VALUES else ValueType.SCALAR
    return _expect(param, want, "aggregation parameter")


def check_argument(func: Signature, index: int, arg: Expr) -> Complaint | None:
    return _expect(arg, func.arg_type(index), f'call to function "{func.name}"')


def check_call(func: Signature, args: list[Expr], span: Span) -> Complaint | None:
    """The number of arguments, and the special second one of info()."""
    if len(args) < func.min_args or (func.max_args is not None and len(args) > func.max_args):
        if not func.variadic:
            bound, limit = "", len(func.args)
        elif len(args) < func.min_args:
            bound, limit = "at least ", func.min_args
        else:
            bound, limit = "at most ", func.max_args or 0
        return Complaint(span, f'expected {bound}{limit} argument(s) in call to "{func.name}", got {len(args)}')
    if func.name == "info" and len(args) == 2:
        selector = args[1]
        if selector.type is not ValueType.VECTOR:
            got = selector.type.documented
            return Complaint(span, f'expected type instant vector in call to function "info", got {got}')
        if not isinstance(selector, VectorSelector):
            return Complaint(selector.pos, "expected label selectors only")
        if selector.name:
            return Complaint(selector.pos, "expected label selectors only, got vector selector instead")
    return None


def check_binary(
    op: BinaryOp, left: Expr, right: Expr, matching: VectorMatching, return_bool: bool, op_span: Span
) -> Complaint | None:
    """`op_span` covers the operator and its modifiers, which are those that were written."""
    types = (left.type, right.type)
    whole = Span(left.pos.start, right.pos.end)
    scalars = types.count(ValueType.SCALAR)
    if return_bool and not op.is_comparison:
        return Complaint(op_span, "bool modifier can only be used on comparison operators")
    if op.is_comparison and not return_bool and scalars == 2:
        return Complaint(op_span, "comparisons between scalars must use BOOL modifier")
    if matching.on:
        for label in matching.labels:
            if label in matching.include:
                return Complaint(op_span, f'label "{label}" must not occur in ON and GROUP clause at once')
    for side in (left, right):
        if side.type not in _OPERANDS:
            return Complaint(side.pos, "binary expression must contain only scalar and instant vector types")
    filled = matching.fill_left is not None or matching.fill_right is not None
    if scalars:
        if matching.labels:
            return Complaint(whole, "vector matching only allowed between instant vectors")
        if filled:
            return Complaint(whole, "filling in missing series only allowed between instant vectors")
        if op.is_set:
            return Complaint(whole, f'set operator "{op.value}" not allowed in binary scalar expression')
    elif op.is_set:
        if matching.cardinality in _GROUPED:
            return Complaint(whole, f'no grouping allowed for "{op.value}" operation')
        if filled:
            return Complaint(whole, "filling in missing series not allowed for set operators")
    return None


def _expect(expr: Expr, want: ValueType, context: str) -> Complaint | None:
    if expr.type is want:
        return None
    return Complaint(expr.pos, f"expected type {want.documented} in {context}, got {expr.type.documented}")
