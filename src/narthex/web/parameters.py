"""Parameters of an API request: URL query and form body together, and their times, durations, limits and matchers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_plus

from narthex.errors import NarthexError, RequestError
from narthex.model.duration import parse_duration
from narthex.model.labels import quote
from narthex.model.matcher import Matcher
from narthex.model.rfc3339 import format_rfc3339

# The outermost times Prometheus knows, in milliseconds, and their texts (years that RFC 3339 cannot write).
MIN_TIME = (-(2**63) // 1000 + 62_135_596_801) * 1000
MAX_TIME = (2**63 // 1000 - 62_135_596_801) * 1000 + 999
_OUTER_TIMES = {
    "-292273086-05-16T16:47:06Z": MIN_TIME,
    "292277025-08-18T07:12:54.999999999Z": MAX_TIME,
}
_FLOAT = re.compile(r"[+-]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:\d\d)\Z")

_MOST_REMEMBERED = 512  # characters of a name or value

SelectorParser = Callable[[str], Sequence[Matcher]]


class Parameters:
    """Values by name; a form body's values come before the URL's."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    @classmethod
    def of(cls, query: str, body: str = "") -> Parameters:
        """From a URL's query and the body of a form, as they were sent."""
        text = f"{body}&{query}" if body else query
        values: dict[str, list[str]] = {}
        for part in text.split("&"):
            if part:
                name, _, value = part.partition("=")
                values.setdefault(_decoded(name), []).append(_decoded(value))
        return cls(values)

    def text(self, name: str, otherwise: str = "") -> str:
        """The first value, or `otherwise` when it is absent or empty."""
        values = self._values.get(name)
        return (values[0] or otherwise) if values else otherwise

    def has_any(self, names: Set[str]) -> bool:
        return not names.isdisjoint(self._values)

    def texts(self, name: str) -> Sequence[str]:
        return self._values.get(name, ())

    def time(self, name: str, otherwise: int | None = None) -> int:
        """Milliseconds. Absent: `otherwise`; without one an absent value is an error, worded like a bad one."""
        text = self.text(name)
        if text == "" and otherwise is not None:
            return otherwise
        try:
            return parse_time(text)
        except ValueError as e:
            intro = "" if otherwise is None else f"Invalid time value for '{name}': "
            raise bad_parameter(name, f"{intro}{e}") from None

    def duration(self, name: str) -> float:
        """Seconds."""
        try:
            return parse_seconds(self.text(name))
        except ValueError as e:
            raise bad_parameter(name, str(e)) from None

    def limit(self, name: str = "limit") -> int:
        """The largest number of entries to answer; 0 (also when absent) for no limit."""
        text = self.text(name)
        if text == "":
            return 0
        try:
            value = int(text)
        except ValueError:
            raise bad_parameter(name, f"{quote(text)} is not a number") from None
        if value < 0:
            raise bad_parameter(name, "limit must be non-negative")
        return value

    def number(self, name: str, otherwise: int) -> int:
        """A plain number, with the wording of the metadata endpoints."""
        text = self.text(name)
        try:
            return int(text) if text else otherwise
        except ValueError:
            raise RequestError("bad_data", f"{name} must be a number") from None

    def flag(self, name: str) -> bool:
        """A boolean in Go's spellings; absent is false."""
        text = self.text(name).lower()
        if text not in ("", "0", "f", "false", "1", "t", "true"):
            raise bad_parameter(name, f"{quote(text)} is not a boolean")
        return text in ("1", "t", "true")

    def selectors(self, name: str, parse: SelectorParser) -> list[Sequence[Matcher]]:
        """One list of matchers for each value. Each must have a matcher that does not match the empty string."""
        out = []
        for text in self.texts(name):
            try:
                matchers = parse(text)
            except NarthexError as e:
                raise bad_parameter(name, str(e)) from None
            if all(matcher.matches("") for matcher in matchers):
                raise bad_parameter(name, f"{name} must contain at least one non-empty matcher")
            out.append(matchers)
        return out


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _unquoted(text) if len(text) <= _MOST_REMEMBERED else unquote_plus(text)


_unquoted = lru_cache(1024)(unquote_plus)  # clients send the same names and selectors again and again


def bad_parameter(name: str, message: str) -> RequestError:
    return RequestError("bad_data", f"invalid parameter {quote(name)}: {message}")


def parse_time(text: str) -> int:
    """Milliseconds of a Unix time in (fractional) seconds or of an RFC 3339 time. Raises ValueError.

    Times beyond the outermost ones are brought to them.
    """
    if _FLOAT.match(text):
        seconds = float(text)
        if math.isinf(seconds):
            return MAX_TIME if seconds > 0 else MIN_TIME
        return max(MIN_TIME, min(MAX_TIME, round(seconds * 1000)))
    if text in _OUTER_TIMES:
        return _OUTER_TIMES[text]
    if parts := _RFC3339.match(text):
        whole, fraction, zone = parts.groups()
        try:
            moment = datetime.fromisoformat(whole.upper() + zone.upper().replace("Z", "+00:00"))
            return int(moment.timestamp()) * 1000 + int((fraction or "0").ljust(3, "0")[:3])
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"cannot parse {quote(text)} to a valid timestamp")


def parse_seconds(text: str) -> float:
    """Seconds of a number of seconds or of a duration like 1m30s. Raises ValueError."""
    if _FLOAT.match(text):
        seconds = float(text)
        if abs(seconds) * 1e9 > 2**63:
            raise ValueError(f"cannot parse {quote(text)} to a valid duration. It overflows int64")
        return seconds
    try:
        return parse_duration(text) / 1000
    except ValueError:
        raise ValueError(f"cannot parse {quote(text)} to a valid duration") from None


def rfc3339(seconds: float | None) -> str:
    """A time as Go's JSON writes it; None (never) is Go's zero time."""
    return format_rfc3339(seconds or 0.0)
