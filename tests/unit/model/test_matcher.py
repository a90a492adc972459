from __future__ import annotations

import pytest

from narthex.errors import MatcherError
from narthex.model.matcher import Matcher, MatchType


@pytest.mark.parametrize(
    ("kind", "value", "matching", "others"),
    [
        (MatchType.EQUAL, "a", ["a"], ["", "b", "aa"]),
        (MatchType.EQUAL, "", [""], ["a"]),
        (MatchType.NOT_EQUAL, "a", ["", "b"], ["a"]),
        (MatchType.REGEX, "a|b.*", ["a", "b", "bc", "b\n"], ["", "ab", "cb"]),
        (MatchType.REGEX, ".*", ["", "a"], []),
        (MatchType.NOT_REGEX, ".+", [""], ["a"]),
    ],
)
def test_matching(kind: MatchType, value: str, matching: list[str], others: list[str]) -> None:
    matcher = Matcher(kind, "l", value)
    assert all(matcher.matches(text) for text in matching)
    assert not any(matcher.matches(text) for text in others)


def test_a_matcher_prints_as_in_promql() -> None:
    assert str(Matcher(MatchType.REGEX, "job", 'a"b')) == 'job=~"a\\"b"'
    assert str(Matcher(MatchType.NOT_EQUAL, "my.label", "x")) == '"my.label"!="x"'


def test_matchers_compare_by_what_they_say() -> None:
    assert Matcher(MatchType.REGEX, "a", "b.*") == Matcher(MatchType.REGEX, "a", "b.*")
    assert len({Matcher(MatchType.EQUAL, "a", "b"), Matcher(MatchType.EQUAL, "a", "b")}) == 1
    assert Matcher(MatchType.EQUAL, "a", "b") != Matcher(MatchType.NOT_EQUAL, "a", "b")


def test_a_bad_regex_is_refused() -> None:
    with pytest.raises(MatcherError):
        Matcher(MatchType.REGEX, "a", "(")
