"""Checkpoints: what is still needed of old log segments, in a directory of its own."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.files.durable import map_file, new_directory
from narthex.files.zstd import compress, decompress
from narthex.native import CheckpointCounts, WalCheckpoint
from narthex.tsdb.metrics import WalMetrics
from narthex.tsdb.wal import Segment, list_segments, segment_name

log = logging.getLogger("narthex.tsdb.checkpoint")

PREFIX = "checkpoint."
TEMPORARY = ".tmp"


def checkpoints(directory: Path) -> list[Segment]:
    """Finished checkpoints in order; the number is that of the last segment each one covers."""
    if not directory.is_dir():
        return []
    return sorted(
        Segment(int(p.name.removeprefix(PREFIX)), p)
        for p in directory.iterdir()
        if p.name.startswith(PREFIX) and p.name.removeprefix(PREFIX).isdigit() and p.is_dir()
    )


def last_checkpoint(directory: Path) -> Segment | None:
    found = checkpoints(directory)
    return found[-1] if found else None


def remove_temporary(directory: Path) -> None:
    """Removes checkpoints and repaired segments that a crash left unfinished. Raises StorageError."""
    try:
        for path in directory.glob("*" + TEMPORARY):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as e:
        raise StorageError(f"{directory}: cannot remove an unfinished file: {e}") from e


def write_checkpoint(
    directory: Path,
    last: int,
    refs: NDArray[np.uint64],
    mint: int,
    segment_size: int,
    metrics: WalMetrics,
    compression: str = "snappy",
) -> CheckpointCounts:
    """Writes the checkpoint that stands for the old one and the segments up to `last`, durably.

    Kept are the series in `refs` and everything at or after `mint` (milliseconds). Nothing is removed. Damage is logged
    and counted, what it did not touch is kept. Raises StorageError (the unfinished directory is removed).
    """
    target = directory / f"{PREFIX}{last:08d}"
    core = WalCheckpoint(refs, mint, compression, compress)
    try:
        with new_directory(target, TEMPORARY, replace=True) as temporary, RecordFiles(temporary, segment_size) as out:
            for path in _sources(directory, last):
                before = core.counts.faults
                core.segment(map_file(path), decompress)
                if core.counts.faults > before:
                    metrics.corruptions.inc()
                    log.error("Log is damaged; the checkpoint holds the rest", extra={"file": str(path)})
                out.write(core)
            core.finish()
            out.write(core)
    except OSError as e:
        raise StorageError(f"{target}: cannot write the checkpoint: {e}") from e
    return core.counts


def remove_before(directory: Path, index: int, metrics: WalMetrics) -> None:
    """Removes checkpoints older than `index`. A failure is logged and counted: the next one tries again."""
    for checkpoint in checkpoints(directory):
        if checkpoint.number >= index:
            continue
        metrics.checkpoint_deletions.inc()
        try:
            shutil.rmtree(checkpoint.path)
        except OSError as e:
            metrics.checkpoint_deletions_failed.inc()
            log.warning("Cannot remove an old checkpoint", extra={"file": str(checkpoint.path), "err": str(e)})


def _sources(directory: Path, last: int) -> Iterator[Path]:
    first = 0
    if old := last_checkpoint(directory):
        first = old.number + 1
        for segment in list_segments(old.path):
            yield segment.path
    for segment in list_segments(directory):
        if first <= segment.number <= last:
            yield segment.path


class RecordSource(Protocol):
    """Framed records that come bit by bit: the core's WalCheckpoint and HeadSnapshot."""

    def take(self) -> bytes:
        """Bytes since the last call."""

    def fill_page(self) -> None:
        """Zeros to the end of the page, before the output goes on in another file."""


class RecordFiles:
    """Segments in a directory of their own, synced. Raises OSError."""

    def __init__(self, directory: Path, segment_size: int) -> None:
        self._directory, self._segment_size = directory, segment_size
        self._index, self._position = 0, 0
        self._file = (directory / segment_name(0)).open("xb")

    def __enter__(self) -> RecordFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, core: RecordSource) -> None:
        if self._position > 0 and self._position >= self._segment_size:
            core.fill_page()
            self._put(core.take())
            self._close()
            self._index += 1
            self._position = 0
            self._file = (self._directory / segment_name(self._index)).open("xb")
        else:
            self._put(core.take())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)

    def _close(self) -> None:
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
