"""What the core counts while it reads the log, as metrics."""

from __future__ import annotations

from narthex.native import Outbox
from narthex.remote.queue_resharding import Resharding
from narthex.remote.write_metrics import KINDS, QueueMetrics

_TYPES = (
    "unknown", "series", "samples", "tombstones", "exemplars", "mmapmarkers", "metadata", "histogram_samples",
    "float_histogram_samples", "custom_buckets_histogram_samples", "custom_buckets_float_histogram_samples",
    "samples_v2", "histogram_samples_v2", "float_histogram_samples_v2",
)  # fmt: skip
_REASONS = (
    ("relabelled_away", "dropped_series"),
    ("unknown", "unintentionally_dropped_series"),
    ("too_old", "too_old"),
)


class CountReporter:
    """Call `report` after each step of reading: what is new since the last call is added."""

    def __init__(self, outbox: Outbox, metrics: QueueMetrics, resharding: Resharding) -> None:
        self._outbox, self._metrics, self._resharding = outbox, metrics, resharding
        self._before = outbox.counts()

    def report(self, segment: int) -> None:
        before, now = self._before, self._outbox.counts()
        self._before = now
        metrics = self._metrics
        dropped = now.custom_buckets - before.custom_buckets
        metrics.drop("histograms", "nhcb_in_rw1_not_supported", dropped)
        for field, reason in _REASONS:
            new: tuple[int, int, int] = getattr(now, field)
            old: tuple[int, int, int] = getattr(before, field)
            for kind, count, known in zip(KINDS, new, old, strict=True):
                metrics.drop(kind, reason, count - known)
                dropped += count - known
        taken = sum(now.taken) - sum(before.taken)
        self._resharding.taken.add(taken + dropped)
        self._resharding.dropped.add(dropped)
        for type_, count, known in zip(_TYPES, now.records, before.records, strict=True):
            metrics.read(type_, count - known)
        metrics.faults.inc(now.faults - before.faults)
        metrics.segment.set(segment)
        if now.newest:
            metrics.highest.set(now.newest / 1000)
