"""What a database is opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from narthex.tsdb.block_set import BlockOptions
from narthex.tsdb.block_write import SEGMENT_SIZE, Layout
from narthex.tsdb.head_settings import DEFAULT_SETTINGS, HeadSettings
from narthex.tsdb.meta import BlockMeta
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
    retention_percentage: float = 0.0
    """Of the file system; 0: no limit. Beats the size."""
    block_segment_size: int = SEGMENT_SIZE
    """Bytes of a block's chunk file at most."""
    compact_overlapping: bool = True
    pending: Callable[[BlockMeta], bool] = lambda meta: False
    """Blocks that must not be compacted yet, nor younger ones, see delay_file.py."""
    compaction_delay: Callable[[], float] = lambda: 0.0
    """Seconds that a block of the head which could be written waits; asked anew for each."""
    reload_interval: float = 0.0
    """Seconds between two looks for blocks that came or are too old; 0: whenever there is other work to be done."""
    wal_segment_size: int = 128 * 1024 * 1024
    no_lockfile: bool = False
    head: HeadSettings = DEFAULT_SETTINGS

    def block_options(self) -> BlockOptions:
        return BlockOptions(
            Retention(self.retention_time, self.retention_size, self.retention_percentage),
            self.min_block_duration,
            self.max_block_duration,
            Layout(self.block_segment_size),
            self.compact_overlapping,
            self.pending,
        )
