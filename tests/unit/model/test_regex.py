from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import MatcherError
from narthex.model.regex import BREAK, Regex, compile_regex
from narthex.model.wildcards import alternatives
from narthex.native import ValueTexts


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
        ("apis?", ["apis", "api"], "api"),
        ("ab*", None, "a"),
        ("ab{0,1}", None, "a"),
        ("ab+", None, "ab"),
        ("abc.+|x", None, ""),
        ("(?i)abc", None, ""),
        ("(a)|(b)", ["a", "b"], ""),
        ("^abc$", ["abc"], "abc"),
        ("a\\.b", ["a.b"], "a.b"),
        ("10\\.(1|2)\\.[0-2].*", None, "10."),
        ("x(a|b.*)", None, "x"),
        ("a^b", None, "a"),
        ("\\d", None, ""),
        ("a.+.+", None, "a"),
    ],
)
def test_what_storage_can_look_up(pattern: str, literals: list[str] | None, prefix: str) -> None:
    regex = Regex(pattern)
    assert regex.literals == literals
    assert regex.prefix == prefix


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "a{2,1}", "(?=x)", "\\1", "*a", "a)(b", ".*??"])
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


def test_multiplying_out_alternatives_is_bounded() -> None:
    for pattern in ("(a|b)" * 13 + "[a]" * 5000, "(a|b)" * 40, "((a|b)?c?)" * 40, "(" * 2000 + "a" + ")" * 2000):
        assert alternatives(pattern) is None
    assert len(alternatives("|".join(f"10\\.0\\.0\\.{i}:9100" for i in range(5000))) or ()) == 5000


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
        expected = re2.compile(f"(?s:{pattern})").fullmatch(text) is not None
    except MatcherError:
        return
    assert regex.fullmatch(text) == expected
    if regex.literals is not None:
        assert (text in regex.literals) == expected
    if regex.wildcards is not None:
        texts = ValueTexts()
        texts.add(text, 7)
        assert texts.matching(regex.wildcards, False).tolist() == ([7] if expected else [])
    if expected:
        assert text.startswith(regex.prefix)


VALUES = st.lists(st.text("abxAB.é\n\U0001f600", max_size=5) | st.sampled_from(["ab", "a\nb", "\n"]), max_size=12)
MORE = st.sampled_from(
    [
        "[^a]",
        "\\s*",
        "\\b",
        "\\B",
        "\\z",
        "\\A",
        "(?m)",
        "(?i:A)",
        "(?-s)",
        ".",
        "\\x{e9}",
        "\\PL",
        "\\n",
        "b{2}",
        "\\C",
    ]
)


@given(st.lists(PIECES | MORE, max_size=6).map("".join), VALUES, st.booleans())
def test_many_values_at_once_match_as_one_by_one(pattern: str, values: list[str], negate: bool) -> None:
    try:
        regex = Regex(pattern)
        regex.check()
    except MatcherError:
        return
    texts = ValueTexts()
    for number, value in enumerate(values):
        texts.add(value, number * 3)
    want = [number * 3 for number, value in enumerate(values) if regex.fullmatch(value) != negate]
    assert regex.matching(texts, negate=negate).tolist() == want


def test_an_expression_cannot_reach_over_a_value() -> None:
    texts = ValueTexts()
    for number, value in enumerate(["a", "b", "a", "ab", "ba"]):
        texts.add(value, number)
    for pattern, want in [
        ("a[^x]+", [3]),
        ("(?s)a.{2,}b?", []),
        ("a\\s*b", [3]),
        ("[^x]+", [0, 1, 2, 3, 4]),
        ("a\\b|\\Ba|b$", [0, 1, 2]),
    ]:
        assert Regex(pattern).matching(texts).tolist() == want


def test_the_break_between_values_is_the_one_of_the_core() -> None:
    texts = ValueTexts()
    texts.add("a", 0)
    assert texts.text() == b"a" + BREAK
