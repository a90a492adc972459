"""Storage of a server in agent mode: a log and the series in it, nothing to query. For forwarding.

Samples stay in the log until everybody who forwards has sent them, within bounds: no less than a minimum age, so that
slow readers find them, no more than a maximum, so that an endpoint that is away does not fill the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from narthex.clock import Clock, milliseconds
from narthex.files.lock import FileLock
from narthex.files.zstd import compress
from narthex.instrument.registry import Registry
from narthex.native import Agent as CoreAgent
from narthex.native import AgentCounts, AgentTransaction
from narthex.tsdb.appender import LogAppender
from narthex.tsdb.checkpoint import remove_temporary
from narthex.tsdb.db import log_bytes
from narthex.tsdb.head import WAL
from narthex.tsdb.log_truncation import LogTruncation
from narthex.tsdb.metrics import WalMetrics
from narthex.tsdb.replay import Progress, ReplayStatus, replay_agent
from narthex.tsdb.taken import taken
from narthex.tsdb.wal import Wal

log = logging.getLogger(__name__)

MINUTE = 60_000
HOUR = 60 * MINUTE


@dataclass(frozen=True)
class AgentOptions:
    """Times are milliseconds, sizes bytes. Defaults are Prometheus'."""

    wal_segment_size: int = 128 * 1024 * 1024
    wal_compression: str = "snappy"
    truncate_frequency: int = 2 * HOUR
    min_wal_time: int = 5 * MINUTE
    max_wal_time: int = 4 * HOUR
    out_of_order_window: int = 0
    store_starts: bool = False
    start_zeros: bool = False
    no_lockfile: bool = False

    def longest(self) -> int:
        """The age at which samples go in any case: never below the minimum, nor below the time between two looks."""
        return max(self.max_wal_time, self.min_wal_time, self.truncate_frequency)


class AgentMetrics:
    """Numbers that the core counts are read when the metrics are exposed."""

    def __init__(self, registry: Registry, counts: Callable[[], AgentCounts], expiring: Callable[[], int]) -> None:
        self._counts, self._expiring = counts, expiring
        self._active = registry.gauge(
            "prometheus_agent_active_series", "Number of active series being tracked by the WAL storage"
        )
        self._deleted = registry.gauge(
            "prometheus_agent_deleted_series", "Number of series pending deletion from the WAL"
        )
        appended = registry.counter(
            "prometheus_agent_samples_appended_total", "Total number of samples appended to the storage", ["type"]
        )
        self.floats, self.histograms = appended.labels("float"), appended.labels("histogram")
        self.exemplars = registry.counter(
            "prometheus_agent_exemplars_appended_total", "Total number of exemplars appended to the storage"
        )
        self._out_of_order = registry.counter(
            "prometheus_agent_out_of_order_samples_total",
            "Total number of out of order samples ingestion failed attempts.",
        )
        self.replay_duration = registry.gauge(
            "prometheus_agent_data_replay_duration_seconds", "Time taken to replay the data on disk."
        )
        registry.on_collect(self._collect)

    def _collect(self) -> None:
        counts = self._counts()
        self._active.set(counts.series)
        self._out_of_order.set(counts.out_of_order)
        self._deleted.set(self._expiring())


class AgentDB:
    """storage.contract.Appendable. Safe for several threads."""

    def __init__(
        self,
        path: Path,
        options: AgentOptions,
        core: CoreAgent,
        wal: Wal,
        wal_metrics: WalMetrics,
        registry: Registry,
        clock: Clock,
        lock: FileLock | None,
        status: ReplayStatus,
    ) -> None:
        """For `open`; use that."""
        self.path, self.options, self.core, self.wal = path, options, core, wal
        self._clock, self._lock, self._status = clock, lock, status
        self._commits, self._maintenance = threading.Lock(), threading.Lock()
        self._truncation = LogTruncation(wal, wal_metrics, self._commits)
        self.metrics = AgentMetrics(registry, core.counts, self._truncation.expiring)
        self._due = clock.monotonic() + options.truncate_frequency / 1000
        self.lowest_sent: Callable[[], int] = lambda: 0
        """Up to where everybody who forwards has sent (milliseconds); 0: nobody has."""
        self.written: Callable[[], None] = lambda: None
        """Called after each commit, for those who follow the log."""

    @classmethod
    def open(
        cls, path: Path, options: AgentOptions, registry: Registry, clock: Clock, progress: Progress | None = None
    ) -> AgentDB:
        """Takes the directory, replays the log and begins a new segment; blocks until that is done.

        Raises StorageError, for example when another server holds the directory.
        """
        with taken(path, registry, "agent", options.no_lockfile) as lock:
            wal_metrics = WalMetrics(registry, "agent")
            core = CoreAgent(options.out_of_order_window, options.store_starts, options.start_zeros)
            remove_temporary(path / WAL)
            result = replay_agent(path / WAL, core, wal_metrics, progress)
            wal = Wal(path / WAL, options.wal_segment_size, wal_metrics)
        wal_metrics.storage_size.set_function(lambda: log_bytes(path / WAL))
        db = cls(path, options, core, wal, wal_metrics, registry, clock, lock, result.status)
        db.metrics.replay_duration.set(result.seconds)
        return db

    def appender(self) -> LogAppender:
        return LogAppender(self, self.core.transaction())

    def commit(self, transaction: AgentTransaction) -> None:
        """To the log. Raises StorageError with nothing logged."""
        with self._commits:
            self.wal.write(lambda position: transaction.encode(position, self.options.wal_compression, compress))
            floats, histograms = transaction.apply()
        self.metrics.floats.inc(floats)
        self.metrics.histograms.inc(histograms)
        self.metrics.exemplars.inc(transaction.exemplars)
        self.written()

    def maintain(self) -> None:
        """One tick of what must happen now and then: finished segments are synced; every `truncate_frequency` the log
        is shortened. Run it in a worker thread. Raises StorageError; the next tick tries again.
        """
        with self._maintenance:
            self.wal.sync_finished()
            if self._clock.monotonic() < self._due:
                return
            self._truncate(self._keep_from())
            self._due = self._clock.monotonic() + self.options.truncate_frequency / 1000

    def _keep_from(self) -> int:
        sent = max(self.lowest_sent() - self.options.min_wal_time, 0)
        return max(sent, milliseconds(self._clock.now()) - self.options.longest())

    def _truncate(self, mint: int) -> None:
        with self._commits:
            dropped = self.core.truncate(mint)
            self._truncation.expire(dropped)
        log.info("Series without new samples are dropped", extra={"series": len(dropped)})
        self._truncation.run(self.core.refs(), mint, self.options.wal_compression)

    def wal_replay_status(self) -> ReplayStatus:
        """Of the replay at start."""
        return self._status

    def close(self) -> None:
        """Waits for maintenance, syncs the log and gives the directory up. Raises StorageError if syncing fails."""
        with self._maintenance:
            try:
                with self._commits:
                    self.wal.close()
            finally:
                if self._lock:
                    self._lock.release()
