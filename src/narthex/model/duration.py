"""Durations in Prometheus' notation: 1h30m, 15s, 100ms. Years have 365 days, weeks seven."""

from __future__ import annotations

import re

_UNITS = (("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_SIZES = {unit: (place, size) for place, (unit, size) in enumerate((*_UNITS, ("ms", 1)))}
_PIECE = re.compile("([0-9]+)([^0-9.]+)")
_MAX_MS = (2**63 - 1) // 1_000_000


def parse_duration(text: str) -> int:
    """Milliseconds. Units must descend and appear once each. Raises ValueError with Prometheus' wording."""
    if text == "":
        raise ValueError("empty duration string")
    if text == "0":
        return 0
    total, at, last = 0, 0, -1
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            raise ValueError(f'not a valid duration string: "{text}"')
        amount, unit = piece.groups()
        if unit not in _SIZES:
            raise ValueError(f'unknown unit "{unit}" in duration "{text}"')
        place, size = _SIZES[unit]
        if place <= last or len(amount) > 19:
            raise ValueError(f'not a valid duration string: "{text}"')
        last = place
        total += int(amount) * size
        at = piece.end()
    if total > _MAX_MS:
        raise ValueError("duration out of range")
    return total


def format_duration(ms: int) -> str:
    """The shortest form: 90000 -> 1m30s, 604800000 -> 1w. y, w and d are used only for whole multiples."""
    if ms == 0:
        return "0s"
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    out = []
    for unit, size in _UNITS:
        if unit in "ywd" and ms % size:
            continue
        if ms >= size:
            out.append(f"{ms // size}{unit}")
            ms %= size
    if ms:
        out.append(f"{ms}ms")
    return sign + "".join(out)
