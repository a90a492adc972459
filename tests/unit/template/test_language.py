"""The template language: actions, variables, control flow, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import TemplateError
from narthex.template import AnyMap, Function, HtmlText, Limits, TemplateSet

TABLE = {
    "toUpper": Function(str.upper, ("string",)),
    "half": Function(lambda x: x / 2, ("float64",)),
    "raw": Function(HtmlText, ("string",)),
}
DATA = {"L": ["a", "b", "c"], "M": {"z": "1", "a": "2"}, "Any": AnyMap(x=1), "E": [], "N": None, "S": "s"}


def expand(text: str, *, html: bool = False) -> str:
    return TemplateSet(TABLE, html=html).expand(text, DATA)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a {{- 1 -}} b", "a1b"),
        ("x {{/* note */}} y {{- /* note */ -}} z", "x  yz"),
        ("{{ range $k, $v := .M }}{{ $k }}={{ $v }};{{ end }}", "a=2;z=1;"),
        ("{{ range $i, $e := .L }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $e }}{{ end }}", "ac"),
        ("{{ range .L }}{{ if eq . `b` }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"),
        ("{{ range .E }}x{{ else }}none{{ end }}{{ range .N }}x{{ else }}nil{{ end }}", "nonenil"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ with .S }}{{ . }}{{ end }}{{ with .Missing }}x{{ else with .S }}{{ . }}{{ end }}", "ss"),
        ("{{ if .E }}a{{ else if .N }}b{{ else }}c{{ end }}", "c"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 9 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 0 }}{{ range .L }}{{ $x = len . }}{{ $.S }}{{ end }}{{ $x }}", "sss1"),
        ('{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .S }}{{ block "b" 3 }}({{ . }}){{ end }}', "[s](3)"),
        ("{{ .Missing }}|{{ .Any.missing }}|{{ .M.nope }}", "|<no value>|"),
        ("{{ half 3 }} {{ (half 3.0) | printf `%.1f` }}", "1.5 1.5"),
        ("{{ .S | toUpper | printf `%s-%s` `a` }}", "a-S"),
        ("{{ or .N .S }} {{ and .S .N }} {{ not .E }}", "s <no value> true"),
        ("{{ index .M `z` }} {{ index .L 2 }} {{ slice .L 1 2 }}", "1 c [b]"),
        ("{{ printf `%v` .M }}", "map[a:2 z:1]"),
    ],
)
def test_expands_as_go_does(text: str, expected: str) -> None:
    assert expand(text) == expected


def test_and_or_do_not_evaluate_what_they_do_not_need() -> None:
    assert expand("{{ or 1 (index .L 9) }}{{ and 0 (index .L 9) }}") == "10"


def test_html_mode_escapes_values_but_neither_text_nor_html() -> None:
    assert expand('<p>{{ "<b>" }}{{ raw "<i>" }}</p>', html=True) == "<p>&lt;b&gt;<i></p>"
    assert expand('{{ "<b>" }}') == "<b>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n {{ nope }}", 'template: t:2:4: function "nope" not defined'),
        ("{{ $x }}", 'template: t:1:3: undefined variable "$x"'),
        ("{{ if true }}", "template: t:1:13: unexpected EOF"),
        ("{{ 'ab' }}", "template: t:1:3: malformed character constant: 'ab'"),
        ("é {{ toUpper 3 }}", 'template: t:1:14: executing "t" at <3>: expected string; found 3'),
        ("\n{{ .S.X }}", 'template: t:2:5: executing "t" at <.S.X>: can\'t evaluate field X in type string'),
        ("{{ template `q` }}", 'template: t:1:12: executing "t" at <{{template "q"}}>: template "q" not defined'),
        ("{{ (len 3).X }}", 'template: t:1:4: executing "t" at <len 3>: error calling len: len of type int'),
        ("{{ N\xb9 }}", "template: t:1:4: bad character"),
    ],
)
def test_errors_name_template_line_and_column(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        TemplateSet(TABLE).expand(text, DATA, name="t")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}',
        "{{ range 1000000000 }}{{ end }}",
        "{{ $x := `0123456789` }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ range 100000 }}0123456789{{ end }}",
        "{{ if 1 }}" * 500 + "{{ end }}" * 500,
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ if 0 }}" + "{{ else if 0 }}" * 500 + "{{ end }}",
        "{{ printf `%999999999d` 1 }}",
    ],
)
def test_hostile_templates_end_with_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        TemplateSet(TABLE, limits=Limits(steps=50_000, output=100_000)).expand(text, DATA)


PIECES = [
    *("{{", "}}", "-", " ", "if", "end", "range", "else", "$x", ":=", ".S", "(", ")", "|", "`", '"', "'", "1", "1.5e"),
    *("len", "\\", "/*", "*/", "é", "\n", "define", "break", ".", ",", "=", "0x", "printf", "%d", "nil", "template"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_text_expands_or_raises_a_template_error(pieces: list[str]) -> None:
    try:
        expand("".join(pieces))
    except TemplateError as e:
        assert str(e).startswith("template: ")


def test_a_clone_does_not_change_the_original() -> None:
    base = TemplateSet(TABLE)
    base.parse("file", '{{ define "x" }}old{{ end }}')
    copy = base.clone()
    copy.parse("other", '{{ define "x" }}new{{ end }}')
    assert (base.execute("x", None), copy.execute("x", None)) == ("old", "new")


def test_an_empty_body_does_not_replace_a_definition() -> None:
    templates = TemplateSet(TABLE)
    templates.parse("f", "body")
    templates.parse("f", '{{ define "x" }}y{{ end }}\n')
    assert templates.execute("f", None) == "body"
