"""The cache of parsed expressions: what it keeps, what it forgets, what depends on the query."""

from __future__ import annotations

import pytest

from narthex.errors import PromQLError
from narthex.promql.parsed import MOST_TEXT, ParseCache, Parsed, parse
from narthex.promql.syntax import ParserOptions


def trees(most_text: int = MOST_TEXT) -> ParseCache[Parsed]:
    return ParseCache(lambda text: parse(text, ParserOptions()), most_text)


def test_the_same_text_gives_the_same_tree() -> None:
    cache = trees()
    assert cache.get("up == 1").tree is cache.get("up == 1").tree
    assert cache.get("up  == 1").tree is not cache.get("up == 1").tree


def test_errors_are_raised_again() -> None:
    cache = trees()
    for _ in range(2):
        with pytest.raises(PromQLError):
            cache.get("sum(")


def test_the_expressions_asked_for_longest_ago_are_forgotten() -> None:
    cache = trees(most_text=80)
    kept, dropped = cache.get("aaaaaaa0"), cache.get("bbbbbbb0")
    for i in range(9):
        cache.get(f"ccccccc{i}")
        assert cache.get("aaaaaaa0") is kept
    assert cache.get("bbbbbbb0") is not dropped


def test_a_long_expression_does_not_push_out_the_others() -> None:
    cache = trees(most_text=800)
    kept, long = cache.get("up"), " + ".join(["up"] * 30)
    assert cache.get(long) is not cache.get(long)
    assert cache.get("up") is kept


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("rate(x[5m] offset 1m)", True),
        ("max_over_time(x[1h:1m])", True),
        ("rate(x[step()])", False),
        ("x offset (1m + 1m)", False),
        ("sum(rate(x[5m])) / max_over_time(rate(x[1m])[range():1m])", False),
        ("x offset (1m / (1m - 1m))", False),
    ],
)
def test_expressions_whose_durations_are_literal_are_known(text: str, fixed: bool) -> None:
    assert parse(text, ParserOptions.everything()).fixed is fixed
