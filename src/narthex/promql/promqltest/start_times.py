"""Start-timestamp lines: `metric{a="b"}@st _ -1mx3 -30s+1sx2`, offsets relative to each sample's time."""

from __future__ import annotations

import re

from narthex.errors import PromQLError
from narthex.model.duration import parse_duration
from narthex.promql.syntax.series import MAX_VALUES

_DURATION = r"[+-]?[0-9]+[A-Za-wyz]*"
_ITEM = re.compile(rf"(?:(?P<gap>_)|(?P<base>{_DURATION})(?P<step>[+-]{_DURATION})?)(?:x(?P<times>[0-9]+))?")


def is_start_time_line(line: str) -> bool:
    """Whether the first word of a trimmed line ends with @st."""
    words = line.split(maxsplit=1)
    return len(words) == 2 and words[0].endswith("@st")


def parse_start_offsets(text: str) -> tuple[int | None, ...]:
    """Milliseconds, None for `_`. Raises PromQLError."""
    out: list[int | None] = []
    for item in text.split():
        m = _ITEM.fullmatch(item)
        if m is None:
            raise PromQLError(f"invalid start timestamp item {item!r}")
        times = int(m["times"][:12]) if m["times"] else 0
        if len(out) + times >= MAX_VALUES:
            raise PromQLError(f"start timestamps for more than {MAX_VALUES} samples")
        if m["gap"]:
            out += [None] * (times if m["times"] else 1)
            continue
        if m["step"] and not m["times"]:
            raise PromQLError(f"invalid start timestamp item {item!r}: expected x<count> after the step")
        base, step = _signed(m["base"]), _signed(m["step"]) if m["step"] else 0
        out += [base + i * step for i in range(times + 1)]
    return tuple(out)


def _signed(text: str) -> int:
    try:
        ms = parse_duration(text.lstrip("+-"))
    except ValueError as e:
        raise PromQLError(str(e)) from None
    return -ms if text.count("-") % 2 else ms
