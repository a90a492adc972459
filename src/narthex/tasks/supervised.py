"""A group of long-running tasks that nobody awaits one by one: failures are logged and surfaced, stopping waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)


class Tasks:
    """Named tasks of one component.

    A task that raises is logged with its traceback, kept in `failures` and reported to `on_failure`; the others go on.
    `failed()` waits for the first failure, for owners that cannot live without their tasks. `stop()` cancels all and
    waits until each has ended; afterwards nothing can be started. Use it from one event loop.
    """

    def __init__(self, name: str, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self.name = name
        self.failures: list[tuple[str, BaseException]] = []
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed = asyncio.Event()
        self._stopped = False

    def __len__(self) -> int:
        """How many tasks run."""
        return len(self._tasks)

    @property
    def stopped(self) -> bool:
        """Whether stop has begun: nothing can be started any more."""
        return self._stopped

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine as a task. Raises RuntimeError after stop (and closes the coroutine)."""
        if self._stopped:
            work.close()
            raise RuntimeError(f"{self.name} is stopped: {name} cannot start")
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        log.error("task %s failed: %s", task.get_name(), error, exc_info=error)
        self.failures.append((task.get_name(), error))
        self._failed.set()
        if self._on_failure is not None:
            self._on_failure(task.get_name(), error)

    async def failed(self) -> BaseException:
        """Waits for the first failure (at once when there was one) and gives it."""
        await self._failed.wait()
        return self.failures[0][1]

    async def cancel(self, *tasks: asyncio.Task[Any]) -> None:
        """Cancels tasks and waits until all have ended. A failure on its way out is logged, not raised.

        Many at once: a wait takes some rounds of the event loop, and each of those lets all other work go first.
        """
        for task in tasks:
            task.cancel()
        await _ended(tasks)

    async def stop(self) -> None:
        """Cancels all tasks and waits until each has ended. Safe to call again."""
        self._stopped = True
        while self._tasks:
            await self.cancel(*self._tasks)

    async def __aenter__(self) -> Tasks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    if not tasks:
        return
    # wait() does not raise what the tasks raise, and lets the caller's own cancellation through.
    await asyncio.wait(tasks)
    await asyncio.sleep(0)  # done callbacks run in the next round of the loop
