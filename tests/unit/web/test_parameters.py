"""Times, durations and texts of parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.web.parameters import MAX_TIME, MIN_TIME, parse_seconds, parse_time, rfc3339
from narthex.web.rules import exponent_form


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("1.5", 1500),
        ("-1", -1000),
        ("1e3", 1_000_000),
        ("9e99", MAX_TIME),
        ("-9e99", MIN_TIME),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.2345678Z", 1234),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.5Z", -500),
        ("-292273086-05-16T16:47:06Z", MIN_TIME),
        ("292277025-08-18T07:12:54.999999999Z", MAX_TIME),
    ],
)
def test_times_are_unix_seconds_or_rfc3339(text: str, milliseconds: int) -> None:
    assert parse_time(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "2015-13-01T00:00:00Z", "2015-01-01", "1 ", "0x10", "2015-01-01T00:00:00"]
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="cannot parse"):
        parse_time(text)


@given(st.text())
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        assert MIN_TIME <= parse_time(text) <= MAX_TIME
    except ValueError as e:
        assert "to a valid timestamp" in str(e)


def test_durations_are_seconds_or_units() -> None:
    assert parse_seconds("90") == parse_seconds("1m30s") == 90
    for text in ("", "1ns", "x"):
        with pytest.raises(ValueError, match="to a valid duration"):
            parse_seconds(text)


def test_times_are_written_as_go_writes_them() -> None:
    assert rfc3339(None) == "0001-01-01T00:00:00Z"
    assert rfc3339(1.5) == "1970-01-01T00:00:01.5Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1e+00"), (0.0, "0e+00"), (-0.25, "-2.5e-01"), (123456.0, "1.23456e+05"), (1e100, "1e+100"),
     (0.1 + 0.2, "3.0000000000000004e-01"), (float("nan"), "NaN"), (float("-inf"), "-Inf"), (100.0, "1e+02")],
)  # fmt: skip
def test_alert_values_have_the_shortest_digits_and_an_exponent(value: float, text: str) -> None:
    assert exponent_form(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_alert_values_read_back_to_the_same_float(value: float) -> None:
    assert float(exponent_form(value)) == value
