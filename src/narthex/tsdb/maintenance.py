"""When the regular work on a database is due."""

from __future__ import annotations

from collections.abc import Callable

from narthex.clock import Clock


class Interval:
    """True at most once an interval (seconds); always for 0."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._next = clock.monotonic() + seconds

    def due(self) -> bool:
        now = self._clock.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


class Delay:
    """Time between the moment from which something may happen and that at which it shall.

    Servers that share a disk or a CPU so do not all compact at the same minute. `draw` gives seconds, anew each time.
    """

    def __init__(self, clock: Clock, draw: Callable[[], float]) -> None:
        self._clock, self._draw = clock, draw
        self._end: float | None = None

    def over(self, ripe: bool) -> bool:
        """Once it is over it stays so until it was not ripe, so that work which waits is done at once."""
        if not ripe:
            self._end = None
            return False
        if self._end is None:
            self._end = self._clock.monotonic() + self._draw()
        return self._clock.monotonic() >= self._end
