"""Stops queries that run out of time: one thread for all queries of an engine."""

from __future__ import annotations

import heapq
import threading
import time
from types import TracebackType

from narthex.native import QueryBudget


class Watch:
    """One query under watch; a context manager. `expired` tells whether the watchdog stopped it."""

    def __init__(self, dog: Watchdog, budget: QueryBudget, deadline: float) -> None:
        self._dog, self.budget, self.deadline = dog, budget, deadline
        self.expired = False
        self.done = False

    def __lt__(self, other: Watch) -> bool:
        return self.deadline < other.deadline

    def __enter__(self) -> Watch:
        self._dog.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.done = True
        self._dog.forget()


class Watchdog:
    """Cancels budgets at their deadlines (seconds on the monotonic clock). The thread starts with the first query."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: list[Watch] = []
        self._thread: threading.Thread | None = None
        self._closed = False
        self._finished = 0

    def watch(self, budget: QueryBudget, timeout_s: float) -> Watch:
        return Watch(self, budget, time.monotonic() + timeout_s)

    def add(self, watch: Watch) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="promql-watchdog", daemon=True)
                self._thread.start()
            while self._watched and self._watched[0].done:
                heapq.heappop(self._watched)
            first = not self._watched or watch < self._watched[0]
            heapq.heappush(self._watched, watch)
            if first:
                self._changed.notify()

    def forget(self) -> None:
        """A watched query is done: the list of them is tidied once half of it is."""
        with self._changed:
            self._finished += 1
            if self._finished * 2 > len(self._watched):
                self._watched = [watch for watch in self._watched if not watch.done]
                heapq.heapify(self._watched)
                self._finished = 0

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                while self._watched and (self._watched[0].done or self._watched[0].deadline <= time.monotonic()):
                    watch = heapq.heappop(self._watched)
                    if not watch.done:
                        watch.expired = True
                        watch.budget.cancel()
                self._changed.wait(self._watched[0].deadline - time.monotonic() if self._watched else None)
