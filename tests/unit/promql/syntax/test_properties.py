from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.promql_text import PromQLText
from narthex.errors import PromQLError
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    ParserOptions,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse_expr,
    prettify,
    resolve,
    to_json,
    walk,
)
from narthex.promql.syntax.edit import delete_matchers, set_matcher
from narthex.promql.syntax.prettier import MAX_LINE

ALL = ParserOptions.everything()
ALPHABET = "foo sum by(){}[]\"'`\\,=!~<>+-*/%^@:.0123456789eExXmsh#\n\t_ünï🔥offsetrate"


def comparable(value: Any) -> Any:
    """A JSON tree in which the order of matchers, which printing sorts, does not count."""
    if isinstance(value, dict):
        return {k: sorted(map(repr, v)) if k == "matchers" else comparable(v) for k, v in value.items()}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_printed_text_parses_to_the_same_tree(seed: int) -> None:
    text = PromQLText(random.Random(seed)).expression()
    expr = parse_expr(text, ALL)
    for printed in (str(expr), prettify(expr)):
        again = parse_expr(printed, ALL)
        assert str(again) == str(expr)
        assert comparable(to_json(again)) == comparable(to_json(expr))


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_pretty_text_is_a_fixed_point_and_keeps_to_its_width_where_it_can(seed: int) -> None:
    expr = parse_expr(PromQLText(random.Random(seed)).expression(5), ALL)
    pretty = prettify(expr)
    assert prettify(parse_expr(pretty, ALL)) == pretty
    assert str(parse_expr(str(expr), ALL)) == str(expr)
    if len(str(expr).encode()) <= MAX_LINE and not isinstance(expr, UnaryExpr):
        assert pretty == str(expr)


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_the_json_tree_is_plain_and_has_a_node_for_every_node(seed: int) -> None:
    expr = parse_expr(PromQLText(random.Random(seed)).expression(), ALL)
    tree = json.loads(json.dumps(to_json(expr), allow_nan=True))
    assert comparable(tree) == comparable(to_json(expr))
    inner = {id(node.selector) for node in walk(expr) if isinstance(node, MatrixSelector)}
    kinds = Counter(_KINDS[type(node)] for node in walk(expr) if id(node) not in inner)
    assert Counter(json_kinds(tree)) == kinds


_KINDS: dict[type, str] = {
    AggregateExpr: "aggregation",
    BinaryExpr: "binaryExpr",
    Call: "call",
    MatrixSelector: "matrixSelector",
    NumberLiteral: "numberLiteral",
    ParenExpr: "parenExpr",
    StringLiteral: "stringLiteral",
    SubqueryExpr: "subquery",
    UnaryExpr: "unaryExpr",
    VectorSelector: "vectorSelector",
}
_EXPRESSIONS = ("expr", "param", "lhs", "rhs")
"""Fields of the JSON tree that hold expressions; `args` is a list of them, `...Expr` are durations."""


def json_kinds(node: dict[str, Any]) -> Iterator[str]:
    """The types of a JSON tree's expressions."""
    yield node["type"]
    for field in _EXPRESSIONS:
        if node.get(field) is not None:
            yield from json_kinds(node[field])
    for arg in node.get("args", ()):
        yield from json_kinds(arg)


@given(st.integers(0, 2**32), st.sampled_from(["job", "le", "new", "utf8.näme"]), st.sampled_from(list(MatchType)))
@settings(max_examples=150)
def test_matchers_that_are_set_stand_in_every_selector_and_deleted_ones_in_none(
    seed: int, name: str, kind: MatchType
) -> None:
    expr = parse_expr(PromQLText(random.Random(seed)).expression(), ALL)
    matcher = Matcher(kind, name, "a|b")
    changed = set_matcher(expr, matcher)
    for before, after in zip(selectors(expr), selectors(changed), strict=True):
        assert matcher in after.matchers
        others = [m for m in before.matchers if m.name != name]
        assert [m for m in after.matchers if m != matcher] == others
        assert (after.name, after.offset, after.at) == (before.name, before.offset, before.at)
    if kind is MatchType.EQUAL:
        assert str(parse_expr(str(changed), ALL)) == str(changed)
    deleted = delete_matchers(changed, name)
    assert not any(m.name == name for selector in selectors(deleted) for m in selector.matchers)
    assert set_matcher(deleted, matcher) == set_matcher(delete_matchers(expr, name), matcher)


def selectors(expr: Expr) -> list[VectorSelector]:
    return [node for node in walk(expr) if isinstance(node, VectorSelector)]


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_resolving_durations_leaves_only_literals_and_nothing_else_changed(seed: int) -> None:
    expr = parse_expr(PromQLText(random.Random(seed)).expression(), ALL)
    try:
        resolved = resolve(expr, 60_000, 3_600_000)
    except PromQLError:
        return
    assert resolve(resolved, 1, 1) is resolved
    assert [type(node) for node in walk(resolved)] == [type(node) for node in walk(expr)]


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_positions_cut_out_the_text_of_each_node(seed: int) -> None:
    text = PromQLText(random.Random(seed)).expression(3)
    source = text.encode()
    expr = parse_expr(text, ALL)
    for node in nodes_with_own_text(expr):
        cut = source[node.pos.start : node.pos.end].decode()
        assert to_json(parse_expr(cut, ALL)) == to_json(node)


def nodes_with_own_text(expr: Expr) -> list[Expr]:
    """All nodes but selectors of ranges, whose modifiers stand behind the range."""
    inner = {id(node.selector) for node in walk(expr) if isinstance(node, MatrixSelector)}
    return [node for node in walk(expr) if id(node) not in inner]


@given(st.text(ALPHABET, max_size=60) | st.text(max_size=30))
@settings(max_examples=400)
def test_any_text_parses_or_gives_a_parse_error(text: str) -> None:
    try:
        expr = parse_expr(text, ALL)
    except PromQLError as e:
        assert 0 <= e.start <= e.end <= len(text.encode())
        return
    assert str(parse_expr(str(expr), ALL)) == str(expr)


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=150)
def test_damaged_expressions_parse_or_give_a_parse_error(seed: int, data: st.DataObject) -> None:
    text = PromQLText(random.Random(seed)).expression(3)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    damaged = text[:at] + data.draw(st.text(ALPHABET, max_size=3)) + text[at + cut :]
    try:
        expr = parse_expr(damaged, ALL)
    except PromQLError as e:
        assert 0 <= e.start <= e.end <= len(damaged.encode())
        return
    assert expr.pos.end <= len(damaged.encode())


@pytest.mark.parametrize("kind", [Call, SubqueryExpr, VectorSelector])
def test_the_generator_reaches_every_kind_of_node(kind: type) -> None:
    texts = (PromQLText(random.Random(seed)).expression() for seed in range(200))
    assert any(isinstance(node, kind) for text in texts for node in walk(parse_expr(text, ALL)))
