"""Sizes in Prometheus' notation: 512MB, 10GiB, 0. Both spellings of a unit are powers of 1024."""

from __future__ import annotations

import re

_UNITS = {"B": 0, "KB": 1, "MB": 2, "GB": 3, "TB": 4, "PB": 5, "EB": 6}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([A-Za-z]*)")


def parse_size(text: str) -> int:
    """Bytes. "0" needs no unit, several parts add up (1GB512MB). Raises ValueError naming the unit that is unknown."""
    if text == "0":
        return 0
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            break
        unit = part[2][:-2] + "B" if part[2].endswith("iB") else part[2]
        if unit not in _UNITS:
            raise ValueError(f"units: unknown unit {part[2]} in {text}")
        total += float(part[1]) * 1024 ** _UNITS[unit]
        at = part.end()
    if at != len(text) or not text:
        raise ValueError(f"units: invalid {text}")
    if total >= 2**63:
        raise ValueError(f"units: {text} is out of range")
    return int(total)


def format_size(size: int) -> str:
    """Whole parts from the largest unit down: 536870912 -> 512MiB, 1610612736 -> 1GiB512MiB, 0 -> 0B."""
    parts = []
    for unit, power in reversed(_UNITS.items()):
        whole, size = divmod(size, 1024**power)
        if whole:
            parts.append(f"{whole}{unit[0]}iB" if power else f"{whole}B")
    return "".join(parts) or "0B"
