"""With how many shards a queue should send: how fast samples come, how long sending takes, how far it is behind.

Numbers and shape are those of the Prometheus remote write tuning guide: moving averages over updates ten seconds apart,
a twentieth of what is behind is to be caught up each second, and changes below 30 % are not worth the interruption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

UPDATE_SECONDS = 10.0
SMOOTHING = 0.2
CATCH_UP = 0.05  # of what is behind, a second
TOLERANCE = 0.3
BEHIND_SECONDS = 10.0  # further behind than this, shards are never taken away


class Rate:
    """Exponentially weighted moving average of events a second."""

    def __init__(self) -> None:
        self.value = 0.0
        self._events, self._begun = 0.0, False

    def add(self, events: float) -> None:
        self._events += events

    def tick(self) -> None:
        """Every UPDATE_SECONDS."""
        now = self._events / UPDATE_SECONDS
        self._events = 0.0
        self.value = self.value + SMOOTHING * (now - self.value) if self._begun else now
        self._begun = True


@dataclass
class Resharding:
    """Feed `taken` (read from the log), `dropped` (of those, not to be sent), `sent` and `seconds` spent sending."""

    least: int
    most: int
    taken: Rate = field(default_factory=Rate)
    dropped: Rate = field(default_factory=Rate)
    sent: Rate = field(default_factory=Rate)
    seconds: Rate = field(default_factory=Rate)
    desired: float = 0.0
    """The number before limits and tolerance."""

    def wanted(self, shards: int, behind_seconds: float) -> int:
        """The number of shards to go on with, `shards` when a change is not worth it. Call every UPDATE_SECONDS."""
        for rate in (self.taken, self.dropped, self.sent, self.seconds):
            rate.tick()
        if self.sent.value <= 0:
            return shards
        kept = self.taken.value * self.sent.value / (self.dropped.value + self.sent.value)
        seconds_a_sample = self.seconds.value / self.sent.value
        self.desired = seconds_a_sample * (kept + CATCH_UP * behind_seconds * kept)
        wanted = math.ceil(self.desired)
        if shards * (1 - TOLERANCE) <= wanted <= shards * (1 + TOLERANCE):
            return shards
        if wanted < shards and behind_seconds > BEHIND_SECONDS:
            return shards
        return min(max(wanted, self.least), self.most)
