"""Head snapshots (`chunk_snapshot.SEGMENT.OFFSET/`), written at a clean stop: the next start need not replay the log.

A snapshot stands for the log up to a place; docs/formats/snapshot.md has the bytes. Records come from the core.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from narthex.errors import CorruptionError
from narthex.files.durable import map_file, new_directory
from narthex.files.zstd import decompress
from narthex.native import Head, HeadReplay, HeadSnapshot
from narthex.tsdb.checkpoint import RecordFiles, last_checkpoint
from narthex.tsdb.wal import PAGE, list_segments

log = logging.getLogger("narthex.tsdb.snapshot")

PREFIX = "chunk_snapshot."
TEMPORARY = ".tmp"


class HeadSnapshotPath(NamedTuple):
    """A snapshot and the place in the log up to which it holds: a segment and the bytes of it."""

    segment: int
    offset: int
    path: Path


def snapshots(data: Path) -> list[HeadSnapshotPath]:
    """Finished snapshots of a data directory, oldest first."""
    found = []
    for path in data.glob(PREFIX + "*"):
        segment, _, offset = path.name.removeprefix(PREFIX).partition(".")
        if segment.isdigit() and offset.isdigit() and path.is_dir():
            found.append(HeadSnapshotPath(int(segment), int(offset), path))
    return sorted(found)


def remove_snapshots(data: Path, keep: Path | None = None) -> None:
    """Removes all but `keep`, unfinished ones too. A failure is logged: they are never taken for newer ones."""
    for path in data.glob(PREFIX + "*"):
        if path == keep or not path.is_dir():
            continue
        try:
            shutil.rmtree(path)
        except OSError as e:
            log.warning("Cannot remove an old head snapshot", extra={"file": str(path), "err": str(e)})


def usable_snapshot(data: Path, wal: Path) -> HeadSnapshotPath | None:
    """The newest snapshot, when the log reaches the place that it stands for, and still begins before it.

    A checkpoint behind that place has all that is needed, and not the series that were dropped since: taken from the
    snapshot their references would be used on without a record in the log. Raises CorruptionError.
    """
    newest = next(reversed(snapshots(data)), None)
    if newest is None:
        return None
    checkpoint = last_checkpoint(wal)
    if checkpoint and checkpoint.number >= newest.segment:
        return None
    size = next((s.path.stat().st_size for s in list_segments(wal) if s.number == newest.segment), -1)
    if size >= newest.offset and newest.offset % PAGE == 0:
        return newest
    log.warning("Head snapshot does not match the log and is not used", extra={"file": str(newest.path)})
    return None


def load_snapshot(snapshot: HeadSnapshotPath, replay: HeadReplay) -> tuple[int, int]:
    """Gives a snapshot to a replay; returns its numbers of series and samples.

    Raises CorruptionError: then the whole log has to be replayed, which what was read by then does not disturb.
    """
    series = samples = 0
    try:
        for segment in list_segments(snapshot.path):
            counts = replay.snapshot(map_file(segment.path), decompress)
            if counts.fault:
                raise CorruptionError(f"{segment.path}: {counts.fault}")
            series += counts.series
            samples += counts.samples + counts.histograms
    except OSError as e:
        raise CorruptionError(f"{snapshot.path}: {e}") from e
    return series, samples


def write_snapshot(data: Path, core: Head, segment: int, offset: int, segment_size: int) -> Path:
    """Writes what `core` holds beside its chunk files and removes older snapshots. Raises OSError.

    Nobody may append any more, all closed chunks must be in files, and the log ends at `offset` of `segment`.
    """
    started = time.perf_counter()
    target = data / f"{PREFIX}{segment:06d}.{offset:010d}"
    source = HeadSnapshot(core)
    with new_directory(target, TEMPORARY, replace=True) as temporary, RecordFiles(temporary, segment_size) as out:
        while source.step():
            out.write(source)
    remove_snapshots(data, keep=target)
    log.info(
        "Head snapshot written",
        extra={"file": str(target), "series": source.series, "duration": f"{time.perf_counter() - started:.3f}s"},
    )
    return target
