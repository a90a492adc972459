"""The wording is Prometheus' own: tools and people search for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from narthex.errors import PromQLError
from narthex.promql.syntax import ParserOptions, parse_expr, resolve
from narthex.promql.syntax.signatures import FUNCTIONS

SYNTAX = [
    ("", "1:1", "no expression found in input"),
    ("# only a comment", "1:1", "no expression found in input"),
    ("foo bar", "1:5", 'unexpected identifier "bar"'),
    ("foo +", "1:6", "unexpected end of input"),
    ("*1", "1:1", "unexpected <op:*>"),
    ("foo on bar", "1:5", "unexpected <on>"),
    ("1 sum", "1:3", "unexpected <aggr:sum>"),
    ('foo "a string that is long"', "1:5", r'unexpected string "\"a string "...'),
    ("sum(foo bar)", "1:9", 'unexpected identifier "bar" in aggregation'),
    ("sum by (a) bar", "1:12", 'unexpected identifier "bar" in aggregation'),
    ("sum by a (foo)", "1:8", 'unexpected identifier "a" in grouping opts, expected "("'),
    ("sum by (a b) (foo)", "1:11", 'unexpected identifier "b" in grouping opts, expected "," or ")"'),
    ("sum by (5) (foo)", "1:9", 'unexpected number "5" in grouping opts, expected label'),
    ("sum by ('') (foo)", "1:9", 'invalid label name for grouping: ""'),
    ("foo{", "1:5", "unexpected end of input inside braces"),
    ("foo{a}", "1:6", 'unexpected "}" in label matching, expected label matching operator'),
    ("foo{a=b}", "1:7", 'unexpected identifier "b" in label matching, expected string'),
    ("foo{a='b' c='d'}", "1:11", 'unexpected identifier "c" in label matching, expected "," or "}"'),
    ("foo{,}", "1:5", 'unexpected "," in label matching, expected identifier or "}"'),
    ("foo{a!'b'}", "1:6", "unexpected character after '!' inside braces: '\\''"),
    ("foo{1}", "1:5", "unexpected character inside braces: '1'"),
    ("foo}", "1:4", "unexpected character: '}'"),
    ("foo !~ bar", "1:5", "unexpected character after '!': '~'"),
    ("foo =~ bar", "1:5", "unexpected character after '=': '~'"),
    ("foo $ bar", "1:5", "unexpected character: '$'"),
    ("(foo", "1:5", "unclosed left parenthesis"),
    ("foo)", "1:5", "unexpected right parenthesis ')'"),
    ("foo]", "1:4", "unexpected right bracket ']'"),
    ("foo[", "1:5", "unexpected end of input in duration expression"),
    ("foo[5m", "1:7", "unclosed left bracket"),
    ("foo[]", "1:5", 'unexpected "]" in subquery or range selector, expected number, duration, step(), or range()'),
    ("foo[5m 5m]", "1:8", 'unexpected duration "5m" in subquery or range, expected ":" or "]"'),
    ("foo[5m:1m 1]", "1:11", 'unexpected number "1" in subquery selector, expected "]"'),
    ("foo[:5m]", "1:6", "unexpected colon before duration in duration expression"),
    ("foo[x]", "1:5", "unexpected character in duration expression: 'x'"),
    ("foo[1x]", "1:5", 'bad number or duration syntax: "1"'),
    ("foo[5m30y]", "1:5", 'bad number or duration syntax: "5m30"'),
    ("5m30y", "1:1", 'bad number or duration syntax: "5m30"'),
    ("foo[5m1h]", "1:5", 'not a valid duration string: "5m1h"'),
    ("foo[1hs]", "1:5", 'unknown unit "hs" in duration "1hs"'),
    ("foo[5m @ 1]", "1:8", 'unexpected <op:@> in subquery or range, expected ":" or "]"'),
    ("foo[5m {]", "1:8", 'unexpected "{" in subquery or range, expected ":" or "]"'),
    ("foo[0s]", "1:5", "duration must be greater than 0"),
    ("foo[-5m]", "1:5", "duration must be greater than 0"),
    ("foo[1m/0]", "1:7", "division by zero"),
    ("foo[300y]", "1:5", "duration out of range"),
    ("foo offset bar", "1:12", 'unexpected identifier "bar" in offset, expected number, duration, step(), or range()'),
    ("foo offset 5m offset 5m", "1:1", "offset may not be set multiple times"),
    ("foo offset 5m[5m]", "1:14", "no offset modifiers allowed before range"),
    ("foo @ 1 [5m]", "1:9", "no @ modifiers allowed before range"),
    ("rate(foo[5m])[5m]", "1:14", "ranges only allowed for vector selectors"),
    ("foo @ bar", "1:7", 'unexpected identifier "bar" in @, expected timestamp'),
    ("foo @ 1 @ 2", "1:1", "@ <timestamp> may not be set multiple times"),
    ("foo @ Inf", "1:1", "timestamp out of bounds for @ modifier: +Inf"),
    (
        "(foo) @ 5",
        "1:1",
        "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "1 offset 5m",
        "1:1",
        "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    ("rate(foo[5m],)", "1:13", "trailing commas not allowed in function call args"),
    ("nope(foo)", "1:1", 'unknown function with name "nope"'),
    ("sum()", "1:1", "no arguments for aggregate expression provided"),
    ("sum(a, b)", "1:1", "wrong number of arguments for aggregate expression provided, expected 1, got 2"),
    ("topk(foo)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
    ("0x1_", "1:1", 'bad number or duration syntax: "0x1_"'),
    ("1..2", "1:1", 'bad number or duration syntax: "1.."'),
    ("0deadbeef", "1:1", 'bad number or duration syntax: "0de"'),
    ("1" * 310, "1:1", f'error parsing number: strconv.ParseFloat: parsing "{"1" * 310}": value out of range'),
    ("'x", "1:1", "unterminated quoted string"),
    ("`x", "1:1", "unterminated raw string"),
    ('"a\nb"', "1:1", "unterminated quoted string"),
    (r'"\q"', "1:1", "unknown escape sequence U+0071 'q'"),
    (r'"\xg0"', "1:1", "illegal character U+0067 'g' in escape sequence"),
    (r'"\uD800"', "1:1", "escape sequence is an invalid Unicode code point"),
    ('"\\', "1:1", "escape sequence not terminated"),
    ('"\ufffd"', "1:1", "invalid UTF-8 rune"),
]

TYPES = [
    ("rate(foo)", "1:6", 'expected type range vector in call to function "rate", got instant vector'),
    ("abs(1)", "1:5", 'expected type instant vector in call to function "abs", got scalar'),
    ("abs(a, b)", "1:1", 'expected 1 argument(s) in call to "abs", got 2'),
    ("label_join(foo)", "1:1", 'expected at least 3 argument(s) in call to "label_join", got 1'),
    ("round(a, 1, 2)", "1:1", 'expected at most 2 argument(s) in call to "round", got 3'),
    ("sum(foo[5m])", "1:5", "expected type instant vector in aggregation expression, got range vector"),
    ("topk(foo, bar)", "1:6", "expected type scalar in aggregation parameter, got instant vector"),
    ("count_values(1, bar)", "1:14", "expected type string in aggregation parameter, got scalar"),
    ("{}", "1:1", "vector selector must contain at least one non-empty matcher"),
    ('{a=~".*", b=""}', "1:1", "vector selector must contain at least one non-empty matcher"),
    ('foo{__name__="bar"}', "1:1", 'metric name must not be set twice: "foo" or "bar"'),
    ("1 == 1", "1:3", "comparisons between scalars must use BOOL modifier"),
    ("foo + bool bar", "1:5", "bool modifier can only be used on comparison operators"),
    ("1 and foo", "1:1", 'set operator "and" not allowed in binary scalar expression'),
    ("foo and on(a) group_left bar", "1:1", 'no grouping allowed for "and" operation'),
    ("1 + on(a) foo", "1:1", "vector matching only allowed between instant vectors"),
    ("a + on(x) group_left(x) b", "1:3", 'label "x" must not occur in ON and GROUP clause at once'),
    ("foo[5m] + 1", "1:1", "binary expression must contain only scalar and instant vector types"),
    ("1 + 'x'", "1:5", "binary expression must contain only scalar and instant vector types"),
    (
        "-'x'",
        "1:1",
        'unary expression only allowed on expressions of type scalar or instant vector, got "string"',
    ),
    ("1[5m:]", "1:1", "subquery is only allowed on instant vector, got scalar instead"),
    ("1 + fill(0) foo", "1:1", "filling in missing series only allowed between instant vectors"),
    ("a and fill(0) b", "1:1", "filling in missing series not allowed for set operators"),
    ("info(a, b)", "1:9", "expected label selectors only, got vector selector instead"),
    ("info(a, ({x='y'}))", "1:9", "expected label selectors only"),
    ("foo[5m:] anchored", "1:1", "anchored modifier is not supported for subqueries"),
    ("foo anchored smoothed", "1:1", "anchored and smoothed modifiers cannot be used together"),
]


@pytest.mark.parametrize(("text", "where", "message"), SYNTAX + TYPES)
def test_message_and_place_are_those_of_prometheus(text: str, where: str, message: str) -> None:
    with pytest.raises(PromQLError) as caught:
        parse_expr(text, ParserOptions.everything())
    assert str(caught.value) == f"{where}: parse error: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a + fill(0) b", "binop fill modifiers are experimental and not enabled"),
        ("foo anchored", "anchored modifier is experimental and not enabled"),
        ("rate(foo[1m] smoothed)", "smoothed modifier is experimental and not enabled"),
        ("info(foo)", 'function "info" is not enabled'),
        (
            "limitk(1, foo)",
            "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
    ],
)
def test_experimental_features_need_their_flag(text: str, message: str) -> None:
    with pytest.raises(PromQLError) as caught:
        parse_expr(text)
    assert caught.value.message == message
    parse_expr(text, ParserOptions.everything())


def test_syntax_errors_win_over_type_errors_further_left() -> None:
    with pytest.raises(PromQLError, match='unexpected identifier "bar"'):
        parse_expr("rate(foo) bar")


def test_first_type_error_in_reading_order_is_reported() -> None:
    with pytest.raises(PromQLError, match="1:21"):
        parse_expr("rate(foo[1m]) + (ln(1) + abs(2))")
    with pytest.raises(PromQLError, match="expected 1 argument"):
        parse_expr("abs(rate(foo), 1)")


def test_bad_regular_expressions_are_reported_at_their_matcher() -> None:
    with pytest.raises(PromQLError) as caught:
        parse_expr('foo{a="x", b=~"("}')
    assert (caught.value.start, caught.value.end) == (11, 17)


def test_resolved_durations_must_be_positive_and_finite() -> None:
    for text, step in (
        ("foo[step()]", 0),
        ("foo[1m - 2m]", 1000),
        ("foo offset (10 ^ 400)", 1000),
        ("foo[1m % step()]", 0),
    ):
        with pytest.raises(PromQLError):
            resolve(parse_expr(text), step, 3_600_000)


def test_functions_and_their_flags_are_those_of_the_feature_list(conformance: Path) -> None:
    listed = json.loads((conformance / "api" / "features.json").read_text())["promql_functions"]
    assert {name: not func.experimental for name, func in FUNCTIONS.items()} == listed
