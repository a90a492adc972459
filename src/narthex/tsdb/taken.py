"""Taking a data directory, so that no other server works on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from narthex.errors import StorageError
from narthex.files.lock import FileLock
from narthex.instrument.registry import Registry

LOCK = "lock"


@contextmanager
def taken(path: Path, registry: Registry, owner: str, no_lockfile: bool) -> Iterator[FileLock | None]:
    """Makes the directory and locks it, None with `no_lockfile`. The lock outlives the block unless that fails.

    `owner` is "tsdb" or "agent" and names the metric that tells how it went. Raises StorageError, also for an OSError
    of the block.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"{path}: cannot make the data directory: {e.strerror}") from e
    lock = None if no_lockfile else FileLock(path / LOCK)
    try:
        registry.gauge(
            f"prometheus_{owner}_clean_start",
            "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: lockfile creation was "
            "clean",
        ).set(-1 if lock is None else 0 if lock.existed else 1)
        yield lock
    except BaseException as e:
        if lock:
            lock.release()
        if isinstance(e, OSError):
            raise StorageError(f"{e.filename or path}: cannot open the database: {e.strerror}") from e
        raise
