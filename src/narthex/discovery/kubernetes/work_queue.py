"""Keys of changed objects, each once however often it changed, with the metrics of the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from narthex.clock import Clock
from narthex.discovery.kubernetes.metrics import KubernetesMetrics


class WorkQueue:
    """Queues of one role share metrics."""

    def __init__(self, role: str, metrics: KubernetesMetrics, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._depth, self._items = metrics.queue_depth.labels(role), metrics.queue_items.labels(role)
        self._latency, self._work = metrics.queue_latency.labels(role), metrics.queue_work.labels(role)
        self._running = running = metrics.running.setdefault(role, [])
        metrics.queue_unfinished.labels(role).set_function(lambda: sum(clock.monotonic() - start for start in running))
        metrics.queue_longest.labels(role).set_function(
            lambda: max((clock.monotonic() - start for start in running), default=0.0)
        )

    def add(self, key: str) -> None:
        if key not in self._since:
            self._since[key] = self._clock.monotonic()
            self._items.inc()
            self._depth.inc()

    @contextmanager
    def batch(self, ready: Callable[[str], bool]) -> Iterator[Iterator[str]]:
        """Takes out the keys that are ready, to be gone through one by one; keys added meanwhile stay."""
        taken = {key: since for key, since in self._since.items() if ready(key)}
        for key in taken:
            del self._since[key]
        self._depth.inc(-len(taken))
        start = self._clock.monotonic()
        self._running.append(start)
        try:
            yield self._each(taken)
        finally:
            self._running.remove(start)

    def _each(self, taken: dict[str, float]) -> Iterator[str]:
        for key, since in taken.items():
            start = self._clock.monotonic()
            self._latency.observe(start - since)
            yield key
            self._work.observe(self._clock.monotonic() - start)

    def close(self) -> None:
        """Its keys no longer count."""
        self._depth.inc(-len(self._since))
        self._since.clear()
