"""RFC 3339 times as JSON APIs write them, to and from seconds since the epoch (float, microsecond resolution)."""

from __future__ import annotations

from datetime import UTC, datetime

ZERO = "0001-01-01T00:00:00Z"  # Go's zero time: "no time known"


def parse_rfc3339(text: str) -> float:
    """Raises ValueError. A time zone is required; Go's zero time reads as 0.0."""
    if text == ZERO or text == "0001-01-01T00:00:00.000Z":
        return 0.0
    if "T" not in text.upper() or len(text) < 20:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"RFC 3339 time without a zone: {text!r}")
    return moment.timestamp()


def format_rfc3339(seconds: float, *, milliseconds: bool = False) -> str:
    """UTC with Z. Fractions as needed, or always exactly three digits; 0 gives Go's zero time."""
    if seconds == 0:
        return "0001-01-01T00:00:00.000Z" if milliseconds else ZERO
    if milliseconds:
        moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    moment = datetime.fromtimestamp(round(seconds, 6), UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
