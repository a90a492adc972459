"""Threads for what blocks, so that the event loop (and with it every scrape) stays on time while queries run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from narthex.errors import MustWait, QueryCanceled, QueryTimeout
from narthex.tasks.paces import Paces
from narthex.tasks.waiting import PLACE
from narthex.web.sources import PreparedQuery, QueryAnswer

P = ParamSpec("P")
T = TypeVar("T")


_LOOKUPS, _LOOKUP_THREADS = 2, 16  # that compute at a time, and those that wait for other servers besides


class Workers:
    """A pool for queries behind a gate, and a small one for look-ups, so that long queries cannot starve them.

    `threads` is the number of queries that compute at a time; one that waits for another server lets the next compute.
    `concurrency` bounds those admitted, the rest waits.
    """

    def __init__(self, threads: int, concurrency: int) -> None:
        self._queries = ThreadPoolExecutor(max(threads, concurrency), "query")
        self._places = threading.Semaphore(threads)
        self._lookups = ThreadPoolExecutor(_LOOKUP_THREADS, "lookup")
        self._lookup_places = threading.Semaphore(_LOOKUPS)
        self._paces = Paces()
        self._concurrency = max(1, concurrency)
        self._gate = asyncio.Semaphore(self._concurrency)
        self._running: dict[int, PreparedQuery] = {}  # by identity
        self._stopped = False

    def quick_query(self, prepared: PreparedQuery) -> QueryAnswer | None:
        """The answer to a quick query that need not wait for its turn, without a thread. Raises what `run` raises."""
        return None if self._stopped or len(self._running) >= self._concurrency else prepared.quick()

    async def query(self, prepared: PreparedQuery, timeout: float) -> QueryAnswer:
        """Runs a query in a thread; `timeout` in seconds covers waiting too. A cancelled caller cancels the query.

        Raises QueryTimeout, QueryCanceled and what `run` raises.
        """
        if timeout <= 0:
            raise QueryTimeout("query timed out in query execution")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        await self._admit(timeout)
        self._running[id(prepared)] = prepared
        work = loop.run_in_executor(self._queries, _in_place, self._places, prepared.run)
        work.add_done_callback(partial(self._ended, prepared))
        timer = loop.call_at(deadline, prepared.cancel)
        try:
            # A cancelled caller must not free the place at the gate before the thread has ended.
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            prepared.cancel()
            raise
        except QueryCanceled:
            if loop.time() >= deadline:
                raise QueryTimeout("query timed out in expression evaluation") from None
            raise
        finally:
            timer.cancel()

    async def _admit(self, timeout: float) -> None:
        try:
            if self._gate.locked():
                await asyncio.wait_for(self._gate.acquire(), timeout)
            else:
                await self._gate.acquire()
        except TimeoutError:
            raise QueryTimeout("query timed out in query queue") from None
        if self._stopped:
            self._gate.release()
            raise QueryCanceled("query was canceled in query queue")

    def _ended(self, prepared: PreparedQuery, work: asyncio.Future[QueryAnswer]) -> None:
        del self._running[id(prepared)]
        self._gate.release()

    @property
    def running(self) -> int:
        return len(self._running)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a look-up (label names, statistics) in a thread of its own pool."""
        work = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._lookups, _in_place, self._lookup_places, work)

    def quick_look_up(self, key: Hashable, function: Callable[[], T]) -> T | None:
        """Does it at once when it was quick lately, as `key` tells it from others; else gives None."""
        if not self._paces.quick(key):
            return None
        try:
            return self._timed(key, function)
        except MustWait:
            self._paces.forget(key)
            return None

    async def look_up(self, key: Hashable, function: Callable[[], T]) -> T:
        """Like `call`, and remembers how long it took."""
        return await self.call(self._timed, key, function)

    def _timed(self, key: Hashable, function: Callable[[], T]) -> T:
        begun = self._paces.now()
        try:
            return function()
        finally:
            self._paces.took(key, self._paces.now() - begun)

    def stop(self) -> None:
        """Cancels what runs and takes nothing new; does not wait."""
        self._stopped = True
        for prepared in list(self._running.values()):
            prepared.cancel()
        self._queries.shutdown(wait=False, cancel_futures=True)
        self._lookups.shutdown(wait=False, cancel_futures=True)


def _in_place(places: threading.Semaphore, work: Callable[[], T]) -> T:
    with places:
        PLACE.set(places)
        return work()
