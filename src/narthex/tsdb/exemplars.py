"""Exemplars of the head: selection and metrics. The ring itself is the core's (core/head/exemplars.h)."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.native import Head
from narthex.storage.contract import Exemplar


def select_exemplars(
    head: Head, matcher_sets: Sequence[Sequence[Matcher]], mint: int, maxt: int
) -> list[tuple[Labels, list[Exemplar]]]:
    """See storage.contract.ExemplarQuerier."""
    series, ends, times, values, labels = head.exemplars(mint, maxt)
    found = []
    first = 0
    for row, end in enumerate(ends.tolist()):
        of = Labels(series[row])
        if any(all(m.matches(of.get(m.name, "")) for m in matchers) for matchers in matcher_sets):
            own = [Exemplar(Labels(labels[k]), int(times[k]), float(values[k])) for k in range(first, end)]
            found.append((of, own))
        first = end
    found.sort(key=lambda pair: pair[0])
    return found


class ExemplarMetrics:
    """Read from the core when the metrics are exposed."""

    def __init__(self, registry: Registry, head: Head) -> None:
        self._head = head
        prefix = "prometheus_tsdb_exemplar"
        self._appended = registry.counter(f"{prefix}_exemplars_appended_total", "Total number of appended exemplars.")
        self._out_of_order = registry.counter(
            f"{prefix}_out_of_order_exemplars_total",
            "Total number of out of order exemplar ingestion failed attempts.",
        )
        self._stored = registry.gauge(
            f"{prefix}_exemplars_in_storage", "Number of exemplars currently in circular storage."
        )
        self._series = registry.gauge(
            f"{prefix}_series_with_exemplars_in_storage",
            "Number of series with exemplars currently in circular storage.",
        )
        self._oldest = registry.gauge(
            f"{prefix}_last_exemplars_timestamp_seconds",
            "The timestamp of the oldest exemplar stored in circular storage.",
        )
        self._most = registry.gauge(
            f"{prefix}_max_exemplars", "Total number of exemplars the exemplar storage can store, resizeable."
        )
        registry.on_collect(self._collect)

    def _collect(self) -> None:
        counts = self._head.exemplar_counts()
        self._appended.set(counts.appended)
        self._out_of_order.set(counts.out_of_order)
        self._stored.set(counts.stored)
        self._series.set(counts.series)
        self._oldest.set(counts.oldest / 1000)
        self._most.set(counts.capacity)
