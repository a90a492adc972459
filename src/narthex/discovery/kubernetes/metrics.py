"""prometheus_sd_kubernetes_* metrics, those of requests and of the queue of changed objects among them."""

from __future__ import annotations

from narthex.instrument.registry import Registry

ROLES = ("endpointslice", "endpoints", "node", "pod", "service", "ingress")
EVENTS = ("add", "delete", "update")


class KubernetesMetrics:
    def __init__(self, registry: Registry) -> None:
        counter, summary, gauge = registry.counter, registry.summary, registry.gauge
        self.events = counter("prometheus_sd_kubernetes_events_total", "Changes of objects seen.", ("role", "event"))
        for role in ROLES:
            for event in EVENTS:
                self.events.labels(role, event)
        self.failures = counter("prometheus_sd_kubernetes_failures_total", "LIST and WATCH requests that failed.")
        self.requests = counter(
            "prometheus_sd_kubernetes_http_request_total", "Requests to the API by status.", ("status_code",)
        )
        self.request_seconds = summary(
            "prometheus_sd_kubernetes_http_request_duration_seconds",
            "How long answers of the API took to begin.",
            ("endpoint",),
            (),
        )
        queue, by_queue = "prometheus_sd_kubernetes_workqueue_", ("queue_name",)
        self.queue_depth = gauge(queue + "depth", "Changed objects whose targets are not yet made.", by_queue)
        self.queue_items = counter(queue + "items_total", "Changed objects that were queued.", by_queue)
        self.queue_latency = summary(
            queue + "latency_seconds", "How long changed objects waited for their targets to be made.", by_queue, ()
        )
        self.queue_work = summary(
            queue + "work_duration_seconds", "How long making the targets of a changed object took.", by_queue, ()
        )
        self.queue_unfinished = gauge(
            queue + "unfinished_work_seconds", "How long batches that are being made have taken so far.", by_queue
        )
        self.queue_longest = gauge(
            queue + "longest_running_processor_seconds", "How long the longest of these has taken so far.", by_queue
        )
        self.running: dict[str, list[float]] = {}  # when each batch under way began, by role
