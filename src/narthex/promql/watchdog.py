"""Stops queries that run out of time: one thread for all queries of an engine."""

from __future__ import annotations

import math
import threading
import time
from types import TracebackType

from narthex.native import QueryBudget


class Watch:
    """One query under watch; a context manager. `expired` tells whether the watchdog stopped it."""

    __slots__ = ("_dog", "budget", "deadline", "expired")

    def __init__(self, dog: Watchdog, budget: QueryBudget, deadline: float) -> None:
        self._dog, self.budget, self.deadline = dog, budget, deadline
        self.expired = False

    def __enter__(self) -> Watch:
        self._dog.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._dog.forget(self)


class Watchdog:
    """Cancels budgets at their deadlines (seconds on the monotonic clock). The thread starts with the first query.

    The thread is woken only for a deadline before the one it waits for. Queries end long before their deadlines, so
    that under a steady stream of them it wakes once in a timeout, not once a query.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._watched: set[Watch] = set()
        self._wakes = math.inf  # when the thread looks next
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, budget: QueryBudget, timeout_s: float) -> Watch:
        return Watch(self, budget, time.monotonic() + timeout_s)

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watched.add(watch)
            if watch.deadline < self._wakes:
                self._wakes = watch.deadline
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="promql-watchdog", daemon=True)
                self._thread.start()

    def forget(self, watch: Watch) -> None:
        """A watched query is done."""
        with self._changed:
            self._watched.discard(watch)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for watch in [watch for watch in self._watched if watch.deadline <= now]:
                    self._watched.discard(watch)
                    watch.expired = True
                    watch.budget.cancel()
                self._wakes = min((watch.deadline for watch in self._watched), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)
