"""What an engine tells about itself, under Prometheus' names."""

from __future__ import annotations

from narthex.instrument.registry import Registry

_SLICES = ("queue_time", "prepare_time", "inner_eval", "result_sort")


class EngineMetrics:
    """prometheus_engine_*: running queries, their limit, time by phase, samples read."""

    def __init__(self, registry: Registry) -> None:
        self.queries = registry.gauge(
            "prometheus_engine_queries", "The current number of queries being executed or waiting."
        )
        self.limit = registry.gauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.")
        durations = registry.summary("prometheus_engine_query_duration_seconds", "Query timings", ("slice",))
        self.queue_time, self.prepare_time, self.inner_eval, self.result_sort = (
            durations.labels(name) for name in _SLICES
        )
        self.samples = registry.counter(
            "prometheus_engine_query_samples_total", "The total number of samples loaded by all queries."
        )
        self.log_enabled = registry.gauge("prometheus_engine_query_log_enabled", "State of the query log.")
        self.log_failures = registry.counter(
            "prometheus_engine_query_log_failures_total", "The number of query log failures."
        )
