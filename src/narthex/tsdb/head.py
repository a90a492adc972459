"""The head with its log: transactions, selections, truncation. The data lies in the core (`core/head/`)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher
from narthex.native import Head as CoreHead
from narthex.native import HeadCounts, HeadTransaction, LabelSets, SeriesBatch, TextList
from narthex.tsdb.appender import LogAppender
from narthex.tsdb.checkpoint import remove_temporary
from narthex.tsdb.head_chunks import HeadChunkFiles
from narthex.tsdb.head_settings import DEFAULT_SETTINGS, HeadSettings
from narthex.tsdb.log_truncation import LogTruncation
from narthex.tsdb.metrics import HeadMetrics, WalMetrics
from narthex.tsdb.replay import Progress, ReplayResult, replay
from narthex.tsdb.select import Planner, Term
from narthex.tsdb.wal import Wal
from narthex.tsdb.zstd import compress

log = logging.getLogger("narthex.tsdb.head")

WAL = "wal"
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
        chunk_files: HeadChunkFiles,
        metrics: HeadMetrics,
        wal_metrics: WalMetrics,
        settings: HeadSettings,
    ) -> None:
        self.settings = settings
        self.core, self.wal, self._chunk_files = core, wal, chunk_files
        self.metrics, self.wal_metrics = metrics, wal_metrics
        self._planner = Planner(core)
        self._commits = threading.Lock()
        self._log_truncation = LogTruncation(wal, wal_metrics, self._commits)
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
        core = CoreHead(chunk_range)
        _set_encoding(core, settings)
        if min_valid_time is not None:
            core.set_min_valid_time(min_valid_time)
        wal_metrics = WalMetrics(registry)
        metrics = HeadMetrics(registry, core)
        remove_temporary(directory)
        chunk_files = HeadChunkFiles(path / CHUNKS_HEAD, registry)
        result = replay(directory, core, chunk_files, wal_metrics, progress)
        metrics.replay_duration.set(result.seconds)
        wal = Wal(directory, segment_size, wal_metrics)
        return cls(core, wal, chunk_files, metrics, wal_metrics, settings), result

    def set_xor2(self, on: bool) -> None:
        """Whether floats go to XOR2 chunks from the next chunk on. Raises StorageError when start times are stored."""
        settings = replace(self.settings, xor2=on)
        _set_encoding(self.core, settings)
        self.settings = settings

    def appender(self) -> LogAppender:
        self.metrics.appenders.inc()
        return LogAppender(self, self.core.transaction(), self.metrics.active_appenders)

    def commit(self, transaction: HeadTransaction) -> None:
        """Log first, then memory. Raises StorageError with nothing visible."""
        with self._commits:
            self.wal.write(lambda position: transaction.encode(position, self.settings.wal_compression, compress))
            floats, histograms = transaction.apply()
            self.metrics.appended_floats.inc(floats)
            self.metrics.appended_histograms.inc(histograms)

    def counts(self) -> HeadCounts:
        return self.core.counts()

    def overlaps(self, mint: int, maxt: int) -> bool:
        """Whether samples may lie in [mint, maxt]."""
        counts = self.core.counts()
        return counts.min_time <= maxt and counts.max_time >= mint

    def querier(self, mint: int, maxt: int) -> HeadQuerier:
        return HeadQuerier(self.core, self._planner, mint, maxt)

    def close_before(self, mint: int) -> None:
        """No commit, running ones included, stores anything before mint after this call returns."""
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
            try:
                self._chunk_files.close(self.core)
            except StorageError as e:
                log.error("Closed chunks are not written; the log has them", extra={"err": str(e)})
            self.wal.close()


def _set_encoding(core: CoreHead, settings: HeadSettings) -> None:
    if settings.store_starts and not settings.xor2:
        raise StorageError(
            'float chunk encoding "xor" is incompatible with start-timestamp storage; XOR chunks do not store start '
            'timestamps, use "xor2"'
        )
    core.set_encoding(
        xor2=settings.xor2, histogram_starts=settings.histogram_starts, store_starts=settings.store_starts
    )


class HeadQuerier:
    """storage.contract.Querier over the head alone."""

    def __init__(self, core: CoreHead, planner: Planner, mint: int, maxt: int) -> None:
        self._core, self._planner, self._mint, self._maxt = core, planner, mint, maxt

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        return self._planned(matchers, lambda view, terms: self._core.select(view, terms, self._mint, self._maxt))

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
        counts = self._core.counts()
        return counts.min_time <= self._maxt and counts.max_time >= self._mint

    def _planned(self, matchers: Sequence[Matcher], ask: Callable[[HeadView, list[Term]], R | None]) -> R:
        """Plans again when a truncation has renumbered the series between planning and selecting."""
        while True:
            view = self._core.view()
            answer = ask(view, self._planner.plan(matchers, view[0]))
            if answer is not None:
                return answer
