"""Makes a query that shows a difference as small as can be while it still shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from differential.promql_fuzz.compare import tree_of
from differential.promql_fuzz.queries import Query
from narthex.errors import PromQLError
from narthex.promql.syntax import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    ValueType,
    VectorMatching,
    VectorSelector,
    children,
    parse_expr,
    walk,
)

MOST_TRIES = 400
DEFAULT_STEP = 60_000
"""Of subqueries without one, milliseconds: the interval at which rules are evaluated."""


def shrink(query: Query, differs: Callable[[Query], bool]) -> Query:
    """The smallest query found that still differs. Asks at most MOST_TRIES times."""
    tries = 0
    progress = True
    while progress:
        progress = False
        for candidate in _smaller(query):
            tries += 1
            if tries > MOST_TRIES:
                return query
            if differs(candidate):
                query, progress = candidate, True
                break
    return query


def _smaller(query: Query) -> Iterator[Query]:
    if query.step:
        for start in range(query.start, query.end + 1, query.step):
            yield Query(query.expr, start, start, 0)
        middle = query.start + (query.end - query.start) // query.step // 2 * query.step
        if middle > query.start:
            yield replace(query, start=middle)
            yield replace(query, end=middle - query.step)
    tree = tree_of(query)
    for node in walk(tree):
        if isinstance(node, SubqueryExpr):
            yield _steps_of(node, query)
    for candidate in sorted(set(map(str, variants(tree))), key=len):
        if len(candidate) < len(str(tree)):
            try:
                parse_expr(candidate)
            except PromQLError as e:
                if "not enabled" not in e.message:
                    continue
            yield replace(query, expr=candidate)


def _steps_of(node: SubqueryExpr, query: Query) -> Query:
    """What a subquery asks, as a query of its own: at the steps of its first window, wherever it stands."""
    at = node.at if isinstance(node.at, int) else query.start
    end, step = at - node.offset_ms, node.step_ms or DEFAULT_STEP
    return Query(str(node.expr), (end - node.range_ms) // step * step + step, end // step * step, step)


def variants(expr: Expr) -> Iterator[Expr]:
    """Trees with one part left out or put in the place of a larger one."""
    for inner in walk(expr):
        if inner is not expr and inner.type is expr.type and not isinstance(inner, ParenExpr):
            yield inner
    yield from _simpler(expr)
    for index, child in enumerate(children(expr)):
        if isinstance(expr, MatrixSelector):
            break
        for variant in variants(child):
            yield _with_child(expr, index, variant)


def _simpler(expr: Expr) -> Iterator[Expr]:
    match expr:
        case VectorSelector():
            yield from _simpler_selector(expr)
        case MatrixSelector():
            for selector in _simpler_selector(expr.selector):
                yield replace(expr, selector=selector)
        case SubqueryExpr():
            yield replace(expr, at=None)
            yield replace(expr, offset=None)
        case ParenExpr():
            yield expr.expr
        case AggregateExpr():
            for label in expr.grouping:
                yield replace(expr, grouping=tuple(name for name in expr.grouping if name != label))
            yield replace(expr, grouping=(), without=False)
        case BinaryExpr() if expr.matching is not None:
            yield replace(expr, matching=VectorMatching(expr.matching.cardinality))
            yield replace(expr, matching=replace(expr.matching, include=()))
        case Call() if expr.type is ValueType.SCALAR:
            yield NumberLiteral(1, expr.pos)
        case _:
            return


def _simpler_selector(selector: VectorSelector) -> Iterator[VectorSelector]:
    yield replace(selector, at=None)
    yield replace(selector, offset=None)
    for matcher in selector.matchers:
        if matcher.name != "__name__":
            yield replace(selector, matchers=tuple(m for m in selector.matchers if m is not matcher))


def _with_child(expr: Expr, index: int, child: Expr) -> Expr:
    match expr:
        case SubqueryExpr() | ParenExpr() | UnaryExpr():
            return replace(expr, expr=child)
        case BinaryExpr():
            return replace(expr, left=child) if index == 0 else replace(expr, right=child)
        case AggregateExpr() if expr.param is not None and index == 0:
            return replace(expr, param=child)
        case AggregateExpr():
            return replace(expr, expr=child)
        case Call():
            return replace(expr, args=(*expr.args[:index], child, *expr.args[index + 1 :]))
        case _:
            raise AssertionError(f"{expr} has no children")
