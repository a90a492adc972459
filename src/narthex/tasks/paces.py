"""Which requests are quick enough for the event loop: handing one to a thread costs more than a small one itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

QUICK_SECONDS = 0.001
"""Nothing may hold up scrapes for more than about two milliseconds; half of it is left for what a run may vary."""
FRESH_SECONDS = 300.0
"""Series come and files leave the page cache: what was quick longer ago must show it in a thread again."""
MOST_KEYS = 2048
WINDOW_MS = 2 * 3_600_000

Key = Hashable


def shape(times: tuple[int, ...]) -> tuple[int, ...]:
    """What decides the work of a query beside its text: the number of steps, and roughly when.

    `times` is one time, or start, end and step; milliseconds. Times of one block's usual width count as the same, since
    a run over other blocks may have to read them from the disk first.
    """
    if len(times) == 1:
        return (1, times[0] // WINDOW_MS)
    start, end, step = times
    return ((end - start) // step, start // WINDOW_MS, end // WINDOW_MS)


class Paces:
    """Remembers requests that were quick lately. Safe for concurrent use."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        """`now` gives seconds on a clock that never jumps."""
        self.now = now
        self._lock = threading.Lock()
        self._until: dict[Key, float] = {}

    def quick(self, key: Key) -> bool:
        """Whether a run will surely take no more than about QUICK_SECONDS."""
        until = self._until.get(key)
        return until is not None and self.now() < until

    def took(self, key: Key, seconds: float) -> None:
        """Notes how long a run took, waiting for disks and other threads included."""
        if seconds > QUICK_SECONDS:
            self.forget(key)
            return
        with self._lock:
            self._until.pop(key, None)
            self._until[key] = self.now() + FRESH_SECONDS
            if len(self._until) > MOST_KEYS:
                del self._until[next(iter(self._until))]

    def forget(self, key: Key) -> None:
        with self._lock:
            self._until.pop(key, None)
