"""Durations in Prometheus' notation: 1h30m, 15s, 100ms. Years have 365 days, weeks seven."""

from __future__ import annotations

_UNITS = (("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_MAX_MS = (2**63 - 1) // 1_000_000


def parse_duration(text: str) -> int:
    """Milliseconds. Units must descend and appear once each. Raises ValueError with Prometheus' wording."""
    if text == "":
        raise ValueError("empty duration string")
    if text == "0":
        return 0
    total, rest, last = 0, text, -1
    order = [u for u, _ in _UNITS] + ["ms"]
    sizes = dict(_UNITS) | {"ms": 1}
    while rest:
        digits = 0
        while digits < len(rest) and rest[digits].isascii() and rest[digits].isdigit():
            digits += 1
        unit = "ms" if rest.startswith("ms", digits) else rest[digits : digits + 1]
        if digits == 0 or unit not in sizes or order.index(unit) <= last:
            raise ValueError(f'not a valid duration string: "{text}"')
        last = order.index(unit)
        total += int(rest[:digits]) * sizes[unit]
        rest = rest[digits + len(unit) :]
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
