"""Names of OpenTelemetry as names of Prometheus."""

from __future__ import annotations

import pytest

from narthex.remote.otlp_names import GAUGE, MONOTONIC_SUM, OTHER, Naming, unit_name

ESCAPED, PLAIN_ESCAPED = Naming(), Naming(suffixes=False)
UTF8, AS_SENT = Naming(escape=False), Naming(escape=False, suffixes=False)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "escaped", "plain", "utf8"),
    [
        ("http.wait", "s", OTHER, "http_wait_seconds", "http_wait", "http.wait_seconds"),
        ("duration_seconds", "s", OTHER, "duration_seconds", "duration_seconds", "duration_seconds"),
        ("requests", "1", MONOTONIC_SUM, "requests_total", "requests", "requests_total"),
        ("requests.total", "", MONOTONIC_SUM, "requests_total", "requests_total", "requests_total"),
        ("total.requests", "", MONOTONIC_SUM, "requests_total", "total_requests", "total.requests_total"),
        ("used", "1", GAUGE, "used_ratio", "used", "used_ratio"),
        ("used", "1", OTHER, "used", "used", "used"),
        ("io", "By/s", GAUGE, "io_bytes_per_second", "io", "io_bytes_per_second"),
        ("io", "By/s", MONOTONIC_SUM, "io_bytes_per_second_total", "io", "io_bytes_per_second_total"),
        ("tokens", "{token}/min", GAUGE, "tokens_per_min", "tokens", "tokens_per_min"),
        ("tokens", "{token}", MONOTONIC_SUM, "tokens_total", "tokens", "tokens_total"),
        ("speed", "m/h", GAUGE, "speed_meters_per_hour", "speed", "speed_meters_per_hour"),
        ("odd", "foo@bar", GAUGE, "odd_foo_bar", "odd", "odd_foo@bar"),
        ("a..b--c", "", GAUGE, "a_b_c", "a_b_c", "a..b--c"),
        ("a__b", "", GAUGE, "a_b", "a__b", "a__b"),
        ("5xx", "", GAUGE, "_5xx", "_5xx", "5xx"),
        ("job:rate", "", GAUGE, "job:rate", "job:rate", "job:rate"),
        ("température", "Cel", GAUGE, "temp_rature_celsius", "temp_rature", "température_celsius"),
        ("größe", "", GAUGE, "gr_e", "gr_e", "größe"),
    ],
)  # fmt: skip
def test_a_metric_has_its_name_by_strategy(
    name: str, unit: str, kind: str, escaped: str, plain: str, utf8: str
) -> None:
    assert ESCAPED.metric(name, unit, kind) == escaped
    assert PLAIN_ESCAPED.metric(name, unit, kind) == plain
    assert UTF8.metric(name, unit, kind) == utf8
    assert AS_SENT.metric(name, unit, kind) == name


@pytest.mark.parametrize("naming", [ESCAPED, PLAIN_ESCAPED, UTF8, AS_SENT])
def test_nothing_is_no_name(naming: Naming) -> None:
    assert naming.metric("", "", GAUGE) is None
    assert naming.label("") is None
    assert naming.label("___") is None


def test_a_metric_of_odd_characters_alone_is_refused_when_they_are_escaped() -> None:
    assert ESCAPED.metric("日本", "", GAUGE) is None
    assert UTF8.metric("日本", "", GAUGE) == "日本"


@pytest.mark.parametrize(
    ("key", "kept", "collapsed"),
    [
        ("http.method", "http_method", "http_method"),
        ("a..b", "a__b", "a_b"),
        ("_private", "key_private", "key_private"),
        ("__reserved__", "__reserved__", "__reserved__"),
        ("__a..b__", "__a__b__", "__a_b__"),
        ("__half", "__half", "key_half"),
        ("404", "key_404", "key_404"),
        ("größe", "gr__e", "gr_e"),
    ],
)
def test_a_label_has_its_name_by_the_underscore_settings(key: str, kept: str, collapsed: str) -> None:
    assert ESCAPED.label(key) == kept
    assert Naming(keep_underscores=False).label(key) == collapsed
    assert UTF8.label(key) == key


def test_a_leading_underscore_stays_without_sanitization() -> None:
    assert Naming(sanitize_underscore=False).label("_private") == "_private"


@pytest.mark.parametrize(
    ("unit", "name"),
    [("s", "seconds"), ("By/s", "bytes_per_second"), ("1", ""), ("{request}", ""), ("%", "percent"),
     ("{packet}/s", "per_second"), ("_x_", "x"), ("", ""), ("a/b/c", "a_per_b_c")],
)  # fmt: skip
def test_a_unit_is_spelled_out(unit: str, name: str) -> None:
    assert unit_name(unit) == name
