"""Things that go wrong on purpose, for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass

QUEUE_BURST, KV_FULL, ERROR_STORM, SLOW_DECODE = "queue-burst", "kv-full", "error-storm", "slow-decode"
FAULTS: dict[str, str] = {
    QUEUE_BURST: "eight times as many requests arrive",
    KV_FULL: "most KV-cache blocks are taken, so that sequences are preempted",
    ERROR_STORM: "a third of the requests fail with status 500",
    SLOW_DECODE: "iterations take six times as long, as on a throttled GPU",
}

BURST_FACTOR = 8.0
STORM_RATIO = 0.33
SLOW_FACTOR = 6.0
TAKEN_SHARE = 0.85


@dataclass(frozen=True)
class Window:
    """A fault from `start` to `end` (simulated seconds, end exclusive)."""

    name: str
    start: float
    end: float


class Faults:
    """The schedule of one server. Raises ValueError on an unknown name."""

    def __init__(self) -> None:
        self.windows: list[Window] = []

    def add(self, name: str, start: float, duration: float) -> Window:
        """`duration` may be infinite."""
        if name not in FAULTS:
            raise ValueError(f'unknown fault "{name}": use one of {", ".join(FAULTS)}')
        if not (math.isfinite(start) and start >= 0 and duration > 0):
            raise ValueError("a fault needs a start of at least 0 and a duration above 0")
        window = Window(name, start, start + duration)
        self.windows.append(window)
        return window

    def clear(self, now: float, name: str | None = None) -> None:
        """Ends the named fault, or all of them; what is still to come does not come."""
        kept = []
        for w in self.windows:
            if name not in (None, w.name) or w.end <= now:
                kept.append(w)
            elif w.start < now:
                kept.append(Window(w.name, w.start, now))
        self.windows = kept

    def active(self, name: str, now: float) -> bool:
        return any(w.name == name and w.start <= now < w.end for w in self.windows)

    def rate_factor(self, now: float) -> float:
        return BURST_FACTOR if self.active(QUEUE_BURST, now) else 1.0

    def error_ratio(self, usual: float, now: float) -> float:
        return STORM_RATIO if self.active(ERROR_STORM, now) else usual

    def time_factor(self, now: float) -> float:
        return SLOW_FACTOR if self.active(SLOW_DECODE, now) else 1.0

    def taken_blocks(self, blocks: int, now: float) -> int:
        return int(blocks * TAKEN_SHARE) if self.active(KV_FULL, now) else 0
