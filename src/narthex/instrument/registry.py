"""A metric registry with Prometheus' types and its text exposition (format 0.0.4).

One registry a process part, made in `app` and passed in; there is no global one. Metrics are cheap enough for the
scrape path: a child is looked up once and kept, an increment is one float addition.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from narthex.instrument.text import Family, Sample, write_text
from narthex.model.number import format_float

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SUMMARY_WINDOW = 1000  # newest observations from which a summary's quantiles are taken


class _Metric:
    type = "untyped"

    def __init__(self, name: str, help: str, labels: Sequence[str]) -> None:
        self.name, self.help, self.label_names = name, help, tuple(labels)

    def samples(self) -> Iterable[Sample]:
        raise NotImplementedError  # abstract: each type below gives its own


class _Child:
    __slots__ = ("labels",)

    def __init__(self, labels: tuple[tuple[str, str], ...]) -> None:
        self.labels = labels


class _Value(_Child):
    __slots__ = ("function", "value")

    def __init__(self, labels: tuple[tuple[str, str], ...]) -> None:
        super().__init__(labels)
        self.value = 0.0
        self.function: Callable[[], float] | None = None

    def inc(self, amount: float = 1.0) -> None:
        self.value += amount

    def set(self, value: float) -> None:
        self.value = value

    def set_function(self, function: Callable[[], float]) -> None:
        """The value is asked for at exposition time."""
        self.function = function

    def read(self) -> float:
        return self.value if self.function is None else self.function()


C = TypeVar("C", bound=_Child)


class _Family(_Metric):
    """A metric with label names keeps a child for each combination of values; without names it is its own child."""

    def __init__(self, name: str, help: str, labels: Sequence[str]) -> None:
        super().__init__(name, help, labels)
        self._children: dict[tuple[str, ...], _Child] = {}

    def _child(self, values: Sequence[str], make: Callable[[tuple[tuple[str, str], ...]], C]) -> C:
        key = tuple(values)
        child = self._children.get(key)
        if child is None:
            if len(key) != len(self.label_names):
                raise ValueError(f"{self.name} takes labels {self.label_names}, got {key}")
            child = self._children[key] = make(tuple(zip(self.label_names, key, strict=True)))
        return child  # type: ignore[return-value]  # `make` decides the type, the same for all children of a family

    def remove(self, *values: str) -> None:
        """Drops the child with these label values, if any."""
        self._children.pop(tuple(values), None)

    def remove_beginning(self, *values: str) -> None:
        """Drops the children whose first label values are these."""
        for key in [key for key in self._children if key[: len(values)] == values]:
            del self._children[key]

    def clear(self) -> None:
        """Drops all children of a metric with label names."""
        if self.label_names:
            self._children.clear()


class Gauge(_Family):
    type = "gauge"

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, help, labels)
        if not labels:
            # Without labels the metric's methods are those of its only child.
            own = self.labels()
            self.inc, self.set, self.set_function = own.inc, own.set, own.set_function  # type: ignore[method-assign]  # saves a call

    def labels(self, *values: str) -> _Value:
        return self._child(values, _Value)

    def inc(self, amount: float = 1.0) -> None:
        self.labels().inc(amount)

    def set(self, value: float) -> None:
        self.labels().set(value)

    def set_function(self, function: Callable[[], float]) -> None:
        self.labels().set_function(function)

    @property
    def value(self) -> float:
        return self.labels().read()

    def samples(self) -> Iterable[Sample]:
        for child in list(self._children.values()):
            assert isinstance(child, _Value)
            yield self.name, child.labels, child.read()


class Counter(Gauge):
    """Only `inc` with a non-negative amount is meant for counters; `set_function` serves counters kept elsewhere."""

    type = "counter"


class _Buckets(_Child):
    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, labels: tuple[tuple[str, str], ...], bounds: tuple[float, ...]) -> None:
        super().__init__(labels)
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def set(self, counts: Sequence[int], total: float) -> None:
        """Takes over what was observed elsewhere: one count a bound and one for the rest, and the sum."""
        self.counts, self.sum = list(counts), total


class Histogram(_Family):
    """Classic histogram; `buckets` are ascending upper bounds without +Inf."""

    type = "histogram"

    def __init__(
        self, name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = DEFAULT_BUCKETS
    ) -> None:
        super().__init__(name, help, labels)
        self.bounds = tuple(buckets)
        if not labels:
            self.observe = self.labels().observe  # type: ignore[method-assign]  # saves a call

    def labels(self, *values: str) -> _Buckets:
        return self._child(values, lambda labels: _Buckets(labels, self.bounds))

    def add(self, counts: Sequence[int], total: float) -> None:
        """Many observations at once, without labels: how many fell into each bucket (the last is +Inf), their sum."""
        child = self.labels()
        child.counts = [have + more for have, more in zip(child.counts, counts, strict=True)]
        child.sum += total

    def observe(self, value: float) -> None:
        self.labels().observe(value)

    def samples(self) -> Iterable[Sample]:
        for child in list(self._children.values()):
            assert isinstance(child, _Buckets)
            total = 0
            for bound, count in zip((*child.bounds, float("inf")), child.counts, strict=True):
                total += count
                yield f"{self.name}_bucket", (*child.labels, ("le", format_float(bound))), total
            yield f"{self.name}_sum", child.labels, child.sum
            yield f"{self.name}_count", child.labels, total


class _Window(_Child):
    __slots__ = ("count", "sum", "values")

    def __init__(self, labels: tuple[tuple[str, str], ...]) -> None:
        super().__init__(labels)
        self.count, self.sum = 0, 0.0
        self.values: deque[float] = deque(maxlen=SUMMARY_WINDOW)

    def observe(self, value: float) -> None:
        self.count += 1
        self.sum += value
        self.values.append(value)


class Summary(_Family):
    """Quantiles over the newest SUMMARY_WINDOW observations; NaN before the first one."""

    type = "summary"

    def __init__(
        self, name: str, help: str, labels: Sequence[str] = (), quantiles: Sequence[float] = (0.5, 0.9, 0.99)
    ) -> None:
        super().__init__(name, help, labels)
        self.quantiles = tuple(quantiles)
        if not labels:
            self.observe = self.labels().observe  # type: ignore[method-assign]  # saves a call

    def labels(self, *values: str) -> _Window:
        return self._child(values, _Window)

    def observe(self, value: float) -> None:
        self.labels().observe(value)

    def samples(self) -> Iterable[Sample]:
        for child in list(self._children.values()):
            assert isinstance(child, _Window)
            ordered = sorted(child.values)
            for q in self.quantiles:
                value = ordered[min(int(q * len(ordered)), len(ordered) - 1)] if ordered else float("nan")
                yield self.name, (*child.labels, ("quantile", format_float(q))), value
            yield f"{self.name}_sum", child.labels, child.sum
            yield f"{self.name}_count", child.labels, child.count


M = TypeVar("M", bound=_Metric)


class Registry:
    """A set of metrics with unique names."""

    def __init__(self) -> None:
        self._metrics: dict[str, _Metric] = {}
        self._collectors: list[Callable[[], None]] = []

    def _add(self, metric: M) -> M:
        if metric.name in self._metrics:
            raise ValueError(f"metric {metric.name} is registered twice")
        self._metrics[metric.name] = metric
        return metric

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        return self._add(Counter(name, help, labels))

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return self._add(Gauge(name, help, labels))

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = DEFAULT_BUCKETS
    ) -> Histogram:
        return self._add(Histogram(name, help, labels, buckets))

    def summary(
        self, name: str, help: str, labels: Sequence[str] = (), quantiles: Sequence[float] = (0.5, 0.9, 0.99)
    ) -> Summary:
        return self._add(Summary(name, help, labels, quantiles))

    def on_collect(self, function: Callable[[], None]) -> None:
        """Called before each exposition, to bring gauges up to date."""
        self._collectors.append(function)

    def expose(self) -> bytes:
        """All metrics in the text format 0.0.4, families sorted by name."""
        for function in self._collectors:
            function()
        return write_text(Family(m.name, m.help, m.type, m.samples()) for m in self._metrics.values())
