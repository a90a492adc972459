"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """`narthex.clock.Clock` with manual time. Sleepers wake in the order of their deadlines."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._monotonic = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._slept = asyncio.Event()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + max(0.0, seconds), next(self._order), future))
        self._slept.set()
        await future

    async def sleeper(self) -> None:
        """Waits until somebody sleeps: for code that does something in a thread before."""
        async with asyncio.timeout(10):
            while all(future.done() for _, _, future in self._sleepers):
                self._slept.clear()
                await self._slept.wait()

    async def advance(self, seconds: float) -> None:
        """Lets time pass; everything that becomes due runs at its own instant."""
        end = self._monotonic + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            deadline, _, future = heapq.heappop(self._sleepers)
            self._move(max(deadline, self._monotonic))
            if not future.done():
                future.set_result(None)
                await self.settle()
        self._move(end)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """The wall clock jumps; nobody wakes."""
        self._now += seconds

    async def settle(self) -> None:
        """Runs the event loop until tasks that need no time have come to rest."""
        for _ in range(50):
            await asyncio.sleep(0)

    def _move(self, monotonic: float) -> None:
        self._now += monotonic - self._monotonic
        self._monotonic = monotonic
