"""Metrics of blocks and their compaction, under Prometheus' names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narthex.instrument.registry import Histogram, Registry
from narthex.native import BlockWriter


class BlockMetrics:
    """What `Blocks` counts. Bytes, seconds and counts since start."""

    def __init__(self, registry: Registry) -> None:
        p = "prometheus_tsdb_"
        self.loaded = registry.gauge(p + "blocks_loaded", "Number of currently loaded data blocks")
        self.bytes = registry.gauge(
            p + "storage_blocks_bytes", "The number of bytes that are currently used for local storage by all blocks."
        )
        self.symbols = registry.gauge(p + "symbol_table_size_bytes", "Size of symbol table in memory for loaded blocks")
        self.reloads = registry.counter(
            p + "reloads_total", "Number of times the database reloaded block data from disk."
        )
        self.reload_failures = registry.counter(
            p + "reloads_failures_total", "Number of times the database failed to reloadBlocks block data from disk."
        )
        self.compactions = registry.counter(
            p + "compactions_total", "Total number of compactions that were executed for the partition."
        )
        self.compactions_failed = registry.counter(
            p + "compactions_failed_total", "Total number of compactions that failed for the partition."
        )
        self.compactions_triggered = registry.counter(
            p + "compactions_triggered_total", "Total number of triggered compactions for the partition."
        )
        self.compactions_skipped = registry.counter(
            p + "compactions_skipped_total", "Total number of skipped compactions due to disabled auto compaction."
        )
        self.populating = registry.gauge(
            p + "compaction_populating_block", "Set to 1 when a block is currently being written to the disk."
        )
        self.chunk_bytes, self.chunk_samples, self.chunk_seconds = (
            registry.histogram(p + f"compaction_chunk_{name}", text, buckets=tuple(first * factor**k for k in range(n)))
            for name, text, first, factor, n in (
                ("size_bytes", "Final size of chunks on their first compaction", 32.0, 1.5, 12),
                ("samples", "Final number of samples on their first compaction", 4.0, 1.5, 12),
                ("range_seconds", "Final time range of chunks on their first compaction", 100.0, 4.0, 10),
            )
        )
        self.broken = registry.gauge(
            "narthex_tsdb_broken_blocks", "Blocks that cannot be opened and are left out of answers."
        )
        self.broken_chunks = registry.counter(
            "narthex_tsdb_broken_head_chunks_total", "Chunks of the head that were left out of a block as broken."
        )
        self.damaged_reads = registry.counter(
            "narthex_tsdb_damaged_reads_total", "Series and chunks of blocks left out of answers as broken."
        )
        self.vertical = registry.counter(
            p + "vertical_compactions_total", "Total number of compactions done on overlapping blocks."
        )
        self.duration = registry.histogram(
            p + "compaction_duration_seconds",
            "Duration of compaction runs",
            buckets=tuple(float(2**k) for k in range(14)),
        )
        self.time_retentions = registry.counter(
            p + "time_retentions_total",
            "The number of times that blocks were deleted because the maximum time limit was exceeded.",
        )
        self.size_retentions = registry.counter(
            p + "size_retentions_total",
            "The number of times that blocks were deleted because the maximum number of bytes was exceeded.",
        )
        self.limit_bytes = registry.gauge(
            p + "retention_limit_bytes",
            "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
        )
        self.limit_percentage = registry.gauge(
            p + "retention_limit_percentage",
            "Max percentage of total storage space to be retained in the tsdb blocks, configured 0 means disabled",
        )
        self.limit_seconds = registry.gauge(p + "retention_limit_seconds", "How long to retain samples in storage.")
        self.tombstone_cleanup = registry.histogram(
            p + "tombstone_cleanup_seconds", "The time taken to recompact blocks to remove tombstones."
        )

    def wrote_first(self, writer: BlockWriter) -> None:
        """Notes the chunks of a block of level 1."""
        sizes, samples, milliseconds = writer.take_shapes()
        _observe(self.chunk_bytes, sizes)
        _observe(self.chunk_samples, samples)
        _observe(self.chunk_seconds, milliseconds / 1000)


def _observe(histogram: Histogram, values: NDArray[np.generic]) -> None:
    places = np.searchsorted(histogram.bounds, values, side="left")
    histogram.add(np.bincount(places, minlength=len(histogram.bounds) + 1).tolist(), float(values.sum()))
