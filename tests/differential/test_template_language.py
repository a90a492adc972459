"""The template language against Debian's amtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from narthex.errors import TemplateError
from narthex.template import Function, TemplateSet
from narthex.template.functions import match, re_replace_all, title
from support.process import needs

TABLE = {
    "toUpper": Function(str.upper, ("string",)),
    "title": Function(title, ("string",)),
    "match": Function(match, ("string", "string")),
    "reReplaceAll": Function(re_replace_all, ("string", "string", "string")),
}
SAME = [
    '{{ printf "%v|%s|%d|%8.3f|%-5s|%q|%x|%t|%T|%%" 1.5 "a" 3 2.5 "ab" "q" "hi" true 1.0 }}',
    '{{ printf "%e|%g|%6.2v|%+v|%05d|%c|%U|%#x" 1e10 1e10 3.14159 2 7 65 65 255 }}',
    "{{ $y := 1 }}{{ if true }}{{ $y = 2 }}{{ $y := 5 }}{{ $y }}{{ end }}{{ $y }}",
    "{{ 1000000.0 }} {{ 1234567.0 }} {{ 0.00001 }} {{ 123.456 }} {{ 1e21 }} {{ -0.0 }}",
    '{{ printf "%d" "x" }}',
    '{{ printf "%d" }}',
    '{{ printf "%s" 1 2 }}',
    '{{ printf "%[2]s %[1]s" "a" "b" }}',
    '{{ printf "%*d" 5 3 }}',
    '{{ printf "%!" }} {{printf "%"}} {{ printf "%z" 1 }}',
    '{{ printf "%08.3f|%+.2e|%x|%X|% x|%#v" 3.14159 12345.678 "hello" "hello" "hello" "hello" }}',
    '{{ printf "%s %v %d" nil nil nil }}',
    '{{ printf "%v %s" (slice "abc" 1) (print 1 2) }}',
    '{{ html "<a\'\\"&>" 3 }}',
    '{{ js "<a\'=\\">\\n" }}',
    '{{ urlquery "a b&c/" 1 }}',
    '{{ print 1 2 "a" "b" 3 4 }}',
    '{{ println 1 "a" }}{{ slice "abcdef" 1 3 }}',
    '{{ index "abc" 1 }}',
    "{{ not 0 }}",
    "{{ and 1 0 }}",
    '{{ or 0 "x" }}',
    "{{ if true }}a{{ else if false }}b{{ else }}c{{ end }}{{ if false }}a{{ else if false }}b{{ else }}c{{ end }}",
    "x  {{- /* c */ -}}  y {{- 3 -}} z",
    "x {{/* c */}} y",
    "{{ 0x1F }} {{ 1_000 }} {{ 'a' }} {{ 0o17 }} {{ 017 }} {{ 0b11 }} {{ .5 }}",
    '{{ "\\u00e9\\n\\x41\\101" | printf "%q" }}',
    "{{ `raw\\n` }}",
    '{{ eq "a" "b" "a" }} {{ ne 1 2 }} {{ lt "a" "b" }} {{ ge 2 2 }} {{ le 1.5 1.0 }} {{ gt 2 1 }}',
    '{{define "a"}}x{{.}}{{end}}{{ template "a" 3 }}{{ block "b" 3 }}[{{.}}]{{ end }}{{ template "a" }}',
    '{{ len "é" }}',
    '{{ "abc" | toUpper | printf "%s-%s" "z" }}',
    '{{ title "hello world foo_bar a-b é" }}',
    '{{ reReplaceAll "(a)(b*)" "$2-${1}" "abbab xa" }}',
    '{{ match "^a.c" "abcd" }}',
    '{{ reReplaceAll "x*" "-" "abxc" }}',
    '{{ (print "a" "b") | len }} {{ len (print 1 2) }}',
    '{{ true }} {{ and true "x" 0 }} {{ print nil }} {{ not "" }}',
    "{{ if }}x{{ end }}",
    "{{ if true }}",
    "{{ end }}",
    '{{ "a" | 3 }}',
    "{{ $x }}",
    '{{ template "nope" . }}',
    "{{ eq 1 1.0 }}",
    "{{ break }}",
    "{{ len 3 }}",
    "{{ toUpper 3 }}",
    '{{ toUpper "a" "b" }}',
    "{{ range 1.5 }}x{{ end }}",
    "{{ 3 4 }}",
    "{{ nil }}",
    "{{ lt 1 2.0 }}",
    "{{ foo.bar }}",
    '{{ "abc }}',
    "{{ if 1 }}a{{else}}b{{else}}c{{end}}",
    "{{ }}",
    '{{ index "abc" 7 }}',
    '{{ slice "abc" 3 1 }}',
    "{{ 1 | toUpper }}",
    "{{ toUpper }}",
    "{{ eq }}",
    "{{ eq 1 }}",
    "{{ lt true false }}",
    "{{ . | . }}",
    "{{ printf 3 }}",
    '{{define "x"}}',
    "{{define x}}{{end}}",
    "{{ range $i, $j, $k := . }}{{end}}",
    "{{ $a, $b := 1 }}",
    '{{ (printf "a" }}',
    "{{ call nil }}",
    "{{ not 1 2 }}",
    "{{ template }}",
    "{{ else }}",
    '{{ "a" "b" }}',
    "{{ 'ab' }}",
    "a\n{{ len 3 }}",
    'a\n  {{ toUpper\n"x" 3 }}',
    '{{ if eq 1 "a" }}x{{end}}',
    "{{1 -}}",
    "{{-1}}",
    "{{- 1}}",
    '{{ 1 | printf "%d" }}',
    "{{ index 3 1 }}",
    '{{ print "a" | }}',
    "{{ | print }}",
    "{{ print (1) (2 }}",
    "{{ ne 1 }}",
]


def _place(text: str) -> str:
    """amtool gives no column for mistakes of syntax; ours is left out of the comparison."""
    return re.sub(r"^template: :(\d+):\d+: (?!executing)", r"template: :\1: ", text)


@needs("amtool")
@pytest.mark.parametrize("text", SAME)
def test_expansion_and_errors_equal_amtools(text: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tmpl"
    empty.write_text('{{ define "empty" }}{{ end }}')
    command = ["amtool", "template", "render", f"--template.glob={empty}", f"--template.text={text}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    theirs = (done.stdout if done.returncode == 0 else done.stderr).removeprefix("amtool: error: ").rstrip("\n")
    try:
        ours = TemplateSet(TABLE).expand(text, None).rstrip("\n")
    except TemplateError as e:
        ours = _place(str(e))
    assert ours == theirs
