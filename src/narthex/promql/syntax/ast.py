"""The expression tree. Nodes are immutable; equality ignores positions, so trees of differently spaced texts are equal.

Every node has `pos` (byte offsets into the UTF-8 text, end exclusive) and, for expressions, `type`. `str(node)` is the
canonical text. Durations inside a tree are milliseconds where they are literal; a tree may still hold duration
expressions: `durations.resolve` gives the tree of one query in which all of them are literal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

from narthex.errors import InternalError
from narthex.model.matcher import Matcher
from narthex.promql.syntax.ops import AggregateOp, AtBound, BinaryOp, Cardinality, DurationOp
from narthex.promql.syntax.signatures import Signature
from narthex.promql.syntax.types import ValueType


class Span(NamedTuple):
    """Byte offsets, end exclusive."""

    start: int
    end: int


class _Node:
    """Gives every node its canonical text."""

    __slots__ = ()

    def __str__(self) -> str:
        from narthex.promql.syntax.printer import format_node

        return format_node(self)


@dataclass(frozen=True, slots=True)
class DurationLiteral(_Node):
    """A duration written as such (`5m`) or as seconds (`300`). `seconds` is exact as written, may be negative.

    `as_number` tells that it was written as a number inside a duration expression; printing keeps that.
    """

    seconds: float
    pos: Span = field(compare=False)
    as_number: bool = False

    @property
    def ms(self) -> int:
        """Milliseconds, rounded to whole nanoseconds first and then towards zero, as Prometheus does."""
        nanoseconds = round(self.seconds * 1e9)
        return nanoseconds // 1_000_000 if nanoseconds >= 0 else -(-nanoseconds // 1_000_000)


@dataclass(frozen=True, slots=True)
class DurationExpr(_Node):
    """Arithmetic on durations, in seconds. Unary + and - have `left` None; step() and range() have neither side."""

    op: DurationOp
    left: Duration | None
    right: Duration | None
    wrapped: bool  # stood in parentheses of its own
    pos: Span = field(compare=False)


Duration = DurationLiteral | DurationExpr


@dataclass(frozen=True, slots=True)
class NumberLiteral(_Node):
    """A float. `is_duration` tells that it was written as a duration (1h30m), of which `value` is the seconds."""

    type: ClassVar[ValueType] = ValueType.SCALAR
    value: float
    pos: Span = field(compare=False)
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class StringLiteral(_Node):
    type: ClassVar[ValueType] = ValueType.STRING
    value: str
    pos: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class VectorSelector(_Node):
    """An instant vector selector, also the inner part of a range selector.

    `matchers` includes the one on `__name__` when `name` is not empty. `offset` is what was written (looks back when
    positive), None for zero; `at` is milliseconds since the epoch. `smoothed` and `anchored` exclude each other.
    """

    type: ClassVar[ValueType] = ValueType.VECTOR
    name: str
    matchers: tuple[Matcher, ...]
    pos: Span = field(compare=False)
    offset: Duration | None = None
    at: int | AtBound | None = None
    anchored: bool = False
    smoothed: bool = False

    @property
    def offset_ms(self) -> int:
        """The literal offset, 0 without one. InternalError when it is an unresolved expression."""
        return literal_ms(self.offset)


@dataclass(frozen=True, slots=True)
class MatrixSelector(_Node):
    """`selector[range]`; offset, @, anchored and smoothed live in `selector`."""

    type: ClassVar[ValueType] = ValueType.MATRIX
    selector: VectorSelector
    range: Duration
    pos: Span = field(compare=False)

    @property
    def range_ms(self) -> int:
        return literal_ms(self.range)


@dataclass(frozen=True, slots=True)
class SubqueryExpr(_Node):
    """`expr[range:step]`; `step` None means the engine's default step."""

    type: ClassVar[ValueType] = ValueType.MATRIX
    expr: Expr
    range: Duration
    step: Duration | None
    pos: Span = field(compare=False)
    offset: Duration | None = None
    at: int | AtBound | None = None

    @property
    def range_ms(self) -> int:
        return literal_ms(self.range)

    @property
    def step_ms(self) -> int | None:
        return None if self.step is None else literal_ms(self.step)

    @property
    def offset_ms(self) -> int:
        return literal_ms(self.offset)


@dataclass(frozen=True, slots=True)
class ParenExpr(_Node):
    expr: Expr
    pos: Span = field(compare=False)

    @property
    def type(self) -> ValueType:
        return self.expr.type


@dataclass(frozen=True, slots=True)
class UnaryExpr(_Node):
    """`-expr` or `+expr` on a scalar or instant vector. A sign before a number literal is part of the literal."""

    negate: bool
    expr: Expr
    pos: Span = field(compare=False)

    @property
    def type(self) -> ValueType:
        return self.expr.type


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How two vectors pair up. `on` False with no labels is plain matching on all labels but the name."""

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class BinaryExpr(_Node):
    """`matching` is set exactly when both sides are instant vectors."""

    op: BinaryOp
    left: Expr
    right: Expr
    pos: Span = field(compare=False)
    matching: VectorMatching | None = None
    return_bool: bool = False

    @property
    def type(self) -> ValueType:
        both_scalar = self.left.type is ValueType.SCALAR and self.right.type is ValueType.SCALAR
        return ValueType.SCALAR if both_scalar else ValueType.VECTOR


@dataclass(frozen=True, slots=True)
class AggregateExpr(_Node):
    """`grouping` are the labels of `by`, or of `without` when that flag is set."""

    type: ClassVar[ValueType] = ValueType.VECTOR
    op: AggregateOp
    expr: Expr
    param: Expr | None
    grouping: tuple[str, ...]
    without: bool
    pos: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call(_Node):
    """A function call; arity and argument types agree with `func`."""

    func: Signature
    args: tuple[Expr, ...]
    pos: Span = field(compare=False)

    @property
    def type(self) -> ValueType:
        return self.func.returns


Expr = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | SubqueryExpr
    | ParenExpr
    | UnaryExpr
    | BinaryExpr
    | AggregateExpr
    | Call
)


def literal_ms(duration: Duration | None) -> int:
    """Milliseconds of a literal, 0 for None; InternalError for an expression (resolve the tree first)."""
    if duration is None:
        return 0
    if isinstance(duration, DurationExpr):
        raise InternalError(f"duration expression {duration} was not resolved before evaluation")
    return duration.ms


def unwrap(expr: Expr) -> Expr:
    """Without parentheses around it."""
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    return expr


def children(expr: Expr) -> tuple[Expr, ...]:
    """Direct sub-expressions in order of the text. The selector of a range selector is its child."""
    match expr:
        case MatrixSelector():
            return (expr.selector,)
        case SubqueryExpr() | ParenExpr() | UnaryExpr():
            return (expr.expr,)
        case BinaryExpr():
            return (expr.left, expr.right)
        case AggregateExpr():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Call():
            return expr.args
        case _:
            return ()


def with_children(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The node with `change` done to each of its children; the very same node when all of them stay the same.

    A selector must stay a selector. Costs one frame a level.
    """
    match expr:
        case MatrixSelector(selector=old):
            selector = change(old)
            assert isinstance(selector, VectorSelector)
            return expr if selector is old else replace(expr, selector=selector)
        case SubqueryExpr(expr=old) | ParenExpr(expr=old) | UnaryExpr(expr=old):
            new = change(old)
            return expr if new is old else replace(expr, expr=new)
        case BinaryExpr():
            left, right = change(expr.left), change(expr.right)
            return expr if left is expr.left and right is expr.right else replace(expr, left=left, right=right)
        case AggregateExpr():
            param = None if expr.param is None else change(expr.param)
            inner = change(expr.expr)
            return expr if inner is expr.expr and param is expr.param else replace(expr, expr=inner, param=param)
        case Call():
            args = tuple(map(change, expr.args))
            return expr if all(map(operator.is_, args, expr.args)) else replace(expr, args=args)
        case _:
            return expr


def walk(expr: Expr) -> Iterator[Expr]:
    """The node and everything below it, parents first, without recursion."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))
