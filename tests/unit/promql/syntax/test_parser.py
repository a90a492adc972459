from __future__ import annotations

import pytest

from narthex.errors import PromQLError
from narthex.promql.syntax import (
    AggregateExpr,
    AtBound,
    BinaryExpr,
    BinaryOp,
    Call,
    Cardinality,
    DurationExpr,
    DurationLiteral,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    ParserOptions,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    ValueType,
    VectorSelector,
    parse_expr,
    parse_selector,
    walk,
)
from narthex.promql.syntax.parser import MAX_HEIGHT, MAX_NESTING

ALL = ParserOptions.everything()


def shape(expr: Expr) -> str:
    """The tree with all grouping made visible."""
    match expr:
        case BinaryExpr():
            return f"[{shape(expr.left)} {expr.op.value} {shape(expr.right)}]"
        case UnaryExpr():
            return f"{'-' if expr.negate else '+'}<{shape(expr.expr)}>"
        case ParenExpr():
            return f"({shape(expr.expr)})"
        case _:
            return str(expr)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", "[a + [b * c]]"),
        ("a * b + c", "[[a * b] + c]"),
        ("a - b - c", "[[a - b] - c]"),
        ("a ^ b ^ c", "[a ^ [b ^ c]]"),
        ("-1 ^ 2", "-<[1 ^ 2]>"),
        ("-a ^ b", "-<[a ^ b]>"),
        ("-a * b", "[-<a> * b]"),
        ("2 ^ -1", "[2 ^ -1]"),
        ("a or b and c", "[a or [b and c]]"),
        ("a and b unless c", "[[a and b] unless c]"),
        ("a == b + 1", "[a == [b + 1]]"),
        ("a < b > c", "[[a < b] > c]"),
        ("a atan2 b * c", "[[a atan2 b] * c]"),
        ("a </ b + c", "[a </ [b + c]]"),
        ("a % b offset 5m", "[a % b offset 5m]"),
        ("--1", "1"),
        ("-+-a", "-<+<-<a>>>"),
    ],
)
def test_operators_group_by_precedence_and_associativity(text: str, expected: str) -> None:
    assert shape(parse_expr(text)) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("5e-3", 0.005),
        ("0xC", 12.0),
        ("0x_1f", 31.0),
        ("0755", 493.0),
        ("08", 8.0),
        ("1_000.5", 1000.5),
        ("+Inf", float("inf")),
        ("-inf", float("-inf")),
        ("-5", -5.0),
        ("9223372036854775808", 2.0**63),
        ("1h30m", 5400.0),
        ("100ms", 0.1),
    ],
)
def test_numbers_have_the_value_that_go_gives_them(text: str, value: float) -> None:
    expr = parse_expr(text)
    assert isinstance(expr, NumberLiteral)
    assert expr.value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\n\t\\\"b"', 'a\n\t\\"b'),
        (r"'it\'s'", "it's"),
        (r"`raw\n`", "raw\\n"),
        (r'"\x41\101\u00e9\U0001F525"', "AAé🔥"),
        ('"ünï"', "ünï"),
        (r'"\xc3\xa9"', "é"),
        (r'"\xff"', "\udcff"),
    ],
)
def test_strings_are_unquoted_as_go_does(text: str, value: str) -> None:
    assert parse_expr(text) == StringLiteral(value, parse_expr(text).pos)


def test_selector_keeps_matchers_in_order_and_adds_the_name_last() -> None:
    expr = parse_expr('foo{b="1", a!~"x.*",}')
    assert isinstance(expr, VectorSelector)
    assert [str(m) for m in expr.matchers] == ['b="1"', 'a!~"x.*"', '__name__="foo"']


def test_quoted_names_may_hold_any_utf8() -> None:
    expr = parse_expr('{"my.metric", "a b"=~"c"}')
    assert isinstance(expr, VectorSelector)
    assert expr.name == ""
    assert [str(m) for m in expr.matchers] == ['__name__="my.metric"', '"a b"=~"c"']


@pytest.mark.parametrize("word", ["sum", "by", "without", "offset", "and", "start", "end", "step", "fill", "smoothed"])
def test_keywords_are_metric_names_where_an_expression_begins(word: str) -> None:
    expr = parse_expr(f"{word} + {word}{{job='x'}}")
    assert isinstance(expr, BinaryExpr)
    assert isinstance(expr.left, VectorSelector)
    assert expr.left.name == word


@pytest.mark.parametrize("word", ["bool", "on", "ignoring", "group_left", "group_right", "atan2"])
def test_some_keywords_never_name_metrics(word: str) -> None:
    with pytest.raises(PromQLError):
        parse_expr(word)


def test_keywords_are_label_names_in_grouping_and_matchers() -> None:
    expr = parse_expr("sum by (by, on, group_left, offset, start) (foo{bool='1', sum!='2'})")
    assert isinstance(expr, AggregateExpr)
    assert expr.grouping == ("by", "on", "group_left", "offset", "start")


@pytest.mark.parametrize("text", ["sum by (a) (foo)", "sum(foo) by (a)", "SUM BY (a,) (foo)", "sum(foo)by(\n'a')"])
def test_grouping_stands_before_or_behind(text: str) -> None:
    expr = parse_expr(text)
    assert str(expr) == "sum by (a) (foo)"


def test_modifiers_stand_in_any_order_on_selectors_ranges_and_subqueries() -> None:
    for text in ("foo[5m] offset -1m @ 1.5", "foo[5m] @ 1.5 offset -1m"):
        expr = parse_expr(text)
        assert isinstance(expr, MatrixSelector)
        assert (expr.range_ms, expr.selector.offset_ms, expr.selector.at) == (300_000, -60_000, 1500)
    expr = parse_expr("foo[1h:] @ end() offset 1w")
    assert isinstance(expr, SubqueryExpr)
    assert (expr.range_ms, expr.step_ms, expr.offset_ms, expr.at) == (3_600_000, None, 604_800_000, AtBound.END)


def test_offset_without_parentheses_takes_one_literal() -> None:
    expr = parse_expr("foo offset 100 + 2")
    assert isinstance(expr, BinaryExpr)
    inside = parse_expr("foo offset (100 + 2)")
    assert isinstance(inside, VectorSelector)
    assert isinstance(inside.offset, DurationExpr)


def test_zero_offset_is_none() -> None:
    expr = parse_expr("foo offset 0s")
    assert isinstance(expr, VectorSelector)
    assert expr.offset is None


def test_duration_expressions_follow_precedence() -> None:
    expr = parse_expr("foo[1m+2m*3^2:max_of(step(), 5s)]")
    assert isinstance(expr, SubqueryExpr)
    assert str(expr) == "foo[1m + 2m * 3 ^ 2:max_of(step(), 5s)]"
    plain = parse_expr("foo[300]")
    assert isinstance(plain, MatrixSelector)
    assert plain.range == DurationLiteral(300.0, plain.range.pos)


def test_matching_clause_gives_cardinality_and_labels() -> None:
    expr = parse_expr("a / on(x, y) group_left(z) b")
    assert isinstance(expr, BinaryExpr)
    assert expr.matching is not None
    assert expr.matching.cardinality is Cardinality.MANY_TO_ONE
    assert (expr.matching.on, expr.matching.labels, expr.matching.include) == (True, ("x", "y"), ("z",))


def test_set_operations_are_many_to_many() -> None:
    expr = parse_expr("a unless ignoring(x) b")
    assert isinstance(expr, BinaryExpr)
    assert expr.matching is not None
    assert expr.matching.cardinality is Cardinality.MANY_TO_MANY


def test_matching_is_absent_beside_scalars() -> None:
    expr = parse_expr("a > bool 5")
    assert isinstance(expr, BinaryExpr)
    assert (expr.matching, expr.return_bool, expr.op) == (None, True, BinaryOp.GTR)


def test_fill_modifiers_are_read_in_both_orders() -> None:
    for text in ("a + fill_left(-1) fill_right(2) b", "a + fill_right(2) fill_left(-1) b"):
        expr = parse_expr(text, ALL)
        assert isinstance(expr, BinaryExpr)
        assert expr.matching is not None
        assert (expr.matching.fill_left, expr.matching.fill_right) == (-1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + 1", ValueType.SCALAR),
        ("1 + foo", ValueType.VECTOR),
        ("foo[5m]", ValueType.MATRIX),
        ("foo[5m:1m]", ValueType.MATRIX),
        ("'x'", ValueType.STRING),
        ("-(time())", ValueType.SCALAR),
        ("vector(1)", ValueType.VECTOR),
        ("scalar(foo)", ValueType.SCALAR),
        ("count_values('x', foo)", ValueType.VECTOR),
    ],
)
def test_expressions_know_their_type(text: str, kind: ValueType) -> None:
    assert parse_expr(text).type is kind


def test_positions_are_byte_offsets() -> None:
    expr = parse_expr("sum( foo{a='ß🔥'} ) + bar")
    assert isinstance(expr, BinaryExpr)
    assert isinstance(expr.left, AggregateExpr)
    assert tuple(expr.left.pos) == (0, 22)
    assert tuple(expr.left.expr.pos) == (5, 20)
    assert tuple(expr.right.pos) == (25, 28)


def test_column_of_an_error_counts_bytes_in_its_line() -> None:
    with pytest.raises(PromQLError, match=r"^2:14: parse error: unexpected identifier"):
        parse_expr("foo +\n{a='ß🔥'} bar")


def test_info_may_pick_labels_with_empty_matchers() -> None:
    expr = parse_expr('info(foo, {x=~".*"})', ALL)
    assert isinstance(expr, Call)


@pytest.mark.parametrize(
    ("open_", "close"),
    [("(", ")"), ("-", ""), ("sum(", ")"), ("abs(", ")"), ("(", "[1m:])"), ("1 ^ ", "")],
)
def test_deep_nesting_is_refused_with_a_clear_error(open_: str, close: str) -> None:
    for levels in (MAX_NESTING + 1, 100_000):
        with pytest.raises(PromQLError, match="nested too deeply"):
            parse_expr(open_ * levels + "foo" + close * levels)


def test_long_chains_are_refused_beyond_the_limit_and_walkable_below() -> None:
    expr = parse_expr(" or ".join(["foo"] * MAX_HEIGHT))
    assert sum(1 for _ in walk(expr)) == 2 * MAX_HEIGHT - 1
    assert str(expr).count("or") == MAX_HEIGHT - 1
    with pytest.raises(PromQLError, match="nested too deeply"):
        parse_expr(" or ".join(["foo"] * (MAX_HEIGHT + 1)))


def test_deep_duration_expressions_are_refused() -> None:
    for text in ("(" * 5000 + "1m" + ")" * 5000, "+".join(["1m"] * 5000), "-" * 5000 + "1m"):
        with pytest.raises(PromQLError, match=r"deeper than|more than"):
            parse_expr(f"foo[{text}]")


def test_selector_alone_takes_no_modifiers() -> None:
    assert [str(m) for m in parse_selector('{a=~".*"}').matchers] == ['a=~".*"']
    with pytest.raises(PromQLError):
        parse_selector("foo offset 5m")
    with pytest.raises(PromQLError):
        parse_selector("sum(foo)")
