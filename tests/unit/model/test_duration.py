from __future__ import annotations

import pytest

from narthex.model.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0", 0), ("100ms", 100), ("1m30s", 90_000), ("1h", 3_600_000), ("1w", 604_800_000), ("1y", 31_536_000_000)],
)
def test_durations_read_as_milliseconds(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "1", "1s1m", "5", "-1m", "1.5h", "1mm", "1s1s"])
def test_malformed_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("ms", [0, 1, 1000, 90_000, 3_600_000, 86_400_000, 90_000_000, 31_536_000_000])
def test_formatted_durations_read_back(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms
