"""What a database is opened with."""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3_600_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class DBOptions:
    """Times are milliseconds, sizes bytes. Defaults are Prometheus'."""

    min_block_duration: int = 2 * HOUR
    """Length of head blocks, and what chunks are aligned to."""
    max_block_duration: int | None = None
    """Longest compacted block; None: a tenth of the retention time, at most 31 days."""
    retention_time: int = 15 * DAY
    """0: no limit."""
    retention_size: int = 0
    """0: no limit."""
    wal_segment_size: int = 128 * 1024 * 1024
    no_lockfile: bool = False

    @property
    def longest_block(self) -> int:
        if self.max_block_duration is not None:
            return max(self.max_block_duration, self.min_block_duration)
        tenth = self.retention_time // 10 if self.retention_time else 31 * DAY
        return max(min(31 * DAY, tenth), self.min_block_duration)
