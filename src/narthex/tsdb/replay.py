"""Filling the head at start: from its chunk files, the newest checkpoint of the log and the segments after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from narthex.errors import CorruptionError
from narthex.files.durable import map_file
from narthex.files.zstd import decompress
from narthex.native import Agent, Head, HeadReplay, LogKind, ReplayCounts
from narthex.tsdb.checkpoint import last_checkpoint
from narthex.tsdb.head_chunks import HeadChunkFiles
from narthex.tsdb.head_snapshot import HeadSnapshotPath, load_snapshot, usable_snapshot
from narthex.tsdb.metrics import WalMetrics
from narthex.tsdb.wal import Segment, fill_holes, list_segments, repair

log = logging.getLogger("narthex.tsdb.replay")


@dataclass(frozen=True)
class ReplayStatus:
    """Segment numbers, as /api/v1/status/walreplay shows them."""

    min: int = 0
    max: int = 0
    current: int = 0


Progress = Callable[[ReplayStatus], None]


@dataclass
class ReplayResult:
    seconds: float = 0.0
    chunk_seconds: float = 0.0
    """Of them, for the chunk files."""
    unclaimed_chunks: int = 0
    """Of series that the log does not know."""
    series: int = 0
    samples: int = 0
    """Floats and histograms."""
    old_samples: int = 0
    unknown_refs: int = 0
    tombstones: int = 0
    invalid_histograms: int = 0
    unknown_records: int = 0
    damaged: list[Path] = field(default_factory=list)
    snapshot_failed: bool = False
    status: ReplayStatus = field(default_factory=ReplayStatus)

    def add(self, counts: ReplayCounts) -> None:
        self.series += counts.series
        self.samples += counts.samples + counts.histograms
        self.old_samples += counts.old_samples
        self.unknown_refs += counts.unknown_refs
        self.tombstones += counts.tombstones
        self.invalid_histograms += counts.invalid_histograms
        self.unknown_records += counts.unknown_records


def replay(
    directory: Path,
    head: Head,
    chunks: HeadChunkFiles,
    metrics: WalMetrics,
    progress: Progress | None = None,
    *,
    snapshots_in: Path | None = None,
    repairing: bool = True,
) -> ReplayResult:
    """Reads `chunks` and the log in `directory` into an empty head and, unless told not to, repairs both where they are
    damaged. A snapshot in `snapshots_in` takes the place of the log before it, when everything fits.

    Samples before the head's min valid time are left out. Raises StorageError, CorruptionError.
    """
    started = time.perf_counter()
    result = ReplayResult()
    core = HeadReplay(head)
    whole = chunks.load(core, repairing)
    result.chunk_seconds = time.perf_counter() - started
    checkpoint = last_checkpoint(directory)
    if repairing:
        _fill_holes(directory, checkpoint.number + 1 if checkpoint else None, metrics)
    # Where chunks were left out, samples before the snapshot have to come from the log.
    begin = _begin_with_snapshot(snapshots_in, directory, core, result) if snapshots_in and whole else None
    first = begin.segment if begin else 0
    if checkpoint and checkpoint.number >= first:
        first = checkpoint.number + 1
        _read_checkpoint(checkpoint, core, result, metrics, repairing)
    segments = [s for s in list_segments(directory) if s.number >= first]
    _replay_all(core, segments, result, metrics, progress, repairing, begin)
    result.unclaimed_chunks = core.finish()
    result.seconds = time.perf_counter() - started
    metrics.unknown_refs.inc(result.unknown_refs)
    _tell(directory, result)
    return result


def replay_out_of_order(
    directory: Path, head: Head, metrics: WalMetrics, progress: Progress | None = None, *, repairing: bool = True
) -> ReplayResult:
    """The same for the log of out-of-order samples, after `replay`. They are taken whatever their time is."""
    started = time.perf_counter()
    result = ReplayResult()
    core = HeadReplay(head, LogKind.OUT_OF_ORDER)
    _replay_all(core, list_segments(directory), result, metrics, progress, repairing)
    result.seconds = time.perf_counter() - started
    _tell(directory, result)
    return result


def replay_agent(directory: Path, agent: Agent, metrics: WalMetrics, progress: Progress | None = None) -> ReplayResult:
    """Reads the log in `directory` into an agent without series and repairs it where it is damaged.

    Raises StorageError, CorruptionError.
    """
    started = time.perf_counter()
    result = ReplayResult()
    checkpoint = last_checkpoint(directory)
    first = checkpoint.number + 1 if checkpoint else 0
    _fill_holes(directory, first if checkpoint else None, metrics)
    if checkpoint:
        _read_checkpoint(checkpoint, agent, result, metrics, repairing=True)
    segments = [s for s in list_segments(directory) if s.number >= first]
    _replay_all(agent, segments, result, metrics, progress, repairing=True)
    result.seconds = time.perf_counter() - started
    metrics.unknown_refs.inc(result.unknown_refs)
    _tell(directory, result)
    return result


def _read_checkpoint(
    checkpoint: Segment, core: HeadReplay | Agent, result: ReplayResult, metrics: WalMetrics, repairing: bool
) -> None:
    if repairing:
        _fill_holes(checkpoint.path, 0, metrics)
    for segment in list_segments(checkpoint.path):
        _replay(core, segment, result, metrics, repairing)


def _replay_all(
    core: HeadReplay | Agent,
    segments: Sequence[Segment],
    result: ReplayResult,
    metrics: WalMetrics,
    progress: Progress | None,
    repairing: bool,
    begin: HeadSnapshotPath | None = None,
) -> None:
    last = segments[-1].number if segments else 0
    for segment in segments:
        result.status = ReplayStatus(min=segments[0].number, max=last, current=segment.number)
        if progress:
            progress(result.status)
        offset = begin.offset if begin and begin.segment == segment.number else 0
        _replay(core, segment, result, metrics, repairing, offset)


def _fill_holes(directory: Path, first: int | None, metrics: WalMetrics) -> None:
    for path in fill_holes(directory, first):
        metrics.corruptions.inc()
        log.error("Log segment is missing; what it held is lost, the rest is kept", extra={"file": str(path)})


def _begin_with_snapshot(data: Path, wal: Path, core: HeadReplay, result: ReplayResult) -> HeadSnapshotPath | None:
    """The snapshot that was read; None when there is none to use."""
    started = time.perf_counter()
    try:
        if (snapshot := usable_snapshot(data, wal)) is None:
            return None
        series, samples = load_snapshot(snapshot, core)
    except CorruptionError as e:
        result.snapshot_failed = True
        log.error("Head snapshot cannot be used; the whole log is replayed", extra={"err": str(e)})
        return None
    result.series += series
    result.samples += samples
    seconds = f"{time.perf_counter() - started:.3f}s"
    log.info("Head snapshot read", extra={"file": str(snapshot.path), "series": series, "duration": seconds})
    return snapshot


def _replay(
    core: HeadReplay | Agent,
    segment: Segment,
    result: ReplayResult,
    metrics: WalMetrics,
    repairing: bool,
    offset: int = 0,
) -> None:
    """A damaged segment is read as far as it goes, behind the damage as well, and replaced by what is sound."""
    data = map_file(segment.path)
    counts = core.segment(memoryview(data)[offset:], decompress)
    result.add(counts)
    if not counts.faults:
        return
    metrics.corruptions.inc()
    result.damaged.append(segment.path)
    sound = core.salvage(data, decompress)
    log.error(
        "Log is damaged; what the damage touched is lost, the rest is kept",
        extra={
            "file": str(segment.path),
            "offset": offset + counts.good_end,
            "err": counts.fault,
            "places": counts.faults,
            "bytes": len(data),
            "sound_bytes": len(sound),
        },
    )
    if repairing:
        repair(segment, sound)


def _tell(directory: Path, result: ReplayResult) -> None:
    if result.unknown_refs:
        log.warning("Log names series that no record describes", extra={"samples": result.unknown_refs})
    if result.invalid_histograms:
        log.warning("Native histograms in the log make no sense", extra={"samples": result.invalid_histograms})
    if result.unknown_records:
        log.warning(
            "Log holds records of unknown types, which are passed over", extra={"records": result.unknown_records}
        )
    if result.unclaimed_chunks:
        log.warning("Head chunks of series that the log does not know", extra={"chunks": result.unclaimed_chunks})
    log.info(
        "Log replayed",
        extra={
            "log": directory.name,
            "duration": f"{result.seconds:.3f}s",
            "chunk_files": f"{result.chunk_seconds:.3f}s",
            "series": result.series,
            "samples": result.samples,
            "deletions": result.tombstones,
            "segments": f"{result.status.min}..{result.status.max}",
        },
    )
