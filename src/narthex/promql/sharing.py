"""Which parts of an expression occur more than once, so that each is evaluated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

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
    VectorSelector,
    children,
    unwrap,
)
from narthex.promql.values import Grid, Value

_WORTH = (AggregateExpr, BinaryExpr, Call, UnaryExpr, VectorSelector)


class Sharing:
    """Values of parts of one tree, whose durations are resolved, for those that are asked for again.

    Equal parts are one class. A part inside of a larger part that repeats with it is needed once only, so uses are
    counted between classes. Parentheses and places in the text make no difference; what is read of a selector does:
    `bucketless` are the identities of those that are read without buckets of native histograms.
    """

    def __init__(self, tree: Expr, bucketless: frozenset[int] = frozenset()) -> None:
        self._bucketless = bucketless
        self._numbers: dict[Hashable, int] = {}
        self._inside: dict[int, int] = {}  # of subqueries
        self._uses: Counter[int] = Counter()
        classes: dict[int, int] = {}
        self._number(tree, classes)
        self._classes = {node: c for node, c in classes.items() if self._uses[c] > 1}
        self._kept: dict[tuple[int, Grid], tuple[Value, int]] = {}

    def __contains__(self, expr: Expr) -> bool:
        """Whether other parts of the tree need the value of this node (one of the tree, told by identity) too."""
        return id(expr) in self._classes

    def take(self, expr: Expr, grid: Grid) -> Value | None:
        """The value that was put for an equal node at the same steps."""
        key = self._classes[id(expr)], grid
        found = self._kept.get(key)
        if found is None:
            return None
        value, uses = found
        if uses > 1:
            self._kept[key] = value, uses - 1
        else:
            del self._kept[key]
        return value

    def put(self, expr: Expr, grid: Grid, value: Value) -> None:
        """Keeps the value until it was taken as often as it is needed."""
        c = self._classes[id(expr)]
        self._kept[c, grid] = value, self._uses[c] - 1

    def _number(self, expr: Expr, classes: dict[int, int]) -> int:
        expr = unwrap(expr)
        below = () if isinstance(expr, MatrixSelector) else tuple(self._number(c, classes) for c in children(expr))
        key = (type(expr), below, _own(expr, self._bucketless))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            if isinstance(expr, SubqueryExpr):  # has no value of its own: what is in it is needed each time
                self._inside[number] = below[0]
            else:
                self._uses.update(self._inside.get(c, c) for c in below)
        if isinstance(expr, _WORTH):
            classes[id(expr)] = number
        return number


def _own(expr: Expr, bucketless: frozenset[int]) -> Hashable:
    """What tells a node from others of its type with the same children."""
    match expr:
        case NumberLiteral():
            return repr(expr.value)  # tells 0 from -0
        case StringLiteral():
            return expr.value
        case VectorSelector():
            own = id(expr) in bucketless
            return expr.matchers, expr.offset_ms, expr.at, expr.anchored, expr.smoothed, own
        case MatrixSelector():
            return _own(expr.selector, bucketless), expr.range_ms
        case SubqueryExpr():
            return expr.range_ms, expr.step_ms, expr.offset_ms, expr.at
        case UnaryExpr():
            return expr.negate
        case BinaryExpr():
            return expr.op, repr(expr.matching), expr.return_bool  # fill(0) is not fill(-0)
        case AggregateExpr():
            return expr.op, expr.grouping, expr.without
        case Call():
            return expr.func.name
        case _:
            return None
