"""The write-ahead log as files: segments that grow, are cut, synced, repaired and removed.

Framing and records are the core's (`core/wal/`); docs/formats/wal.md describes both.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from narthex.errors import CorruptionError, StorageError
from narthex.files.durable import sync_directory, write_durable
from narthex.tsdb.metrics import LogMetrics

log = logging.getLogger("narthex.tsdb.wal")

PAGE = 32 * 1024
MAX_HOLE = 1000  # segments


class Segment(NamedTuple):
    """A numbered part of the log: a segment file, or a checkpoint directory (numbered by the last one it covers)."""

    number: int
    path: Path


def list_segments(directory: Path) -> list[Segment]:
    """Segments in order. Raises CorruptionError when one in the middle is missing."""
    found = _numbered(directory)
    for before, after in itertools.pairwise(found):
        if after.number != before.number + 1:
            raise CorruptionError(f"{directory}: segment {before.number + 1:08d} is missing before {after.path.name}")
    return found


def _numbered(directory: Path) -> list[Segment]:
    if not directory.is_dir():
        return []
    return sorted(
        Segment(int(p.name), p) for p in directory.iterdir() if p.name.isascii() and p.name.isdigit() and p.is_file()
    )


def fill_holes(directory: Path, first: int | None) -> list[Path]:
    """Puts empty segments where some are missing between `first` (None: the first there is) and the last; gives those.

    What the missing ones held is lost, but nothing else has to be. Raises StorageError, and CorruptionError for a hole
    so large that rather a file is here by mistake.
    """
    found = [s.number for s in _numbered(directory) if first is None or s.number >= first]
    if first is not None and found and found[0] != first:
        found.insert(0, first - 1)
    made = []
    for before, after in itertools.pairwise(found):
        if after - before > MAX_HOLE:
            raise CorruptionError(f"{directory}: {after - before - 1} segments are missing before {after:08d}")
        made += [directory / segment_name(number) for number in range(before + 1, after)]
    try:
        for path in made:
            path.touch(exist_ok=False)
    except OSError as e:
        raise StorageError(f"{directory}: cannot repair the log: {e}") from e
    return made


def segment_name(index: int) -> str:
    return f"{index:08d}"


class Wal:
    """The open log: one file that takes commits. Callers serialize `write`, `cut` and `close`.

    A commit is one write(2), never a sync: a crash of the process loses nothing, a crash of the machine may lose what
    the kernel had not written yet. Finished segments are synced by `sync_finished`, which is meant for a worker thread.
    """

    def __init__(self, directory: Path, segment_size: int, metrics: LogMetrics) -> None:
        """Begins a new segment after the existing ones. Raises StorageError, CorruptionError."""
        self.directory = directory
        self.segment_size = segment_size
        self._metrics = metrics
        self._fd = -1
        self._position = self._pages = 0
        metrics.pages.set_function(lambda: self._pages)
        directory.mkdir(parents=True, exist_ok=True)
        existing = list_segments(directory)
        self.current = existing[-1].number if existing else -1
        self._finished: list[int] = []
        self._open_next()
        self.sync_finished()

    def write(self, encode: Callable[[int], bytes]) -> int:
        """Appends what `encode(position)` gives, in a new segment where it does not fit; returns its length.

        `encode` may be called twice. Raises StorageError; the log then ends where it ended before.
        """
        data = encode(self._position)
        if not data:
            return 0
        if self._position > 0 and self._position + len(data) > self.segment_size:
            self.cut()
            data = encode(0)
        self._append(data)
        self._pages += (self._position % PAGE + len(data)) // PAGE
        self._position += len(data)
        return len(data)

    def take_back(self, length: int) -> None:
        """Cuts off the last `length` bytes, which one `write` appended. Raises StorageError."""
        if length == 0 or self._fd < 0:
            return
        try:
            os.ftruncate(self._fd, self._position - length)
            self._position = os.lseek(self._fd, -length, os.SEEK_CUR)
        except OSError as e:
            self._failed(e)

    def cut(self) -> int:
        """Finishes the segment and begins the next one; gives the new number. Raises StorageError."""
        if self._fd >= 0:
            self._append(bytes(-self._position % PAGE))
            self._finished.append(self._fd)
            self._fd, self._position = -1, 0
        self._open_next()
        return self.current

    def sync_finished(self) -> None:
        """Makes finished segments, and the names of all, durable. Takes as long as the disk takes; any thread.

        Raises StorageError; what could not be synced is not tried again, as the kernel would not report it twice.
        """
        try:
            while self._finished:
                fd = self._finished.pop()
                started = time.perf_counter()
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
                self._metrics.fsync.observe(time.perf_counter() - started)
            sync_directory(self.directory)
        except OSError as e:
            self._failed(e)

    def close(self) -> None:
        """Fills the page, syncs and closes. Raises StorageError; the segment is left either way."""
        try:
            if self._fd >= 0:
                self._append(bytes(-self._position % PAGE))
        finally:
            if self._fd >= 0:
                self._finished.append(self._fd)
            self._fd, self._position = -1, 0
            self.sync_finished()

    def remove_before(self, index: int) -> None:
        """Removes segments below `index`. Raises StorageError."""
        try:
            for segment in list_segments(self.directory):
                if segment.number < min(index, self.current):
                    segment.path.unlink()
            sync_directory(self.directory)
        except OSError as e:
            raise StorageError(f"{self.directory}: cannot remove old segments: {e}") from e

    def _open_next(self) -> None:
        path = self.directory / segment_name(self.current + 1)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as e:
            self._failed(e)
        self.current += 1
        self._position = 0
        self._metrics.current_segment.set(self.current)

    def _append(self, data: bytes) -> None:
        if self._fd < 0:
            self._open_next()  # an earlier cut failed half-way
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as e:
            self._take_back(e)

    def _take_back(self, error: OSError) -> None:
        """A half-written record would end the log for every reader: cut it off, or leave the segment behind."""
        try:
            os.ftruncate(self._fd, self._position)
            os.lseek(self._fd, self._position, os.SEEK_SET)
        except OSError:
            log.exception("Cannot take back a failed write; the segment is left", extra={"segment": self.current})
            os.close(self._fd)
            self._fd = -1
            self._position = 0
        self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._metrics.write_failures.inc()
        raise StorageError(f"{self.directory}: cannot write the log: {error.strerror}") from error


def repair(damaged: Segment, sound: bytes) -> None:
    """Replaces a damaged segment by its sound records, so that the next reader finds no damage. Raises StorageError."""
    try:
        write_durable(damaged.path, sound)
    except OSError as e:
        raise StorageError(f"{damaged.path}: cannot repair the log: {e}") from e
