"""An event loop in a thread of its own, for work that other threads wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from narthex.tasks.loop import run_loop

T = TypeVar("T")


class LoopThread:
    """Runs until `stop`, which cancels what is under way."""

    def __init__(self, name: str) -> None:
        running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: run_loop(_until_stopped(running)), name=name, daemon=True)
        self._thread.start()
        self._loop, self._stopped = running.result()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Blocks until everything has ended."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()


async def _until_stopped(running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    stopped = asyncio.Event()
    running.set_result((asyncio.get_running_loop(), stopped))
    await stopped.wait()


def in_event_loop() -> bool:
    """Whether this thread runs one, so that nothing may be waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
