"""One watcher for all directories in which discovery files lie (each watch of its own would hold a thread)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchfiles import awatch

from narthex.discovery.metrics import DiscoveryMetrics
from narthex.tasks import Tasks

log = logging.getLogger(__name__)

DEBOUNCE_MS = 200
STEP_MS = 50


class DirectoryWatch:
    """Calls listeners when something in their directories changes. Missing directories are tried again on `add`.

    A missed event is possible (queues overflow, network mounts send none): listeners also read again now and then.
    """

    def __init__(self, tasks: Tasks, metrics: DiscoveryMetrics) -> None:
        self._tasks, self._metrics = tasks, metrics
        self._listeners: dict[object, tuple[frozenset[Path], Callable[[], None]]] = {}
        self._watched: frozenset[Path] = frozenset()
        self._stop: asyncio.Event | None = None
        self._adjusted: asyncio.Future[None] | None = None  # the change of the watch that is under way

    async def add(self, key: object, directories: frozenset[Path], changed: Callable[[], None]) -> None:
        """Registers (or registers anew) a listener. Changes are seen from the return on."""
        self._listeners[key] = (directories, changed)
        await asyncio.shield(self._soon())

    def remove(self, key: object) -> None:
        self._listeners.pop(key, None)
        self._soon()

    def _soon(self) -> asyncio.Future[None]:
        """Listeners that come together change the watch once."""
        if self._adjusted is None:
            loop = asyncio.get_running_loop()
            self._adjusted = loop.create_future()
            loop.call_soon(self._adjust, self._adjusted)
        return self._adjusted

    def _adjust(self, adjusted: asyncio.Future[None]) -> None:
        self._adjusted = None
        directories = frozenset[Path]().union(*(d for d, _ in self._listeners.values()))
        wanted = frozenset(directory for directory in directories if directory.is_dir())
        if wanted == self._watched or self._tasks.stopped:
            adjusted.set_result(None)
            return
        if self._stop is not None:
            self._stop.set()
            self._stop = None
        self._watched = wanted
        if not wanted:
            adjusted.set_result(None)
            return
        self._stop = asyncio.Event()
        self._tasks.start("watch", self._watch(wanted, self._stop, adjusted))

    async def _watch(self, directories: frozenset[Path], stop: asyncio.Event, begun: asyncio.Future[None]) -> None:
        begun.set_result(None)  # who waits for it runs after the watch is set up, in the first step of the loop below
        try:
            async for changes in awatch(
                *directories, watch_filter=None, debounce=DEBOUNCE_MS, step=STEP_MS, stop_event=stop, recursive=False
            ):
                self._tell({Path(path).parent for _, path in changes} | {Path(path) for _, path in changes})
        except (OSError, RuntimeError) as e:  # a watched directory went away, or the system has no watches left
            self._metrics.file_watch_errors.inc()
            log.error("discovery file: unable to watch directories, files are only re-read now and then: %s", e)
        finally:
            if self._stop is stop:
                self._stop, self._watched = None, frozenset()

    def _tell(self, changed: set[Path]) -> None:
        resolved = {_resolved(path) for path in changed}
        for directories, listener in list(self._listeners.values()):
            if any(_resolved(directory) in resolved for directory in directories):
                listener()


def _resolved(path: Path) -> Path:
    with suppress(OSError):
        return path.resolve()
    return path
