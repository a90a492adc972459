"""Waiting for what other processes do: asked again and again until a deadline. Logic of our own gets a FakeClock."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
TIMEOUT = 30.0  # seconds
PAUSE = 0.05  # seconds between questions


def wait_until(what: str, check: Callable[[], T], timeout: float = TIMEOUT) -> T:
    """The first truthy result of `check`; connection failures and broken JSON count as not yet."""
    for found in _asked(what, check, timeout):
        if found:
            return found
        time.sleep(PAUSE)
    raise AssertionError


async def until(what: str, check: Callable[[], T], timeout: float = TIMEOUT) -> T:
    """`wait_until` for a `check` that needs the event loop to go on meanwhile."""
    for found in _asked(what, check, timeout):
        if found:
            return found
        await asyncio.sleep(PAUSE)
    raise AssertionError


def _asked(what: str, check: Callable[[], T], timeout: float) -> Iterator[T | None]:
    deadline = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < deadline:
        found = None
        try:
            last = found = check()
        except (OSError, json.JSONDecodeError) as e:
            last = e
        yield found
    raise AssertionError(f"{what} did not happen within {timeout}s, last: {last!r}")
