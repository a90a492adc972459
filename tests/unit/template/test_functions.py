"""Prometheus' template functions on their own."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from narthex.errors import TemplateError
from narthex.template import TemplateSet
from narthex.template.functions import (
    QuerySample,
    humanize,
    humanize1024,
    humanize_duration,
    prometheus_functions,
    strip_domain,
    strip_port,
    title,
)
from narthex.template.gotime import SECOND, GoDuration, GoTime

SAMPLES = [QuerySample({"instance": "b:1"}, 7.0), QuerySample({"instance": "a:1", "__value__": "text"}, 3.0)]


def expand(text: str) -> str:
    functions = prometheus_functions(lambda q: SAMPLES if q == "up" else [], 1435065584.5, "http://e.org/p/")
    return TemplateSet(functions).expand(text, {})


@pytest.mark.parametrize(("value", "text"), [(1234567, "1.235M"), ("0.001234", "1.234m"), (0.0, "0"), ("NaN", "NaN")])
def test_humanize(value: object, text: str) -> None:
    assert humanize(value) == text


@pytest.mark.parametrize(("value", "text"), [(1536, "1.5ki"), (1023, "1023"), (0.5, "0.5"), (2.0**30, "1Gi")])
def test_humanize1024(value: float, text: str) -> None:
    assert humanize1024(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(90061, "1d 1h 1m 1s"), (59.5, "59.5s"), (-3600, "-1h 0m 0s"), (0.0005, "500us"), (0, "0s")],
)
def test_humanize_duration(value: float, text: str) -> None:
    assert humanize_duration(value) == text


def test_query_and_its_helpers() -> None:
    assert expand('{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}') == (
        "a:1=3 b:1=7 "
    )
    assert expand('{{ query "up" | first | label "instance" }} {{ query "up" | first | value }}') == "b:1 7"
    with pytest.raises(TemplateError, match="vector with no elements"):
        expand('{{ query "none" | first }}')


def test_links_and_paths() -> None:
    assert expand('{{ graphLink "a + b" }} {{ pathPrefix }} {{ externalURL }}') == (
        "/graph?g0.expr=a+%2B+b&g0.tab=0 /p http://e.org/p/"
    )


def test_times() -> None:
    assert expand("{{ humanizeTimestamp now }}") == "2015-06-23 13:19:44.5 +0000 UTC"
    assert expand('{{ (now | toTime).Format "Mon Jan _2 3:04PM" }}') == "Tue Jun 23 1:19PM"
    assert expand("{{ (toDuration 90.5).Minutes }} {{ toDuration 90.5 }}") == "1.5083333333333333 1m30.5s"


def test_args_feed_templates_called_by_name() -> None:
    assert expand('{{ define "x" }}[{{ .arg0 }},{{ .arg1 }}]{{ end }}{{ tmpl "x" (args 1 "b") }}') == "[1,b]"


def test_hosts_and_ports() -> None:
    assert [strip_port(a) for a in ("a.b:80", "[::1]:80", "a", "::1")] == ["a.b", "::1", "a", "::1"]
    assert [strip_domain(a) for a in ("h.example.org:90", "1.2.3.4:90", "h.x")] == ["h:90", "1.2.3.4:90", "h"]


def test_title_keeps_the_rest_of_words() -> None:
    assert title("hello fooBAR a-b é c_d") == "Hello FooBAR A-B É C_d"


@pytest.mark.parametrize(
    "text", ['{{ humanize "abc" }}', '{{ parseDuration "x" }}', '{{ match "(" "a" }}', "{{ humanizeTimestamp 1e30 }}"]
)
def test_bad_arguments_are_template_errors(text: str) -> None:
    with pytest.raises(TemplateError, match="error calling"):
        expand(text)


def test_layouts_with_zones_and_fractions() -> None:
    time = GoTime(1435065584 * SECOND + 123_456_789, timezone(timedelta(hours=5, minutes=30), "IST"))
    assert time.format("2006-01-02T15:04:05.999999999Z07:00") == "2015-06-23T18:49:44.123456789+05:30"
    assert time.format("Monday, 02-Jan-06 15:04:05 MST 002 .000") == "Tuesday, 23-Jun-15 18:49:44 IST 174 .123"
    assert GoTime(0).format("2006-01-02T15:04:05.999Z07:00") == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (4_530_918_000_000, "1h15m30.918s"),
        (-5400 * SECOND, "-1h30m0s"),
        (7200 * SECOND, "2h0m0s"),
        (300_000_000, "300ms"),
        (1500, "1.5µs"),
        (1, "1ns"),
        (0, "0s"),
    ],
)
def test_durations_print_as_in_go(nanoseconds: int, text: str) -> None:
    assert GoDuration(nanoseconds).go_string() == text


def test_durations_round() -> None:
    assert GoDuration(1_500_000_000).round(GoDuration(SECOND)).go_string() == "2s"
