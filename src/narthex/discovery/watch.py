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

    def add(self, key: object, directories: frozenset[Path], changed: Callable[[], None]) -> None:
        """Registers (or registers anew) a listener."""
        self._listeners[key] = (directories, changed)
        self._adjust()

    def remove(self, key: object) -> None:
        self._listeners.pop(key, None)
        self._adjust()

    def _adjust(self) -> None:
        wanted = frozenset(d for directories, _ in self._listeners.values() for d in directories if d.is_dir())
        if wanted == self._watched:
            return
        if self._stop is not None:
            self._stop.set()
            self._stop = None
        self._watched = wanted
        if wanted:
            self._stop = asyncio.Event()
            self._tasks.start("watch", self._watch(wanted, self._stop))

    async def _watch(self, directories: frozenset[Path], stop: asyncio.Event) -> None:
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
