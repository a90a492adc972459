from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.alertmanager.matchers import format_matchers, parse_matcher, parse_matchers
from narthex.errors import MatcherError
from narthex.model.matcher import Matcher, MatchType

EQ, NE, RE, NRE = MatchType.EQUAL, MatchType.NOT_EQUAL, MatchType.REGEX, MatchType.NOT_REGEX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("{}", []),
        ("foo=bar", [Matcher(EQ, "foo", "bar")]),
        ('{foo="bar",}', [Matcher(EQ, "foo", "bar")]),
        ('foo!="bar", baz=~"a|b"', [Matcher(NE, "foo", "bar"), Matcher(RE, "baz", "a|b")]),
        ("foo!~x", [Matcher(NRE, "foo", "x")]),
        ('foo="a,b"', [Matcher(EQ, "foo", "a,b")]),
        ("foo=", [Matcher(EQ, "foo", "")]),  # classic only
        ('"a b"="c"', [Matcher(EQ, "a b", "c")]),  # UTF-8 only
        ("föö=ü", [Matcher(EQ, "föö", "ü")]),
        (r'foo="a\nb\"c\\"', [Matcher(EQ, "foo", 'a\nb"c\\')]),
        (r'foo="\d"', [Matcher(EQ, "foo", r"\d")]),  # classic leaves unknown escapes alone
    ],
)
def test_both_grammars_are_read(text: str, expected: list[Matcher]) -> None:
    assert parse_matchers(text) == expected


@pytest.mark.parametrize("text", ["foo", 'foo="bar', "=x", "foo=~(", '"a"', 'foo="a"b"', "foo=bar,,b=c"])
def test_malformed_matchers_are_refused(text: str) -> None:
    with pytest.raises(MatcherError):
        parse_matchers(text)


def test_a_single_matcher_may_not_have_braces() -> None:
    with pytest.raises(MatcherError):
        parse_matcher("{foo=bar}")


names = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]{0,8}\Z")
matchers = st.builds(Matcher, st.sampled_from([EQ, NE]), names, st.text(max_size=12))


@given(st.lists(matchers, max_size=4))
def test_printed_matchers_read_back(given_matchers: list[Matcher]) -> None:
    expected = sorted(given_matchers, key=lambda m: (m.name, m.value, m.type.value))
    assert parse_matchers(format_matchers(given_matchers)) == expected


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(MatcherError):
        parse_matchers(text)
