"""The head with its log: transactions, selections, truncation. The data lies in the core (`core/head/`)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from narthex.errors import StorageError
from narthex.files.zstd import compress
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.native import Head as CoreHead
from narthex.native import (
    HeadCounts,
    HeadDeletion,
    HeadPart,
    HeadTransaction,
    LabelSets,
    SeriesBatch,
    StaleSeries,
    TextList,
)
from narthex.storage.contract import Exemplar
from narthex.tsdb.appender import LogAppender
from narthex.tsdb.checkpoint import remove_temporary
from narthex.tsdb.exemplars import select_exemplars
from narthex.tsdb.head_chunks import HeadChunkFiles
from narthex.tsdb.head_settings import DEFAULT_SETTINGS, HeadSettings
from narthex.tsdb.head_snapshot import remove_snapshots, write_snapshot
from narthex.tsdb.log_truncation import LogTruncation
from narthex.tsdb.metrics import HeadMetrics, WalMetrics
from narthex.tsdb.out_of_order import OutOfOrderLog
from narthex.tsdb.replay import Progress, ReplayResult, replay, replay_out_of_order
from narthex.tsdb.select import Planner, Term
from narthex.tsdb.wal import Wal, list_segments

log = logging.getLogger("narthex.tsdb.head")

WAL = "wal"
WBL = "wbl"
CHUNKS_HEAD = "chunks_head"

HeadView = tuple[int, int]
R = TypeVar("R")


class Head:
    """Newest samples in memory, each commit in the log first. Times are milliseconds.

    Safe for several threads. `open` replays and begins a new log segment.
    """

    def __init__(
        self,
        core: CoreHead,
        wal: Wal,
        late: OutOfOrderLog,
        chunk_files: HeadChunkFiles,
        metrics: HeadMetrics,
        wal_metrics: WalMetrics,
        settings: HeadSettings,
    ) -> None:
        self.settings = settings
        self.core, self.wal, self.late, self._chunk_files = core, wal, late, chunk_files
        self.metrics, self.wal_metrics = metrics, wal_metrics
        self._planner = Planner(core)
        self._commits = threading.Lock()
        self._log_truncation = LogTruncation(wal, wal_metrics, self._commits)
        self.written: Callable[[], None] = lambda: None
        """Called after each commit, for those who follow the log."""
        self._log_floor: int | None = None  # where memory begins since a truncation that the log does not follow yet

    @classmethod
    def open(
        cls,
        path: Path,
        registry: Registry,
        chunk_range: int,
        segment_size: int,
        min_valid_time: int | None = None,
        progress: Progress | None = None,
        settings: HeadSettings = DEFAULT_SETTINGS,
    ) -> tuple[Head, ReplayResult]:
        """Fills a head from the data directory `path`. `min_valid_time`: where the blocks end. Raises StorageError."""
        directory = path / WAL
        core = CoreHead(chunk_range, settings.out_of_order_cap)
        _set_encoding(core, settings)
        core.set_max_exemplars(settings.max_exemplars)
        if min_valid_time is not None:
            core.set_min_valid_time(min_valid_time)
        wal_metrics = WalMetrics(registry)
        metrics = HeadMetrics(registry, core)
        remove_temporary(directory)
        chunk_files = HeadChunkFiles(path / CHUNKS_HEAD, registry)
        snapshots_in = path if settings.snapshot_on_shutdown else None
        result = replay(directory, core, chunk_files, wal_metrics, progress, snapshots_in=snapshots_in)
        metrics.snapshot_errors.inc(result.snapshot_failed)
        if not settings.snapshot_on_shutdown:
            remove_snapshots(path)  # the log has it all, and goes on
        late = OutOfOrderLog(path / WBL, segment_size, registry)
        seconds = result.seconds
        if late.holds_samples():
            again = replay_out_of_order(late.directory, core, wal_metrics, progress)
            metrics.late_unknown_refs.inc(again.unknown_refs)
            seconds += again.seconds
            late.open()
        metrics.replay_duration.set(seconds)
        wal = Wal(directory, segment_size, wal_metrics)
        return cls(core, wal, late, chunk_files, metrics, wal_metrics, settings), result

    def set_xor2(self, on: bool) -> None:
        """Whether floats go to XOR2 chunks from the next chunk on. Raises StorageError when start times are stored."""
        settings = replace(self.settings, xor2=on)
        _set_encoding(self.core, settings)
        self.settings = settings

    def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], mint: int, maxt: int
    ) -> list[tuple[Labels, list[Exemplar]]]:
        """storage.contract.ExemplarQuerier."""
        return select_exemplars(self.core, matcher_sets, mint, maxt)

    def appender(self) -> LogAppender:
        return LogAppender(self, self.core.transaction())

    def commit(self, transaction: HeadTransaction) -> None:
        """Logs first, then memory. Raises StorageError with nothing visible."""
        how = self.settings.wal_compression
        with self._commits:
            logged = self.wal.write(lambda position: transaction.encode(position, how, compress))
            if self.late.is_open:
                try:
                    self.late.write(lambda position: transaction.encode_out_of_order(position, how, compress))
                except StorageError:
                    self.wal.take_back(logged)
                    raise
            transaction.apply()
        self.written()

    def counts(self) -> HeadCounts:
        return self.core.counts()

    def overlaps(self, mint: int, maxt: int) -> bool:
        """Whether samples may lie in [mint, maxt]."""
        return _overlaps(self.core.counts(), mint, maxt)

    def querier(self, mint: int, maxt: int) -> HeadQuerier:
        return HeadQuerier(self.core, self._planner, mint, maxt)

    def delete(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> int:
        """Deletes samples in [mint, maxt] of matching series; gives the number of series that had some.

        Logs first, then memory. Raises StorageError with nothing deleted.
        """
        how = self.settings.wal_compression
        deletion = HeadDeletion(self.core)
        with self._commits:
            self.querier(mint, maxt).plan_deletion(matchers, deletion)
            logged = self.wal.write(lambda position: deletion.encode(position, how, compress))
            try:
                self.late.write(lambda position: deletion.encode(position, how, compress))
            except StorageError:
                self.wal.take_back(logged)
                raise
            deletion.apply()
        return deletion.series

    def set_out_of_order_window(self, window: int) -> None:
        """How much older than the newest sample of all a late one may be, in milliseconds; 0: none is taken.

        Raises StorageError when there can be no log of them; the window then stays as it was.
        """
        with self._commits:
            if window > 0:
                self.late.open()
            self.core.set_out_of_order_window(window)

    def begin_out_of_order_compaction(self) -> OutOfOrderPart | None:
        """What blocks are to take over now; None when there is nothing. Raises StorageError."""
        if not self.late.is_open:
            return None
        with self._commits:
            first_kept = self.late.cut()
            mint, maxt = self.core.begin_out_of_order_compaction()
        return OutOfOrderPart(mint, maxt, first_kept)

    def end_out_of_order_compaction(self, part: OutOfOrderPart) -> None:
        """Blocks hold `part` now: memory and log forget it. Raises StorageError, for the log alone."""
        self.core.end_out_of_order_compaction()
        self.late.sync_finished()
        self.late.remove_before(part.first_kept)

    def begin_stale_compaction(self) -> StaleSeries:
        """The series that ended, for blocks to take over: HeadPart.STALE."""
        return StaleSeries(self.core)

    def end_stale_compaction(self, stale: StaleSeries) -> None:
        """Blocks hold all samples of `stale` now: memory and log forget them. Raises StorageError, for the log alone: a
        restart then brings them back until the next truncation.
        """
        how = self.settings.wal_compression
        try:
            with self._commits:
                self._log_truncation.expire(stale.drop())
                self.wal.write(lambda position: stale.encode(position, how, compress))
        finally:
            stale.finish()

    def close_before(self, mint: int) -> None:
        """No commit, running ones included, stores anything in order before mint after this call returns."""
        with self._commits:
            self.core.set_min_valid_time(mint)

    def write_chunks(self) -> None:
        """Moves closed chunks from memory to files. A failure is logged and counted: they stay in memory meanwhile."""
        try:
            self._chunk_files.write(self.core)
        except StorageError as e:
            log.error("Closed chunks stay in memory", extra={"err": str(e)})

    def truncate(self, mint: int) -> None:
        """Forgets what ended before mint (a block holds it now). The log follows with `truncate_log`."""
        self.metrics.truncations.inc()
        started = time.perf_counter()
        dropped = self.core.truncate(mint)
        self.metrics.gc_duration.observe(time.perf_counter() - started)
        self._log_truncation.expire(dropped)
        self._log_floor = mint

    def truncate_log(self) -> None:
        """Brings the log after the truncations of memory since the last call, in one step: a checkpoint costs as much
        for one block as for several. Raises StorageError; the next call tries again."""
        if self._log_floor is None:
            return
        try:
            self._chunk_files.remove_unneeded(self.core)
            self._log_truncation.run(self.core.refs(), self._log_floor, self.settings.wal_compression)
        except StorageError:
            self.metrics.truncations_failed.inc()
            raise
        self._log_floor = None

    def close(self) -> None:
        """Raises StorageError if the log cannot be synced."""
        with self._commits:
            chunks_written = False
            try:
                self._chunk_files.close(self.core)
                chunks_written = True
            except StorageError as e:
                log.error("Closed chunks are not written; the log has them", extra={"err": str(e)})
            try:
                self.wal.close()
            finally:
                self.late.close()
            if self.settings.snapshot_on_shutdown and chunks_written:
                self._write_snapshot()

    def _write_snapshot(self) -> None:
        """A failure is logged: the next start replays the log."""
        newest = list_segments(self.wal.directory)[-1]
        try:
            offset = newest.path.stat().st_size
            write_snapshot(self.wal.directory.parent, self.core, newest.number, offset, self.wal.segment_size)
        except OSError as e:
            log.error("Head snapshot is not written", extra={"err": str(e)})


class OutOfOrderPart(NamedTuple):
    """Out-of-order samples that are being compacted: milliseconds, both inclusive."""

    mint: int
    maxt: int
    first_kept: int
    """The log segment in which newer ones are."""


def _overlaps(counts: HeadCounts, mint: int, maxt: int) -> bool:
    return (counts.min_time <= maxt and counts.max_time >= mint) or (
        counts.out_of_order_min_time <= maxt and counts.out_of_order_max_time >= mint
    )


def _set_encoding(core: CoreHead, settings: HeadSettings) -> None:
    if settings.store_starts and not settings.xor2:
        raise StorageError(
            'float chunk encoding "xor" is incompatible with start-timestamp storage; XOR chunks do not store start '
            'timestamps, use "xor2"'
        )
    core.set_encoding(
        xor2=settings.xor2,
        histogram_starts=settings.histogram_starts,
        store_starts=settings.store_starts,
        start_zeros=settings.start_zeros,
    )


class HeadQuerier:
    """storage.contract.Querier over the head alone."""

    warnings: Sequence[str] = ()

    def __init__(self, core: CoreHead, planner: Planner, mint: int, maxt: int) -> None:
        self._core, self._planner, self._mint, self._maxt = core, planner, mint, maxt

    def select(self, matchers: Sequence[Matcher], part: HeadPart = HeadPart.ALL) -> SeriesBatch:
        return self._planned(matchers, lambda view, terms: self._core.select(view, terms, self._mint, self._maxt, part))

    def plan_deletion(self, matchers: Sequence[Matcher], deletion: HeadDeletion) -> None:
        """Of everything that `select` gives."""
        self._planned(matchers, lambda view, terms: deletion.plan(view, terms, self._mint, self._maxt) or None)

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        return self._planned(
            matchers, lambda view, terms: self._core.select_labels(view, terms, self._mint, self._maxt, limit)
        )

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        if not matchers:
            return self._core.label_names(limit) if self._overlaps() else TextList([])
        return self._planned(
            matchers, lambda view, terms: self._core.matching_label_names(view, terms, self._mint, self._maxt, limit)
        )

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        if not matchers:
            return self._core.label_values(name, limit) if self._overlaps() else TextList([])
        return self._planned(
            matchers,
            lambda view, terms: self._core.matching_label_values(view, name, terms, self._mint, self._maxt, limit),
        )

    def close(self) -> None:
        """Nothing to let go: what was selected keeps its own hold on chunks."""

    def _overlaps(self) -> bool:
        return _overlaps(self._core.counts(), self._mint, self._maxt)

    def _planned(self, matchers: Sequence[Matcher], ask: Callable[[HeadView, list[Term]], R | None]) -> R:
        """Plans again when a truncation has renumbered the series between planning and selecting."""
        while True:
            view = self._core.view()
            answer = ask(view, self._planner.plan(matchers, view[0]))
            if answer is not None:
                return answer
