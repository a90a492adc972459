from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.promql_text import PromQLText
from narthex.errors import PromQLError
from narthex.promql.syntax import (
    Call,
    Expr,
    MatrixSelector,
    ParserOptions,
    SubqueryExpr,
    VectorSelector,
    parse_expr,
    prettify,
    to_json,
    walk,
)

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
