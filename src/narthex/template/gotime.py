"""Go's time.Time and time.Duration as templates meet them: printing, layouts, and the methods in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import ClassVar

from narthex.template.values import Struct

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO_NS = -62_135_596_800 * SECOND  # year 1, Go's zero time


@dataclass(frozen=True, order=True)
class GoDuration(Struct):
    """A length of time in nanoseconds."""

    ns: int
    go_type: ClassVar[str] = "time.Duration"
    go_fields: ClassVar[Mapping[str, str]] = {
        "String": "go_string",
        "Seconds": "seconds",
        "Minutes": "minutes",
        "Hours": "hours",
        "Milliseconds": "milliseconds",
        "Nanoseconds": "nanoseconds",
        "Truncate": "truncate",
        "Round": "round",
    }

    def go_string(self) -> str:
        sign, ns = ("-", -self.ns) if self.ns < 0 else ("", self.ns)
        if ns == 0:
            return "0s"
        if ns < SECOND:
            unit, size = ("ns", 1) if ns < 1000 else ("µs", 1000) if ns < 1_000_000 else ("ms", 1_000_000)
            return sign + _decimal(ns, size) + unit
        minutes, rest = divmod(ns, 60 * SECOND)
        hours, minutes = divmod(minutes, 60)
        head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
        return f"{sign}{head}{_decimal(rest, SECOND)}s"

    def seconds(self) -> float:
        return self.ns / SECOND

    def minutes(self) -> float:
        return self.ns / (60 * SECOND)

    def hours(self) -> float:
        return self.ns / (3600 * SECOND)

    def milliseconds(self) -> int:
        return int(self.ns / 1_000_000)

    def nanoseconds(self) -> int:
        return self.ns

    def truncate(self, step: GoDuration) -> GoDuration:
        """Towards zero, to a multiple of `step`."""
        if step.ns <= 0:
            return self
        whole = abs(self.ns) // step.ns * step.ns
        return GoDuration(-whole if self.ns < 0 else whole)

    def round(self, step: GoDuration) -> GoDuration:
        """To the nearest multiple of `step`, halves away from zero."""
        if step.ns <= 0:
            return self
        whole = (abs(self.ns) + step.ns // 2) // step.ns * step.ns
        return GoDuration(-whole if self.ns < 0 else whole)


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    return str(whole) + (f".{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else "")


@dataclass(frozen=True)
class GoTime(Struct):
    """An instant in nanoseconds since the Unix epoch, shown in a zone."""

    ns: int
    zone: tzinfo = UTC
    go_type: ClassVar[str] = "time.Time"
    go_fields: ClassVar[Mapping[str, str]] = {
        "String": "go_string",
        "Format": "format",
        "Unix": "unix",
        "UnixMilli": "unix_milli",
        "UnixNano": "unix_nano",
        "UTC": "utc",
        "IsZero": "is_zero",
        "Add": "add",
        "Sub": "sub",
        "Before": "before",
        "After": "after",
        "Equal": "equal",
        "Year": "year",
        "Month": "month",
        "Day": "day",
        "Hour": "hour",
        "Minute": "minute",
        "Second": "second",
        "Weekday": "weekday",
        "YearDay": "year_day",
    }

    def moment(self) -> datetime:
        try:
            return (_EPOCH + timedelta(microseconds=self.ns // 1000)).astimezone(self.zone)
        except OverflowError:
            raise ValueError("time is outside of the years 1 to 9999") from None

    def go_string(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def format(self, layout: str) -> str:
        """Go's reference-time layouts: "Mon Jan 2 15:04:05 MST 2006" and its parts."""
        moment, nanos = self.moment(), self.ns % SECOND
        out: list[str] = []
        last = 0
        for match in _LAYOUT.finditer(layout):
            out.append(layout[last : match.start()])
            out.append(_part(match.group(), moment, nanos))
            last = match.end()
        out.append(layout[last:])
        return "".join(out)

    def unix(self) -> int:
        return self.ns // SECOND

    def unix_milli(self) -> int:
        return self.ns // 1_000_000

    def unix_nano(self) -> int:
        return self.ns

    def utc(self) -> GoTime:
        return GoTime(self.ns)

    def is_zero(self) -> bool:
        return self.ns == ZERO_NS

    def add(self, duration: GoDuration) -> GoTime:
        return GoTime(self.ns + duration.ns, self.zone)

    def sub(self, other: GoTime) -> GoDuration:
        return GoDuration(self.ns - other.ns)

    def before(self, other: GoTime) -> bool:
        return self.ns < other.ns

    def after(self, other: GoTime) -> bool:
        return self.ns > other.ns

    def equal(self, other: GoTime) -> bool:
        return self.ns == other.ns

    def year(self) -> int:
        return self.moment().year

    def month(self) -> str:
        return _MONTHS[self.moment().month - 1]

    def day(self) -> int:
        return self.moment().day

    def hour(self) -> int:
        return self.moment().hour

    def minute(self) -> int:
        return self.moment().minute

    def second(self) -> int:
        return self.moment().second

    def weekday(self) -> str:
        return _DAYS[self.moment().weekday()]

    def year_day(self) -> int:
        return self.moment().timetuple().tm_yday


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|002|__2|_2(?!006)|01|02|03|04|05|06|15|"
    r"-07:00:00|-070000|-07:00|-0700|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|PM|pm|[.,](?:0+|9+)(?!\d)|1|2|3|4|5"
)


def _part(code: str, moment: datetime, nanos: int) -> str:
    if code[0] in ".,":
        digits = f"{nanos:09d}"[: len(code) - 1].ljust(len(code) - 1, "0")
        if code[1] == "9":
            digits = digits.rstrip("0")
            return code[0] + digits if digits else ""
        return code[0] + digits
    if code[0] == "-" or code[0] == "Z":
        return _offset(code, moment)
    return _PARTS[code](moment)


def _offset(code: str, moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    if code[0] == "Z" and not offset:
        return "Z"
    seconds = int(offset.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    parts = [f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}"]
    count = len(code.replace(":", "")[1:]) // 2
    return sign + (":" if ":" in code else "").join(parts[:count])


def _zone_name(moment: datetime) -> str:
    return moment.tzname() or _offset("-0700", moment)


_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "January": lambda t: _MONTHS[t.month - 1],
    "Jan": lambda t: _MONTHS[t.month - 1][:3],
    "1": lambda t: str(t.month),
    "01": lambda t: f"{t.month:02d}",
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS[t.weekday()][:3],
    "2": lambda t: str(t.day),
    "_2": lambda t: f"{t.day:2d}",
    "02": lambda t: f"{t.day:02d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "15": lambda t: f"{t.hour:02d}",
    "3": lambda t: str(t.hour % 12 or 12),
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "4": lambda t: str(t.minute),
    "04": lambda t: f"{t.minute:02d}",
    "5": lambda t: str(t.second),
    "05": lambda t: f"{t.second:02d}",
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": _zone_name,
}
