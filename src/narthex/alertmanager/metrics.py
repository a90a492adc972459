"""Alertmanager's own metrics, under its names."""

from __future__ import annotations

from narthex.instrument import Registry


class NotifyMetrics:
    """Counters of the notification pipeline."""

    def __init__(self, registry: Registry) -> None:
        p = "alertmanager_"
        self.notifications = registry.counter(
            f"{p}notifications_total", "The total number of attempted notifications.", ["integration"]
        )
        self.failed = registry.counter(
            f"{p}notifications_failed_total", "The total number of failed notifications.", ["integration", "reason"]
        )
        self.requests = registry.counter(
            f"{p}notification_requests_total", "The total number of attempted notification requests.", ["integration"]
        )
        self.failed_requests = registry.counter(
            f"{p}notification_requests_failed_total",
            "The total number of failed notification requests.",
            ["integration"],
        )
        self.latency = registry.histogram(
            f"{p}notification_latency_seconds",
            "The latency of notifications in seconds.",
            ["integration"],
            buckets=(1, 5, 10, 15, 20),
        )
        self.suppressed = registry.counter(
            f"{p}notifications_suppressed_total",
            "The total number of alerts suppressed for being silenced, inhibited or outside of active time intervals.",
        )


class AlertMetrics:
    """Counters of what is received."""

    def __init__(self, registry: Registry) -> None:
        p = "alertmanager_"
        self.received = registry.counter(
            f"{p}alerts_received_total", "The total number of received alerts.", ["status", "version"]
        )
        self.invalid = registry.counter(
            f"{p}alerts_invalid_total", "The total number of received alerts that were invalid.", ["version"]
        )
        self.alerts = registry.gauge(f"{p}alerts", "How many alerts by state.", ["state"])
        self.groups = registry.gauge(f"{p}dispatcher_aggregation_groups", "Number of active aggregation groups.")


class ConfigMetrics:
    """Whether the last reload worked."""

    def __init__(self, registry: Registry) -> None:
        p = "alertmanager_config_"
        self.successful = registry.gauge(
            f"{p}last_reload_successful", "Whether the last configuration reload attempt was successful."
        )
        self.success_time = registry.gauge(
            f"{p}last_reload_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload.",
        )
