"""The clock as a value that is passed in, so that tests can jump."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and sleeping. Only `app` chooses the real one."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Suspends the task; at once when seconds <= 0."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> Awaitable[None]:
        return asyncio.sleep(max(0.0, seconds))


def milliseconds(seconds: float) -> int:
    """Seconds to the integer milliseconds in which samples are stamped."""
    return round(seconds * 1000)
