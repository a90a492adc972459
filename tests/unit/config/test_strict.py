from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from narthex.config import strict
from narthex.config.scalars import Bool, Int, Milliseconds, Secret, Text
from narthex.config.strict import Section, load, parse
from narthex.errors import ConfigError, ConfigProblem


class Inner(Section):
    count: Int = 0
    on: Bool = False
    wait: Milliseconds = 0


class Outer(Section):
    name: Text = ""
    labels: dict[str, Text] = Field(default_factory=dict)
    inner: Inner = Inner()
    items: list[Inner] = Field(default_factory=list)
    password: Secret = Secret("")


def problems(text: str) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        load(Outer, text, "f.yml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("on", "on"),
        ("1_000", "1_000"),
        ("10:20", "10:20"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1.50", "1.50"),
        ("2024-01-01", "2024-01-01"),
        ("~", ""),
        ("null", ""),
        ("", ""),
        ('"~"', "~"),
        ("'null'", "null"),
        ("!!str ~", "~"),
        ("!!str 010", "010"),
        ("!!binary aGk=", "hi"),
    ],
)
def test_text_keeps_what_stands_in_the_file(source: str, text: str) -> None:
    assert load(Outer, f"labels:\n  a: {source}\n", "f.yml").labels == {"a": text}


def test_all_problems_are_reported_with_line_and_key() -> None:
    found = problems("nam: x\ninner:\n  count: 1.5\n  on: maybe\nitems:\n- wait: 5\n- \n")
    assert [(p.line, p.key) for p in found] == [
        (1, "nam"),
        (3, "inner.count"),
        (4, "inner.on"),
        (6, "items[0].wait"),
        (7, "items[1]"),
    ]
    assert found[0].message == 'unknown key "nam": did you mean "name"?'
    assert found[1].message == 'expected a whole number, got "1.5"'
    assert found[4].message == "empty or null section"


def test_duplicate_keys_are_refused() -> None:
    (problem,) = problems("name: a\ninner: {}\nname: b\n")
    assert (problem.line, problem.message) == (3, 'key "name" is set twice in the same mapping')


def test_broken_yaml_names_the_line() -> None:
    (problem,) = problems("name: a\ninner: [\n")
    assert problem.line == 3
    assert "not valid YAML" in problem.message


def test_aliases_and_merge_keys_work_and_own_keys_win() -> None:
    text = "items:\n- &a {count: 1, wait: 1s}\n- <<: *a\n  wait: 2s\n- *a\n"
    assert load(Outer, text, "f.yml").items == [
        Inner(count=1, wait=1000),
        Inner(count=1, wait=2000),
        Inner(count=1, wait=1000),
    ]


def test_a_mistake_in_a_merged_mapping_is_found_at_its_origin() -> None:
    found = problems("items:\n- &a {count: x}\n- <<: *a\n")
    assert [(p.line, p.key) for p in found] == [(2, "items[0].count"), (2, "items[1].count")]


def test_a_billion_laughs_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (problem,) = problems("\n".join(lines))
    assert "aliases expand to too much" in problem.message


def test_an_anchor_that_contains_itself_is_refused() -> None:
    (problem,) = problems("items: &a [*a]\n")
    assert problem.message == "an anchor contains itself"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000 + "x"])
def test_hostile_nesting_is_refused(text: str) -> None:
    (problem,) = problems(text)
    assert "nested deeper" in problem.message or "not valid YAML" in problem.message


def test_a_file_above_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "MAX_BYTES", 10)
    assert "larger than" in problems("name: abcdefghijk")[0].message


def test_text_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Outer, b"name: a\nlabels: \xff\n", "f.yml")
    assert caught.value.problems[0].line == 2


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~\n"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    assert load(Outer, text, "f.yml") == Outer()


def test_only_the_first_document_counts() -> None:
    assert load(Outer, "name: a\n---\njunk: [\n", "f.yml").name == "a"


def test_a_list_where_a_mapping_belongs_says_so() -> None:
    (problem,) = problems("[]")
    assert problem.message == "expected a mapping of keys to values"


def test_secrets_never_show() -> None:
    loaded = load(Outer, "password: hunter2\n", "f.yml")
    assert loaded.password.reveal() == "hunter2"
    assert "hunter2" not in f"{loaded!r} {loaded} {loaded.password} {loaded.password!r}"
    assert loaded.password == Secret("hunter2") != Secret("x")


@given(st.text(max_size=200))
def test_any_text_gives_a_document_or_a_config_error(text: str) -> None:
    try:
        parse(text, "f.yml")
    except ConfigError as e:
        assert e.problems


@given(st.lists(st.sampled_from(["a: ", "- ", "[", "]", "{", "}", "&x ", "*x", "<<: ", "\n", "  ", ": ", ",", "1"])))
def test_any_tokens_give_a_document_or_a_config_error(tokens: list[str]) -> None:
    try:
        load(Outer, "".join(tokens), "f.yml")
    except ConfigError as e:
        assert e.problems
