"""The head's closed chunks as files (`chunks_head/`): written about once a minute, read through mappings, removed as a
whole when nothing in them is needed. docs/formats/head-chunks.md has the bytes; entries come from the core.

The files repeat samples that the logs hold, so they need no sync and may be lost.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from narthex.errors import StorageError
from narthex.files.durable import map_file, sync_directory
from narthex.instrument.registry import Registry
from narthex.native import Head, HeadReplay

log = logging.getLogger("narthex.tsdb.head_chunks")

HEADER = bytes.fromhex("0130bc91 01 000000")
FILE_SIZE = 128 * 1024 * 1024


class HeadChunkMetrics:
    def __init__(self, registry: Registry, size: Callable[[], int]) -> None:
        """`size` gives the bytes of the directory."""
        registry.gauge(
            "prometheus_tsdb_head_chunks_storage_size_bytes", "Size of the chunks_head directory."
        ).set_function(size)
        self.mapped = registry.counter(
            "prometheus_tsdb_mmap_chunks_total", "Total number of chunks that were memory-mapped."
        )
        self.corruptions = registry.counter(
            "prometheus_tsdb_mmap_chunk_corruptions_total", "Total number of memory-mapped chunk corruptions."
        )
        self.write_failures = registry.counter(
            "narthex_tsdb_head_chunk_write_failures_total",
            "Attempts to write closed chunks of the head to files that failed; the chunks stay in memory meanwhile.",
        )


class HeadChunkFiles:
    """The directory of an open head. Callers serialize all methods but `size`."""

    def __init__(self, directory: Path, registry: Registry) -> None:
        self.directory = directory
        self.metrics = HeadChunkMetrics(registry, self.size)
        self._number = max(chunk_files(directory), default=0)
        self._fd = -1
        self._position = 0
        self._unmapped = False

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for path in chunk_files(self.directory).values():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total

    def load(self, replay: HeadReplay, repairing: bool) -> bool:
        """Gives all files to a replay, up to damage; from there on they are cut off, when `repairing`. The log has
        those samples, too. Gives whether nothing was left out.

        Raises StorageError when files cannot be read or repaired.
        """
        files = chunk_files(self.directory)
        whole = True
        try:
            self._drop_empty_last(files, repairing)
            numbers = sorted(files)
            for at, number in enumerate(numbers):
                if at > 0 and number != numbers[at - 1] + 1:
                    whole = False
                    self._damaged(files[number], f"file {number - 1:06d} before it is missing")
                    if repairing:
                        self._cut_off(files, numbers[at:], 0)
                    break
                counts = replay.chunk_file(number, map_file(files[number]))
                if counts.overlapping or counts.unusable:
                    whole = False
                    log.warning(
                        "Head chunks left out; the log has their samples",
                        extra={
                            "file": str(files[number]),
                            "overlapping": counts.overlapping,
                            "unusable": counts.unusable,
                        },
                    )
                if counts.fault:
                    whole = False
                    self._damaged(files[number], counts.fault)
                    if repairing:
                        self._cut_off(files, numbers[at:], counts.good_end)
                    break
        except OSError as e:
            raise StorageError(f"{self.directory}: cannot read the head's chunks: {e}") from e
        self._number = max(files, default=0)
        return whole

    def write(self, core: Head) -> None:
        """Moves what closed since the last call from memory to the newest file.

        Raises StorageError, counted; what could not be written stays in memory for the next call.
        """
        try:
            for page, data in core.unwritten_chunks():
                if self._fd < 0 or self._position + len(data) > FILE_SIZE:
                    self._map(core)
                    self._begin_file()
                self._append(data.data)
                core.chunks_written(page, self._number, self._position - len(data))
                self._unmapped = True
            self._map(core)
        except OSError as e:
            self.metrics.write_failures.inc()
            raise StorageError(f"{self.directory}: cannot write chunks of the head: {e.strerror}") from e

    def remove_unneeded(self, core: Head) -> None:
        """Removes the oldest files as far as they hold no chunk of the head. Raises StorageError."""
        oldest = core.oldest_chunk_file(self._number + 1)
        try:
            self._end_file()  # so that it can go next time
            removed = [path for number, path in sorted(chunk_files(self.directory).items()) if number < oldest]
            for path in removed:
                path.unlink()
            if removed:
                sync_directory(self.directory)
        except OSError as e:
            raise StorageError(f"{self.directory}: cannot remove old head chunks: {e}") from e

    def close(self, core: Head) -> None:
        """Writes the rest and syncs. Raises StorageError; files are closed either way."""
        try:
            self.write(core)
        finally:
            try:
                self._end_file()
            except OSError as e:
                raise StorageError(f"{self.directory}: cannot sync chunks of the head: {e.strerror}") from e

    def _begin_file(self) -> None:
        self._end_file()
        self.directory.mkdir(exist_ok=True)
        path = self.directory / f"{self._number + 1:06d}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._number += 1
        self._position = 0
        self._append(memoryview(HEADER))

    def _end_file(self) -> None:
        fd, self._fd, self._position = self._fd, -1, 0
        if fd < 0:
            return
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _append(self, data: memoryview) -> None:
        rest = data
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            # Half an entry would end the file for every reader.
            os.ftruncate(self._fd, self._position)
            os.lseek(self._fd, self._position, os.SEEK_SET)
            raise
        self._position += len(data)

    def _map(self, core: Head) -> None:
        """One mapping a file: it takes the place of the shorter one before."""
        if not self._unmapped:
            return
        content = map_file(self.directory / f"{self._number:06d}")
        self.metrics.mapped.inc(core.map_chunks(self._number, content))
        self._unmapped = False

    def _damaged(self, path: Path, fault: str) -> None:
        self.metrics.corruptions.inc()
        log.error(
            "Head chunk file is damaged; from there on the log is replayed", extra={"file": str(path), "err": fault}
        )

    def _drop_empty_last(self, files: dict[int, Path], repairing: bool) -> None:
        """A file that a crash left before its header reached the disk is no damage."""
        last = max(files, default=0)
        if not files:
            return
        with files[last].open("rb") as f:
            begin = f.read(4)
        if len(begin) < 4 or begin == bytes(4):
            path = files.pop(last)
            if repairing:
                path.unlink()

    def _cut_off(self, files: dict[int, Path], numbers: list[int], good_end: int) -> None:
        """Keeps `good_end` bytes of the first file and none of the others: what follows damage may build on it."""
        for number in reversed(numbers):
            path = files[number]
            if number == numbers[0] and good_end > len(HEADER):
                os.truncate(path, good_end)
            else:
                files.pop(number).unlink()
        sync_directory(self.directory)


def chunk_files(directory: Path) -> dict[int, Path]:
    """Files by their number; empty without the directory."""
    if not directory.is_dir():
        return {}
    return {int(p.name): p for p in directory.iterdir() if p.name.isascii() and p.name.isdigit() and p.is_file()}
