"""How long to gather changes before the next round of work over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from narthex.clock import Clock


class Pace:
    """Spreads rounds out by what they cost: changes that come without end take a fixed share of the time at most.

    A cheap round is soon followed by the next, so that what changed shows at once. So is a long one after a cheap one:
    a first list says nothing about the changes that come after it.
    """

    def __init__(self, clock: Clock, *, shortest: float, longest: float, share: float) -> None:
        """A round is followed by a pause of its length, or that of the round before it when that was shorter, times
        (1 - share) / share, within these bounds (seconds)."""
        self._clock, self._shortest, self._longest = clock, shortest, longest
        self._factor = (1 - share) / share
        self._due = float("-inf")
        self._took = 0.0  # by the last round

    def wait_seconds(self) -> float:
        """How long the next round must still wait; 0 or less for one that is due."""
        return self._due - self._clock.monotonic()

    @contextmanager
    def round(self) -> Iterator[None]:
        """One round of work is the block inside."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            now = self._clock.monotonic()
            cost, self._took = min(now - start, self._took), now - start
            self._due = now + min(max(self._shortest, cost * self._factor), self._longest)
