"""prometheus_remote_storage_* and prometheus_wal_watcher_*: how sending goes, per endpoint."""

from __future__ import annotations

from narthex.instrument import Counter, Registry

KINDS = ("samples", "histograms", "exemplars")
"""In the order of the core's counts."""

_BATCH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0)
_P = "prometheus_remote_storage_"
_W = "prometheus_wal_watcher_"


class WriteMetrics:
    """The families. Those of an endpoint are labelled `remote_name` and `url`, those of its reader `consumer`."""

    def __init__(self, registry: Registry) -> None:
        own = ["remote_name", "url"]

        def counters(end: str, text: str, labels: list[str]) -> dict[str, Counter]:
            return {
                kind: registry.counter(f"{_P}{kind}_{end}", f"Total number of {kind} {text}.", labels)
                for kind in (*KINDS, "metadata")
            }

        self.sent = counters("total", "sent to remote storage", own)
        self.failed = counters("failed_total", "which failed on send to remote storage, non-recoverable errors", own)
        self.retried = counters("retried_total", "which failed on send but were retried: recoverable errors", own)
        self.dropped = {
            kind: registry.counter(
                f"{_P}{kind}_dropped_total",
                f"Total number of {kind} read from the log and not sent, by reason.",
                [*own, "reason"],
            )
            for kind in KINDS
        }
        self.pending = {
            kind: registry.gauge(f"{_P}{kind}_pending", f"The number of {kind} pending in the queue.", own)
            for kind in KINDS
        }
        self.enqueue_retries = registry.counter(
            f"{_P}enqueue_retries_total", "Total number of times reading waited because a shard was full.", own
        )
        self.batch_seconds = registry.histogram(
            f"{_P}sent_batch_duration_seconds", "Duration of send calls to the remote storage.", own, _BATCH_SECONDS
        )
        self.highest = registry.gauge(
            f"{_P}queue_highest_timestamp_seconds", "Highest timestamp that was put into the queue, in seconds.", own
        )
        self.highest_sent = registry.gauge(
            f"{_P}queue_highest_sent_timestamp_seconds",
            "Highest timestamp that was sent by the queue with success, in seconds.",
            own,
        )
        self.shard_capacity = registry.gauge(f"{_P}shard_capacity", "The capacity of each shard of the queue.", own)
        self.shards = registry.gauge(f"{_P}shards", "The number of shards used for parallel sending.", own)
        self.shards_max = registry.gauge(f"{_P}shards_max", "The most shards that the queue may run.", own)
        self.shards_min = registry.gauge(f"{_P}shards_min", "The fewest shards that the queue may run.", own)
        self.shards_desired = registry.gauge(
            f"{_P}shards_desired", "The number of shards that the queue would like to run.", own
        )
        self.bytes = registry.counter(f"{_P}bytes_total", "Compressed bytes sent by the queue, metadata aside.", own)
        self.metadata_bytes = registry.counter(
            f"{_P}metadata_bytes_total", "Compressed bytes of metadata sent by the queue.", own
        )
        self.most = registry.gauge(f"{_P}max_samples_per_send", "The most samples of one request.", own)
        consumer = ["consumer"]
        self.records = registry.counter(
            f"{_W}records_read_total", "Number of records read from the log.", [*consumer, "type"]
        )
        self.faults = registry.counter(
            f"{_W}record_decode_failures_total", "Number of records that could not be decoded.", consumer
        )
        self.segment = registry.gauge(f"{_W}current_segment", "The log segment that is read.", consumer)

    def of(self, name: str, url: str) -> QueueMetrics:
        return QueueMetrics(self, name, url)


class QueueMetrics:
    """Those of one endpoint; `remove` takes them off the registry."""

    def __init__(self, families: WriteMetrics, name: str, url: str) -> None:
        self._families, self._own, self._name = families, (name, url), name
        f, own = families, self._own
        self.sent = {kind: c.labels(*own) for kind, c in f.sent.items()}
        self.failed = {kind: c.labels(*own) for kind, c in f.failed.items()}
        self.retried = {kind: c.labels(*own) for kind, c in f.retried.items()}
        self.pending = {kind: g.labels(*own) for kind, g in f.pending.items()}
        self.enqueue_retries = f.enqueue_retries.labels(*own)
        self.batch_seconds = f.batch_seconds.labels(*own)
        self.highest, self.highest_sent = f.highest.labels(*own), f.highest_sent.labels(*own)
        self.shard_capacity, self.shards = f.shard_capacity.labels(*own), f.shards.labels(*own)
        self.shards_max, self.shards_min = f.shards_max.labels(*own), f.shards_min.labels(*own)
        self.shards_desired, self.most = f.shards_desired.labels(*own), f.most.labels(*own)
        self.bytes, self.metadata_bytes = f.bytes.labels(*own), f.metadata_bytes.labels(*own)
        self.faults, self.segment = f.faults.labels(name), f.segment.labels(name)

    def drop(self, kind: str, reason: str, count: int) -> None:
        """Counts what is not sent, and why: too_old, dropped_series, unintentionally_dropped_series ..."""
        if count:
            self._families.dropped[kind].labels(*self._own, reason).inc(count)

    def read(self, type_: str, count: int) -> None:
        if count:
            self._families.records.labels(self._name, type_).inc(count)

    def remove(self) -> None:
        for family in vars(self._families).values():
            for one in family.values() if isinstance(family, dict) else (family,):
                one.remove_beginning(*((self._name,) if one.label_names[0] == "consumer" else self._own))
