"""The database: one head with its log and the blocks before it, in Prometheus' directory layout."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from narthex.clock import Clock
from narthex.errors import StorageError
from narthex.files.lock import FileLock
from narthex.instrument.registry import Registry
from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.matcher import Matcher
from narthex.native import HeadPart
from narthex.storage.contract import Exemplar
from narthex.tsdb.appender import LogAppender
from narthex.tsdb.block import Block
from narthex.tsdb.block_metrics import BlockMetrics
from narthex.tsdb.block_set import Blocks
from narthex.tsdb.compact_plan import SOME_SAMPLES_HINTS, STALE_SERIES
from narthex.tsdb.db_querier import DBQuerier
from narthex.tsdb.head import CHUNKS_HEAD, WAL, WBL, Head
from narthex.tsdb.maintenance import Delay, Interval
from narthex.tsdb.meta import BlockMeta
from narthex.tsdb.options import DBOptions
from narthex.tsdb.out_of_order import HINT, remove_blocks
from narthex.tsdb.replay import Progress, ReplayStatus
from narthex.tsdb.snapshot import link_block, new_snapshot
from narthex.tsdb.taken import taken

log = logging.getLogger("narthex.tsdb")

CARDINALITY_SECONDS = 30.0
_Counts = list[tuple[str, str, int]]  # name, value (empty where there is none), number
_Cardinality = tuple[_Counts, _Counts, _Counts, _Counts]
_SOON = 10 * 60_000
"""Milliseconds before the next head block in which stale series wait for it."""


@dataclass(frozen=True)
class HeadStats:
    """What /api/v1/status/tsdb shows. Times are milliseconds; lists are (name, number), largest first."""

    num_series: int
    num_label_pairs: int
    chunk_count: int
    min_time: int
    max_time: int
    series_count_by_metric_name: list[tuple[str, int]]
    label_value_count_by_label_name: list[tuple[str, int]]
    memory_in_bytes_by_label_name: list[tuple[str, int]]
    series_count_by_label_pair: list[tuple[str, int]]
    """Names are `label=value`."""


class DB:
    """storage.contract's Appendable and Queryable on one data directory. Safe for several threads."""

    def __init__(
        self,
        path: Path,
        options: DBOptions,
        head: Head,
        block_set: Blocks,
        lock: FileLock | None,
        status: ReplayStatus,
        clock: Clock,
    ) -> None:
        """For `open`; use that."""
        self.path, self.options, self.head, self.block_set = path, options, head, block_set
        self._lock, self._status = lock, status
        self._maintenance = threading.Lock()
        self._stale_threshold = 0.0
        self._late_due = False  # out-of-order samples go to blocks after samples in order did
        self._clock = clock
        self._known_cardinality: tuple[float, int, _Cardinality] | None = None  # when, limit, lists
        self._delay = Delay(clock, options.compaction_delay)
        self._reload = Interval(clock, options.reload_interval)

    @classmethod
    def open(
        cls,
        path: Path,
        options: DBOptions,
        registry: Registry,
        clock: Clock,
        progress_callback: Progress | None = None,
    ) -> DB:
        """Takes the directory, loads blocks, replays the log and begins a new segment; blocks until that is done.

        `progress_callback` is called before each segment. Raises StorageError, for example when another server
        holds the directory or a file may not be read, and CorruptionError when the log lacks a thousand segments.
        """
        with taken(path, registry, "tsdb", options.no_lockfile) as lock:
            block_set = Blocks(
                path,
                options.block_options(),
                metrics=BlockMetrics(registry),
                clock=clock,
                other_bytes=lambda: sum(log_bytes(path / name) for name in (WAL, WBL, CHUNKS_HEAD)),
            )
            block_set.load()
            head, result = Head.open(
                path,
                registry,
                options.min_block_duration,
                options.wal_segment_size,
                min_valid_time=replay_from(block_set.blocks),
                progress=progress_callback,
                settings=options.head,
            )
        db = cls(path, options, head, block_set, lock, result.status, clock)
        head.wal_metrics.storage_size.set_function(lambda: log_bytes(path / WAL))
        registry.gauge(
            "prometheus_tsdb_lowest_timestamp", "Lowest timestamp value stored in the database."
        ).set_function(db.lowest_time)
        return db

    def appender(self) -> LogAppender:
        return self.head.appender()

    def querier(self, mint: int, maxt: int) -> DBQuerier:
        """Bounds in milliseconds, inclusive."""
        return DBQuerier(self.head, self.block_set, mint, maxt)

    def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], mint: int, maxt: int
    ) -> list[tuple[Labels, list[Exemplar]]]:
        """storage.contract.ExemplarQuerier: only the head has exemplars."""
        return self.head.exemplars(matcher_sets, mint, maxt)

    def blocks(self) -> tuple[Block, ...]:
        """The loaded blocks, oldest first."""
        return self.block_set.blocks

    def lowest_time(self) -> int:
        """Milliseconds; 0 without any sample."""
        counts = self.head.counts()
        times = [b.meta.min_time for b in self.blocks()]
        if counts.max_time >= counts.min_time:
            times.append(counts.min_time)
        return min(times, default=0)

    def maintain(self, canceled: Callable[[], bool] = lambda: False) -> None:
        """One tick of what must happen about every minute: head to blocks, retention, compaction of blocks.

        Run it in a worker thread; appends and queries go on meanwhile. Retention is applied even when writing a
        block failed, since that may be for lack of space. Raises StorageError; the next tick tries again.
        """
        metrics = self.block_set.metrics
        metrics.compactions_triggered.inc()
        with self._maintenance:
            try:
                self._maintain(canceled)
            except StorageError:
                metrics.compactions_failed.inc()
                raise
            finally:
                self.head.core.end_epoch()

    def _maintain(self, canceled: Callable[[], bool]) -> None:
        try:
            self.head.write_chunks()
            self.head.wal.sync_finished()
            self.head.late.sync_finished()
            while not canceled() and self._head_is_due():
                self._head_to_block()
                self._late_due = True
            if self._late_due and not canceled():
                self._out_of_order_to_blocks()
                self._late_due = False
            if not canceled() and self._stale_series_are_due():
                self._stale_series_to_blocks()
        finally:
            try:
                self.head.truncate_log()
            finally:
                if self._reload.due():
                    self.block_set.reload()
        self.block_set.compact(canceled, enough=self._head_is_due)

    def _head_is_due(self) -> bool:
        return self._delay.over(self._head_is_ripe())

    def _head_is_ripe(self) -> bool:
        counts = self.head.counts()
        return counts.max_time - counts.min_time > self.options.min_block_duration * 3 // 2

    def _head_to_block(self) -> None:
        """Writes the head's oldest range as a block and then forgets it."""
        width = self.options.min_block_duration
        mint = self.head.counts().min_time
        maxt = mint - mint % width + width
        self.head.close_before(maxt)
        if self._write_block(mint, maxt, HeadPart.IN_ORDER):
            self.block_set.reload()
        self.head.truncate(maxt)

    def _out_of_order_to_blocks(self) -> None:
        """Writes a block for each aligned range that has out-of-order samples and then forgets those."""
        part = self.head.begin_out_of_order_compaction()
        if part is None:
            return
        self._write_blocks(part.mint, part.maxt, HeadPart.COMPACTING, HINT)
        self.head.end_out_of_order_compaction(part)

    def _stale_series_are_due(self) -> bool:
        counts = self.head.counts()
        if not self._stale_threshold or counts.stale_series < self._stale_threshold * max(counts.series, 1):
            return False
        return counts.max_time - counts.min_time + _SOON <= self.options.min_block_duration * 3 // 2

    def _stale_series_to_blocks(self) -> None:
        """Writes series that ended as blocks of their own and then forgets them."""
        stale = self.head.begin_stale_compaction()
        if not len(stale):
            return
        counts = self.head.counts()
        self._write_blocks(counts.min_time, counts.max_time, HeadPart.STALE, STALE_SERIES)
        self.head.end_stale_compaction(stale)

    def _write_blocks(self, mint: int, maxt: int, part: HeadPart, hint: str) -> None:
        """A block for each aligned range that has samples in [mint, maxt], or none at all. Raises StorageError."""
        width = self.options.min_block_duration
        written: list[str] = []
        try:
            for start in range(mint - mint % width, maxt + 1, width):
                meta = self._write_block(start, start + width, part, hints=[hint])
                written += [meta.ulid] if meta else []
        except StorageError:
            remove_blocks(self.path, written)
            raise
        if written:
            self.block_set.reload()

    def _write_block(self, mint: int, maxt: int, part: HeadPart, hints: Sequence[str] = ()) -> BlockMeta | None:
        return self.block_set.write(self.head.querier(mint, maxt - 1).select([], part), mint, maxt, hints=hints)

    def delete(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> None:
        """Marks samples in [mint, maxt] (milliseconds, inclusive) of matching series as deleted, durably.

        Raises StorageError; blocks before the one it names have been marked then.
        """
        with self._maintenance:
            self.block_set.delete(matchers, mint, maxt)
            self.head.delete(matchers, mint, maxt)

    def clean_tombstones(self) -> None:
        """Rewrites blocks that have deleted samples, removes those with nothing else. Raises StorageError."""
        with self._maintenance:
            self.block_set.clean_tombstones()

    def snapshot(self, directory: Path, with_head: bool = True) -> None:
        """Makes `directory`, a new one, a data directory with the blocks of this moment as hard links and, if wanted,
        what the head holds as one more block. Raises StorageError; nothing stays behind then.
        """
        with self._maintenance, new_snapshot(directory) as made:
            for block in self.blocks():
                link_block(block, made)
            counts = self.head.counts()
            mint = min(counts.min_time, counts.out_of_order_min_time)
            maxt = max(counts.max_time, counts.out_of_order_max_time)
            if with_head and maxt >= mint:
                self.block_set.write(self.head.querier(mint, maxt).select([]), mint, maxt + 1, directory=made)

    def set_out_of_order_window(self, window: int) -> None:
        """See Head.set_out_of_order_window."""
        self.head.set_out_of_order_window(window)

    def set_stale_series_threshold(self, ratio: float) -> None:
        """The part of the head's series, in [0, 1], that may have ended before they move to blocks ahead of the others;
        0: they never do."""
        self._stale_threshold = ratio

    def wal_replay_status(self) -> ReplayStatus:
        """Of the replay at start."""
        return self._status

    def head_stats(self, limit: int = 10) -> HeadStats:
        """`limit` bounds each list. The lists are counted anew after CARDINALITY_SECONDS only, as Prometheus does."""
        found = self.known_head_stats(limit)
        if found is None:
            lists = self.head.core.cardinality(METRIC_NAME, limit)
            self._known_cardinality = self._clock.monotonic(), limit, lists
            found = self._head_stats(lists)
        return found

    def known_head_stats(self, limit: int) -> HeadStats | None:
        """The same if its lists were counted lately, else None: quick."""
        known = self._known_cardinality
        if known is None or known[1] != limit or self._clock.monotonic() - known[0] >= CARDINALITY_SECONDS:
            return None
        return self._head_stats(known[2])

    def _head_stats(self, cardinality: _Cardinality) -> HeadStats:
        counts = self.head.counts()
        series, values, sizes, pairs = cardinality
        return HeadStats(
            counts.series,
            counts.label_pairs,
            counts.chunks,
            counts.min_time,
            counts.max_time,
            [(name, n) for name, _, n in series],
            [(name, n) for name, _, n in values],
            [(name, n) for name, _, n in sizes],
            [(f"{name}={value}", n) for name, value, n in pairs],
        )

    def close(self) -> None:
        """Waits for maintenance, syncs the log and gives the directory up. Raises StorageError if syncing fails."""
        with self._maintenance:
            try:
                self.head.close()
            finally:
                if self._lock:
                    self._lock.release()


def replay_from(blocks: tuple[Block, ...]) -> int | None:
    """Where the head begins: the end of the newest block (exclusive, so the first millisecond that is replayed).

    Blocks that hold a part of a time range only, as their hints say, do not count; hints of other programs say nothing.
    """
    return max((b.meta.max_time for b in blocks if not SOME_SAMPLES_HINTS.intersection(b.meta.hints)), default=None)


def log_bytes(directory: Path) -> int:
    """Bytes of all segments and checkpoints; files that vanish meanwhile count nothing."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
