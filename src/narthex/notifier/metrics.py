"""prometheus_notifications_*: how sending goes."""

from __future__ import annotations

from collections.abc import Callable

from narthex.instrument import Registry

LATENCY_BUCKETS = (0.01, 0.1, 1.0, 10.0)


class NotifierMetrics:
    """Families labelled by `alertmanager`, the URL that is posted to. Numbers are of alerts, not of requests."""

    def __init__(self, registry: Registry, capacity: int, discovered: Callable[[], float]) -> None:
        label = ["alertmanager"]
        self.latency = registry.summary(
            "prometheus_notifications_latency_seconds", "Time to send a batch of alerts.", label
        )
        self.latency_histogram = registry.histogram(
            "prometheus_notifications_latency_histogram_seconds", "Time to send a batch.", label, LATENCY_BUCKETS
        )
        self.errors = registry.counter(
            "prometheus_notifications_errors_total", "Alerts in batches that could not be sent.", label
        )
        self.sent = registry.counter(
            "prometheus_notifications_sent_total", "Alerts that were sent, or tried to be sent.", label
        )
        self.dropped = registry.counter(
            "prometheus_notifications_dropped_total", "Alerts lost: queue full, or the batch failed.", label
        )
        self.queue_length = registry.gauge("prometheus_notifications_queue_length", "Alerts that wait.", label)
        registry.gauge("prometheus_notifications_queue_capacity", "Most alerts that wait for one Alertmanager.").set(
            capacity
        )
        registry.gauge(
            "prometheus_notifications_alertmanagers_discovered", "Alertmanagers that alerts are sent to."
        ).set_function(discovered)

    def remove(self, url: str) -> None:
        for family in (self.errors, self.sent, self.dropped, self.queue_length):
            family.remove(url)
        self.latency.remove(url)
        self.latency_histogram.remove(url)
