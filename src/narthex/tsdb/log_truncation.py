"""Shortening the log: its older segments become a checkpoint."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.tsdb.checkpoint import remove_before, write_checkpoint
from narthex.tsdb.metrics import WalMetrics
from narthex.tsdb.wal import Wal, list_segments

log = logging.getLogger(__name__)


class LogTruncation:
    """Remembers which references outlive their series. `commits` is the lock that commits hold while they write."""

    def __init__(self, wal: Wal, metrics: WalMetrics, commits: threading.Lock) -> None:
        self._wal, self._metrics, self._commits = wal, metrics, commits
        # References of dropped series that a log segment still mentions: (last segment that may, references).
        self._expiring: list[tuple[int, NDArray[np.uint64]]] = []

    def expire(self, refs: NDArray[np.uint64]) -> None:
        """These series are dropped: their records stay for as long as segments may hold samples of them."""
        if len(refs):
            self._expiring.append((self._wal.current, refs))

    def expiring(self) -> int:
        """How many references wait for their segments to go."""
        return sum(len(refs) for _, refs in self._expiring)

    def run(self, live: NDArray[np.uint64], mint: int, compression: str) -> None:
        """Turns the older two thirds of the finished segments into a checkpoint, as Prometheus does.

        It keeps the series in `live` and samples at or after `mint` (milliseconds). Raises StorageError.
        """
        started = time.perf_counter()
        segments = list_segments(self._wal.directory)
        first, last = segments[0].number, segments[-1].number - 1  # never the one being written
        with self._commits:
            self._wal.cut()  # so that a slow log shrinks too
        self._wal.sync_finished()
        last = first + (last - first) * 2 // 3
        if last <= first:
            return
        metrics, directory = self._metrics, self._wal.directory
        metrics.truncations.inc()
        metrics.checkpoints.inc()
        self._expiring = [(segment, refs) for segment, refs in self._expiring if segment > last]
        refs = np.concatenate([live, *(refs for _, refs in self._expiring)])
        try:
            counts = write_checkpoint(directory, last, refs, mint, self._wal.segment_size, metrics, compression)
        except StorageError:
            metrics.checkpoints_failed.inc()
            raise
        try:
            self._wal.remove_before(last + 1)
        except StorageError:
            metrics.truncations_failed.inc()
            raise
        remove_before(directory, last, metrics)
        seconds = time.perf_counter() - started
        metrics.truncate_duration.observe(seconds)
        log.info(
            "Checkpoint written",
            extra={
                "first": first,
                "last": last,
                "duration": f"{seconds:.3f}s",
                "series": counts.kept_series,
                "samples": counts.kept_samples,
            },
        )
