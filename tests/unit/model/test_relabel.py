from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import MatcherError
from narthex.model.labels import Labels
from narthex.model.relabel import CACHE_ENTRIES, RelabelRule, process
from reference.relabel import relabel

FOO = {"a": "foo", "b": "bar", "c": "baz"}


def run(labels: dict[str, str], *rules: dict[str, Any]) -> dict[str, str] | None:
    made = [RelabelRule(**{**rule, "source_labels": tuple(rule.get("source_labels", ()))}) for rule in rules]
    result = process(Labels(labels), made)
    return None if result is None else result.as_dict()


@pytest.mark.parametrize(
    ("labels", "rules", "expected"),
    [
        (
            FOO,
            [{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}],
            {**FOO, "d": "choo-choo"},
        ),
        (
            FOO,
            [
                {"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a", "replacement": "b${1}${2}m"},
                {
                    "source_labels": ["c", "a"],
                    "regex": "(b).*b(.*)ba(.*)",
                    "target_label": "d",
                    "replacement": "$1$2$2$3",
                },
            ],
            {"a": "boobam", "b": "bar", "c": "baz", "d": "boooom"},
        ),
        (FOO, [{"action": "drop", "source_labels": ["a"], "regex": ".*o.*"}], None),
        (FOO, [{"action": "drop", "source_labels": ["a"], "regex": "o"}], FOO),
        (FOO, [{"action": "keep", "source_labels": ["a"], "regex": "foo|x"}], FOO),
        (FOO, [{"action": "keep", "source_labels": ["a"], "regex": "fo"}], None),
        ({"a": "x\ny"}, [{"action": "keep", "source_labels": ["a"], "regex": "x.y"}], {"a": "x\ny"}),
        (FOO, [{"target_label": "d", "replacement": "static"}], {**FOO, "d": "static"}),
        (FOO, [{"target_label": "a", "replacement": ""}], {"b": "bar", "c": "baz"}),
        (FOO, [{"source_labels": ["a"], "target_label": "b", "regex": "f", "replacement": "x"}], FOO),
        (FOO, [{"source_labels": ["none"], "target_label": "b"}], {"a": "foo", "c": "baz"}),
        (FOO, [{"source_labels": ["a"], "target_label": "$2", "replacement": "x"}], FOO),
        (FOO, [{"source_labels": ["a"], "target_label": "${1}", "replacement": "x"}], {**FOO, "foo": "x"}),
        (
            FOO,
            [{"source_labels": ["a"], "regex": "(f)(oo)", "target_label": "d", "replacement": "$1x-${1}x"}],
            {**FOO, "d": "-fx"},
        ),
        (
            FOO,
            [{"source_labels": ["a"], "regex": "(?P<head>f).*", "target_label": "d", "replacement": "${head}$$1"}],
            {**FOO, "d": "f$1"},
        ),
        (
            FOO,
            [{"action": "hashmod", "source_labels": ["c"], "target_label": "d", "modulus": 1000}],
            {**FOO, "d": "976"},
        ),
        (
            {"a": "foo\nbar"},
            [{"action": "hashmod", "source_labels": ["a"], "target_label": "b", "modulus": 1000}],
            {"a": "foo\nbar", "b": "734"},
        ),
        (
            {"a": "1", "meta_a": "x", "meta_b": "y"},
            [{"action": "labelmap", "regex": "meta_(.*)", "replacement": "$1"}],
            {"a": "x", "b": "y", "meta_a": "x", "meta_b": "y"},
        ),
        (
            {"ab": "1", "bb": "2", "c": "3"},
            [{"action": "labelmap", "regex": "(.)b", "replacement": "z"}],
            {"ab": "1", "bb": "2", "c": "3", "z": "2"},
        ),
        (FOO, [{"action": "labeldrop", "regex": "a|b"}], {"c": "baz"}),
        (FOO, [{"action": "labelkeep", "regex": "a|b"}], {"a": "foo", "b": "bar"}),
        (FOO, [{"action": "uppercase", "source_labels": ["a"], "target_label": "u"}], {**FOO, "u": "FOO"}),
        ({"a": "İSTRAẞE"}, [{"action": "lowercase", "source_labels": ["a"], "target_label": "a"}], {"a": "istraße"}),
        ({"a": "straße ŉ"}, [{"action": "uppercase", "source_labels": ["a"], "target_label": "a"}], {"a": "STRAßE ŉ"}),
        (
            {"a": "x", "b": "x"},
            [{"action": "keepequal", "source_labels": ["a"], "target_label": "b"}],
            {"a": "x", "b": "x"},
        ),
        ({"a": "x", "b": "y"}, [{"action": "keepequal", "source_labels": ["a"], "target_label": "b"}], None),
        ({"a": "x", "b": "x"}, [{"action": "dropequal", "source_labels": ["a"], "target_label": "b"}], None),
        ({"a": "x"}, [{"action": "dropequal", "source_labels": ["b"], "target_label": "c"}], None),
    ],
)
def test_actions(labels: dict[str, str], rules: list[dict[str, Any]], expected: dict[str, str] | None) -> None:
    assert run(labels, *rules) == expected


def test_legacy_names_keep_replace_from_writing_other_names() -> None:
    rule = {"source_labels": ("a",), "target_label": "${1}", "replacement": "x"}
    assert process({"a": "my.label"}, [RelabelRule(**rule, legacy_names=True)]) == Labels({"a": "my.label"})
    assert process({"a": "my.label"}, [RelabelRule(**rule)]) == Labels({"a": "my.label", "my.label": "x"})


def test_an_unchanged_set_is_the_same_object() -> None:
    labels = Labels(FOO)
    assert process(labels, [RelabelRule("keep", ("a",), regex="foo")]) is labels


def test_a_bad_regex_is_refused() -> None:
    with pytest.raises(MatcherError):
        RelabelRule(regex="a(b")


def test_the_cache_of_a_rule_stays_bounded_and_right() -> None:
    rule = RelabelRule("replace", ("a",), regex="x(.*)", target_label="b", replacement="$1")
    for i in range(2 * CACHE_ENTRIES + 10):
        assert process({"a": f"x{i}"}, [rule]) == Labels({"a": f"x{i}", "b": str(i)})
    assert len(rule._replaced) <= CACHE_ENTRIES


NAMES = st.sampled_from(["a", "b", "ab", "meta_a", "meta_b", "z"])
VALUES = st.sampled_from(["", "x", "y", "xy", "x;y", "A", "long-value-1"])
REGEXES = st.sampled_from(
    ["(.*)", "x", "x|y", "(x)(.*)", "meta_(.*)", ".+", "", "(?:a|meta_)(.)", "(.)b?", "[^;]*;(.*)"]
)
TEMPLATES = st.sampled_from(["$1", "${1}", "$1$2", "z", "a$1", "${1}x", "$1x", "$$", "", "b"])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    action = draw(
        st.sampled_from(
            ["replace", "replace", "keep", "drop", "keepequal", "dropequal", "hashmod", "labelmap", "labeldrop",
             "labelkeep", "lowercase", "uppercase"]
        )
    )  # fmt: skip
    rule: dict[str, Any] = {"action": action, "regex": draw(REGEXES)}
    if action not in ("labelmap", "labeldrop", "labelkeep"):
        rule["source_labels"] = draw(st.lists(NAMES, max_size=3))
    if action in ("replace", "keepequal", "dropequal", "hashmod", "lowercase", "uppercase"):
        rule["target_label"] = draw(NAMES)
    if action == "replace":
        rule["target_label"] = draw(st.one_of(NAMES, TEMPLATES))
    if action in ("replace", "labelmap"):
        rule["replacement"] = draw(TEMPLATES)
    if action == "hashmod":
        rule["modulus"] = draw(st.integers(1, 2**64 - 1))
    return rule


@given(st.dictionaries(NAMES, VALUES), st.lists(rules(), max_size=6))
def test_rules_agree_with_the_plain_twin(labels: dict[str, str], many: list[dict[str, Any]]) -> None:
    assert run(labels, *many) == relabel(labels, many)
