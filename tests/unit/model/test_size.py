"""Sizes in Prometheus' notation."""

from __future__ import annotations

import pytest

from narthex.model.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("0B", 0),
        ("1B", 1),
        ("1KB", 1024),
        ("1KiB", 1024),
        ("1.5MB", 1572864),
        ("1GB512MB", 3 * 2**29),
        ("1EB", 2**60),
    ],
)
def test_units_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "12", "5X", "KB", "1 MB", "-1MB", "8EB"])
def test_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="units"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1, "1B"), (2**29, "512MiB"), (2**30, "1GiB"), (1536, "1KiB512B")]
)
def test_the_largest_units_come_first(size: int, text: str) -> None:
    assert format_size(size) == text
