"""Waiting in a thread for what an event loop does, no longer than anybody wants the outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.1
"""How often a waiting thread looks whether its work is still wanted."""

GIVEN_UP: ContextVar[Callable[[], bool]] = ContextVar("GIVEN_UP", default=lambda: False)
"""Tells, in the thread that works for a query, whether it was cancelled or ran out of time."""

PLACE: ContextVar[threading.Semaphore | None] = ContextVar("PLACE", default=None)
"""What bounds how many threads compute at a time, in a thread that has a place; others have it while this one waits."""


def await_all(futures: Sequence[Future[T]]) -> bool:
    """Waits until all are done. Gives False, with the rest cancelled, once the work is given up."""
    if all(future.done() for future in futures):
        return True
    if (place := PLACE.get()) is None:
        return _await_all(futures)
    place.release()
    try:
        return _await_all(futures)
    finally:
        place.acquire()


def _await_all(futures: Sequence[Future[T]]) -> bool:
    given_up = GIVEN_UP.get()
    pending = set(futures)
    while pending:
        if given_up():
            for future in pending:
                future.cancel()
            return False
        pending = wait(pending, LOOK_SECONDS, FIRST_COMPLETED).not_done
    return True
