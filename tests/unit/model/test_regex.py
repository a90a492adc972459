from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import MatcherError
from narthex.model.regex import Regex, compile_regex


@pytest.mark.parametrize(
    ("pattern", "literals", "prefix"),
    [
        ("abc", ["abc"], "abc"),
        ("", [""], ""),
        ("a|b|a", ["a", "b"], ""),
        ("(a|b)", ["a", "b"], ""),
        ("a|", ["a", ""], ""),
        ("api.*", None, "api"),
        ("api[0-9]+", None, "api"),
        ("apis?", None, "api"),
        ("ab*", None, "a"),
        ("ab{0,1}", None, "a"),
        ("ab+", None, "ab"),
        ("abc.+|x", None, ""),
        ("(?i)abc", None, ""),
        ("(a)|(b)", None, ""),
        ("^abc", None, ""),
        ("a\\.b", None, "a"),
    ],
)
def test_what_storage_can_look_up(pattern: str, literals: list[str] | None, prefix: str) -> None:
    regex = Regex(pattern)
    assert regex.literals == literals
    assert regex.prefix == prefix


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "a{2,1}", "(?=x)", "\\1", "*a"])
def test_patterns_that_are_not_re2_are_refused(pattern: str) -> None:
    with pytest.raises(MatcherError, match="invalid regular expression"):
        compile_regex(pattern).check()


@pytest.mark.parametrize(
    ("pattern", "text", "template", "expected"),
    [
        ("(a)(b)?", "a", "$1|$2|$3|$0", "a|||a"),
        ("(a)", "a", "$1x|${1}x|$1_", "|ax|"),
        ("(?P<n>a)", "a", "$n ${n} $m", "a a "),
        ("(a)", "a", "$$1 $ $- ${ ${} ${1", "$1 $ $- ${ ${} ${1"),
        ("(a)", "a", "$01 ${01} $1000000000", "  "),
        ("(é+)", "éé", "$1é ${1}é", " ééé"),
        ("(a)", "a", "no variable", "no variable"),
    ],
)
def test_templates_expand_as_go_does(pattern: str, text: str, template: str, expected: str) -> None:
    assert Regex(pattern).expand(text, template) == expected


def test_without_a_match_there_is_nothing_to_expand() -> None:
    assert Regex("a").expand("b", "x") is None
    assert Regex("(a|b)c").expand("d", "x") is None


def test_a_long_alternation_compiles() -> None:
    regex = compile_regex("|".join(f"service-{i}-[a-z]+" for i in range(5000)))
    assert regex.fullmatch("service-4999-x")
    assert not regex.fullmatch("service-5000-x")


def test_word_classes_are_ascii() -> None:
    assert not Regex("\\w+").fullmatch("é")
    assert not Regex("\\d").fullmatch("٣")


PIECES = st.sampled_from(["a", "b", "ab", ".*", ".+", "|", "(", ")", "?", "a*", "[ab]", "x", "\\.", "^", "$", "(?i)"])
TEXT = st.text("abxAB.\n", max_size=6)


@given(st.lists(PIECES, max_size=6).map("".join), TEXT)
def test_shapes_agree_with_an_anchored_regular_expression(pattern: str, text: str) -> None:
    try:
        regex = Regex(pattern)
        regex.check()
        expected = re.compile(f"(?s:{pattern})").fullmatch(text) is not None
    except (MatcherError, re.error):
        return
    assert regex.fullmatch(text) == expected
    if regex.literals is not None:
        assert (text in regex.literals) == expected
    if expected:
        assert text.startswith(regex.prefix)
