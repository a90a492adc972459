"""The database: the head and its log, in Prometheus' directory layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from narthex.clock import Clock
from narthex.errors import StorageError
from narthex.files.lock import FileLock
from narthex.instrument.registry import Registry
from narthex.model.labels import METRIC_NAME
from narthex.tsdb.head import Head, HeadAppender, HeadQuerier
from narthex.tsdb.options import DBOptions
from narthex.tsdb.replay import Progress, ReplayStatus

WAL = "wal"
LOCK = "lock"


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
        self, path: Path, options: DBOptions, clock: Clock, head: Head, lock: FileLock | None, status: ReplayStatus
    ) -> None:
        """For `open`; use that."""
        self.path, self.options, self.head = path, options, head
        self._clock, self._lock, self._status = clock, lock, status

    @classmethod
    def open(
        cls,
        path: Path,
        options: DBOptions,
        registry: Registry,
        clock: Clock,
        progress_callback: Progress | None = None,
    ) -> DB:
        """Takes the directory, replays the log and begins a new segment. Blocks for as long as that takes.

        `progress_callback` is called before each segment. Raises StorageError, for example when another server
        holds the directory, and CorruptionError when the log has a hole.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{path}: cannot make the data directory: {e.strerror}") from e
        lock = None if options.no_lockfile else FileLock(path / LOCK)
        try:
            clean = registry.gauge(
                "prometheus_tsdb_clean_start",
                "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: clean",
            )
            clean.set(-1 if lock is None else 0 if lock.existed else 1)
            head, result = Head.open(
                path / WAL,
                registry,
                options.min_block_duration,
                options.wal_segment_size,
                progress=progress_callback,
            )
        except BaseException:
            if lock:
                lock.release()
            raise
        return cls(path, options, clock, head, lock, result.status)

    def appender(self) -> HeadAppender:
        return self.head.appender()

    def querier(self, mint: int, maxt: int) -> HeadQuerier:
        """Bounds in milliseconds, inclusive."""
        return self.head.querier(mint, maxt)

    def wal_replay_status(self) -> ReplayStatus:
        return self._status

    def head_stats(self, limit: int = 10) -> HeadStats:
        counts = self.head.counts()
        series, values, sizes, pairs = self.head.core.cardinality(METRIC_NAME, limit)
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
        """Syncs the log and gives the directory up. Raises StorageError when the log cannot be synced."""
        try:
            self.head.close()
        finally:
            if self._lock:
                self._lock.release()
