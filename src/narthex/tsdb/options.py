"""What a database is opened with."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.tsdb.block_set import BlockOptions
from narthex.tsdb.head_settings import DEFAULT_SETTINGS, HeadSettings
from narthex.tsdb.retention import Retention

HOUR = 3_600_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class DBOptions:
    """Times are milliseconds, sizes bytes. Defaults are Prometheus'."""

    min_block_duration: int = 2 * HOUR
    """Length of head blocks, and what chunks are aligned to."""
    max_block_duration: int = 0
    """Longest compacted block; 0: a tenth of the retention time, at most 31 days."""
    retention_time: int = 15 * DAY
    """0: no limit."""
    retention_size: int = 0
    """0: no limit."""
    wal_segment_size: int = 128 * 1024 * 1024
    no_lockfile: bool = False
    head: HeadSettings = DEFAULT_SETTINGS

    def block_options(self) -> BlockOptions:
        return BlockOptions(
            Retention(self.retention_time, self.retention_size), self.min_block_duration, self.max_block_duration
        )
