"""The database's own metrics, under Prometheus' names."""

from __future__ import annotations

from narthex.instrument.registry import Registry
from narthex.native import Head
from narthex.tsdb.exemplars import ExemplarMetrics


class LogMetrics:
    """Of one log; `name` is `wal` or `out_of_order_wbl`."""

    def __init__(self, registry: Registry, name: str) -> None:
        prefix = f"prometheus_tsdb_{name}"
        self.current_segment = registry.gauge(
            f"{prefix}_segment_current", "Write log segment index that TSDB is currently writing to."
        )
        self.write_failures = registry.counter(
            f"{prefix}_writes_failed_total", "Total number of write log writes that failed."
        )
        self.fsync = registry.summary(f"{prefix}_fsync_duration_seconds", "Duration of write log fsync.")
        self.pages = registry.counter(f"{prefix}_completed_pages_total", "Total number of completed pages.")
        self.truncations = registry.counter(
            f"{prefix}_truncations_total", "Total number of write log truncations attempted."
        )
        self.truncations_failed = registry.counter(
            f"{prefix}_truncations_failed_total", "Total number of write log truncations that failed."
        )
        self.storage_size = registry.gauge(f"{prefix}_storage_size_bytes", "Size of the write log directory.")


class WalMetrics(LogMetrics):
    """`owner` is who logs: "tsdb" or "agent"; each has names of its own for what it does with the log."""

    def __init__(self, registry: Registry, owner: str = "tsdb") -> None:
        super().__init__(registry, "wal")
        log = "prometheus_agent" if owner == "agent" else "prometheus_tsdb_wal"
        checkpoint = f"prometheus_{owner}_checkpoint"
        self.corruptions = registry.counter(f"{log}_corruptions_total", "Total number of WAL corruptions.")
        self.truncate_duration = registry.summary(f"{log}_truncate_duration_seconds", "Duration of WAL truncation.")
        self.unknown_refs = registry.counter(
            "prometheus_tsdb_wal_replay_unknown_refs_total",
            "Total number of unknown series references encountered during WAL replay.",
        )
        self.checkpoints = registry.counter(
            f"{checkpoint}_creations_total", "Total number of checkpoint creations attempted."
        )
        self.checkpoints_failed = registry.counter(
            f"{checkpoint}_creations_failed_total", "Total number of checkpoint creations that failed."
        )
        self.checkpoint_deletions = registry.counter(
            f"{checkpoint}_deletions_total", "Total number of checkpoint deletions attempted."
        )
        self.checkpoint_deletions_failed = registry.counter(
            f"{checkpoint}_deletions_failed_total", "Total number of checkpoint deletions that failed."
        )


_FROM_COUNTS = (
    ("gauge", "head_series", "Total number of series in the head block.", "series"),
    ("gauge", "head_chunks", "Total number of chunks in the head block.", "chunks"),
    ("gauge", "head_stale_series", "Total number of stale series in the head block.", "stale_series"),
    (
        "gauge",
        "head_native_histogram_series",
        "Total number of series in the head block whose newest sample is a native histogram.",
        "histogram_series",
    ),
    (
        "gauge",
        "head_native_histogram_buckets",
        "Total number of buckets of the newest native histograms in the head block.",
        "histogram_buckets",
    ),
    ("counter", "head_series_created_total", "Total number of series created in the head", "created"),
    ("counter", "head_series_removed_total", "Total number of series removed in the head", "removed"),
    ("counter", "head_chunks_created_total", "Total number of chunks created in the head", "chunks_created"),
    ("counter", "head_appenders_created_total", "Total number of appenders created.", "transactions"),
    (
        "gauge",
        "head_active_appenders",
        "Number of currently active appender transactions",
        "open_transactions",
    ),
    ("counter", "head_chunks_removed_total", "Total number of chunks removed in the head", "chunks_removed"),
)
_BY_TYPE = (
    ("head_samples_appended_total", "Total number of appended samples.", "appended"),
    (
        "out_of_order_samples_total",
        "Total number of out of order samples ingestion failed attempts due to out of order being disabled.",
        "out_of_order",
    ),
    (
        "out_of_bound_samples_total",
        "Total number of out of bound samples ingestion failed attempts.",
        "out_of_bounds",
    ),
    (
        "too_old_samples_total",
        "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample "
        "outside of time window.",
        "too_old",
    ),
    (
        "head_out_of_order_samples_appended_total",
        "Total number of appended out of order samples.",
        "out_of_order_appended",
    ),
)


class HeadMetrics:
    """Numbers that the core counts are read when the metrics are exposed."""

    def __init__(self, registry: Registry, head: Head) -> None:
        self._head = head
        make = {"gauge": registry.gauge, "counter": registry.counter}
        self._plain = [(make[kind](f"prometheus_tsdb_{name}", text), field) for kind, name, text, field in _FROM_COUNTS]
        self._typed = []
        for name, text, field in _BY_TYPE:
            counter = registry.counter(f"prometheus_tsdb_{name}", text, ["type"])
            self._typed += [(counter.labels("float"), field), (counter.labels("histogram"), f"histograms_{field}")]
        self._delays = registry.histogram(
            "prometheus_tsdb_sample_ooo_delta",
            "Delta in seconds by which a sample is considered out of order (reported regardless of OOO time window and "
            "whether sample is accepted or not).",
            buckets=[bound for bound, _ in head.counts().delays if bound is not None],
        )
        self._times = [
            (
                registry.gauge(f"prometheus_tsdb_head_{end}_time", f"{which} timestamp of the head block, ms."),
                registry.gauge(f"prometheus_tsdb_head_{end}_time_seconds", f"{which} timestamp of the head block."),
                f"{end}_time",
            )
            for end, which in (("min", "Minimum"), ("max", "Maximum"))
        ]
        self.gc_duration = registry.summary(
            "prometheus_tsdb_head_gc_duration_seconds", "Runtime of garbage collection in the head block."
        )
        self.truncations = registry.counter(
            "prometheus_tsdb_head_truncations_total", "Total number of head truncations attempted."
        )
        self.truncations_failed = registry.counter(
            "prometheus_tsdb_head_truncations_failed_total", "Total number of head truncations that failed."
        )
        self.late_unknown_refs = registry.counter(
            "prometheus_tsdb_wbl_replay_unknown_refs_total",
            "Total number of unknown series references encountered during WBL replay.",
            ["type"],
        ).labels("samples")
        self.snapshot_errors = registry.counter(
            "prometheus_tsdb_snapshot_replay_error_total", "Total number snapshot replays that failed."
        )
        self.replay_duration = registry.gauge(
            "prometheus_tsdb_data_replay_duration_seconds", "Time taken to replay the data on disk."
        )
        self.replay_duration.set(0)
        self.exemplars = ExemplarMetrics(registry, head)
        registry.on_collect(self._collect)

    def _collect(self) -> None:
        counts = self._head.counts()
        for metric, field in self._plain:
            metric.set(getattr(counts, field))
        for child, field in self._typed:
            child.set(getattr(counts, field))
        self._delays.labels().set([n for _, n in counts.delays], counts.delay_sum / 1000)
        empty = counts.max_time < counts.min_time
        for ms, seconds, field in self._times:
            value = 0 if empty else getattr(counts, field)
            ms.set(value)
            seconds.set(value / 1000)
