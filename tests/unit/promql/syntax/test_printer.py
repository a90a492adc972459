from __future__ import annotations

import pytest

from narthex.promql.syntax import ParserOptions, parse_expr, prettify, resolve, to_json

ALL = ParserOptions.everything()


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("sum(foo)by(b,a)", "sum by (b, a) (foo)"),
        ("sum by () (foo)", "sum(foo)"),
        ("sum without () (foo)", "sum without () (foo)"),
        ("topk(5,foo) without(a)", "topk without (a) (5, foo)"),
        ("sum by ('a.b') (foo)", 'sum by ("a.b") (foo)'),
        ('foo{b="2",a="1"}', 'foo{a="1",b="2"}'),
        ('{__name__="foo"}', '{__name__="foo"}'),
        ('{"foo bar", x="1"}', '{__name__="foo bar",x="1"}'),
        ("foo[90s]", "foo[1m30s]"),
        ("foo[300]offset 1.5", "foo[5m] offset 1s500ms"),
        ("foo offset -7d", "foo offset -1w"),
        ("foo @ 1.2345 offset 5m", "foo @ 1.235 offset 5m"),
        ("foo offset 5m @ start()", "foo @ start() offset 5m"),
        ("foo[1h:]offset 5m @ 3", "foo[1h:] @ 3.000 offset 5m"),
        ("foo[5m] @ 3 anchored", "foo[5m] anchored @ 3.000"),
        ("foo smoothed @ 3", "foo @ 3.000 smoothed"),
        ("a+on()b", "a + on () b"),
        ("a+ignoring()b", "a + b"),
        ("a/on(x)group_left b", "a / on (x) group_left () b"),
        ("a>bool on(x)b", "a > bool on (x) b"),
        ("a + fill(1e30) b", "a + fill (1e+30) b"),
        ("a + fill_right(2) fill_left(0.5) b", "a + fill_left (0.5) fill_right (2) b"),
        ("1e6 + 0x10", "1000000 + 16"),
        ("inf + -inf + NaN", "+Inf + -Inf + NaN"),
        ("inf ^ 2", "Inf ^ 2"),
        ("90m", "1h30m"),
        ("-1h", "-1h"),
        ("'it\\'s'", '"it\'s"'),
        ('"\\xff\\x07"', '"\\xff\\a"'),
        ("foo[(5m)+-1m*2]", "foo[(5m) + -1m * 2]"),
        ("foo offset (1m+30)", "foo offset (1m + 30)"),
        ("foo offset -step()", "foo offset -step()"),
        ("-(foo)", "-(foo)"),
        ("pi ( )", "pi()"),
    ],
)
def test_canonical_text(text: str, printed: str) -> None:
    assert str(parse_expr(text, ALL)) == printed


def test_short_expressions_stay_on_one_line() -> None:
    assert prettify(parse_expr("sum( foo )  by (a)")) == "sum by (a) (foo)"


def test_long_expressions_are_split_where_they_nest() -> None:
    selector = 'http_request_duration_seconds_bucket{handler="/api/v1/query",instance="one"}'
    expr = parse_expr(f"histogram_quantile(0.9, sum(rate({selector}[5m])) by (le)) > bool on(le) {selector}")
    assert prettify(expr) == (
        f"  histogram_quantile(\n    0.9,\n    sum by (le) (rate({selector}[5m]))\n  )\n> bool on (le)\n  {selector}"
    )


def test_json_tree_has_the_fields_of_the_api() -> None:
    tree = to_json(parse_expr("sum by (a) (rate(foo{b='c'}[5m] offset 1m)) / on(a) group_left(d) bar @ end()"))
    assert tree["type"] == "binaryExpr"
    assert tree["matching"] == {
        "card": "many-to-one",
        "labels": ["a"],
        "on": True,
        "include": ["d"],
        "fillValues": {"lhs": None, "rhs": None},
    }
    assert tree["rhs"] == {
        "type": "vectorSelector",
        "name": "bar",
        "offset": 0,
        "offsetExpr": None,
        "matchers": [{"name": "__name__", "value": "bar", "type": "="}],
        "timestamp": None,
        "startOrEnd": "end",
        "anchored": False,
        "smoothed": False,
    }
    call = tree["lhs"]["expr"]
    assert call["func"] == {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"}
    assert (call["args"][0]["range"], call["args"][0]["offset"]) == (300_000, 60_000)


def test_json_tree_shows_duration_expressions() -> None:
    tree = to_json(parse_expr("foo[5m + step()]"))
    assert tree["range"] == 0
    assert tree["rangeExpr"] == {
        "type": "durationExpr",
        "op": "+",
        "lhs": {"type": "numberLiteral", "val": "300", "duration": True},
        "rhs": {"type": "durationExpr", "op": "step", "lhs": None, "rhs": None, "wrapped": False},
        "wrapped": False,
    }


def test_durations_resolve_with_step_and_range_of_the_query() -> None:
    expr = parse_expr("sum(rate(foo[2*step()+1m:max_of(5s, range()/4)] offset -(1m)))")
    resolved = resolve(expr, 15_000, 3_600_000)
    assert str(resolved) == "sum(rate(foo[1m30s:15m] offset -1m))"
    assert resolve(resolved, 1, 1) is resolved
