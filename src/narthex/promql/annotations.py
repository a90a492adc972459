"""Warnings and infos of a query, in Prometheus' words, with the position of the expression they are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from narthex.model.labels import quote
from narthex.model.number import go_float
from narthex.promql.syntax import Expr

_QUANTILE_HELP = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


@dataclass
class ForcedMonotonicity:
    """What histogram_quantile had to repair for one metric name. Times in milliseconds, buckets by upper bound."""

    steps: int
    first: int
    last: int
    least_bound: float
    greatest_bound: float
    greatest_difference: float

    def merge(self, other: ForcedMonotonicity) -> None:
        self.steps += other.steps
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.least_bound = min(self.least_bound, other.least_bound)
        self.greatest_bound = max(self.greatest_bound, other.greatest_bound)
        self.greatest_difference = max(self.greatest_difference, other.greatest_difference)

    def __str__(self) -> str:
        return (
            f", from buckets {go_float(self.least_bound)} to {go_float(self.greatest_bound)}, with a max diff of "
            f"{go_float(self.greatest_difference, precision=2)}, over {self.steps} samples from "
            f"{_rfc3339(self.first)} to {_rfc3339(self.last)}"
        )


@dataclass
class Annotations:
    """Collects notes once each, in the order of their first appearance."""

    query: str
    _warnings: dict[str, None] = field(default_factory=dict)
    _infos: dict[str, None] = field(default_factory=dict)
    _repairs: dict[tuple[str, str], ForcedMonotonicity] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._warnings) + len(self._infos) + len(self._repairs)

    def warnings(self) -> list[str]:
        return [f"PromQL warning: {text}" for text in self._warnings]

    def infos(self) -> list[str]:
        """Infos; repairs of histograms come last, one a metric name and expression."""
        repairs = [f"{head}{repair} ({where})" for (head, where), repair in self._repairs.items()]
        return [f"PromQL info: {text}" for text in (*self._infos, *repairs)]

    def position(self, expr: Expr) -> str:
        """Line and column (in bytes), both from 1."""
        before = self.query.encode()[: expr.pos.start]
        return f"{before.count(10) + 1}:{expr.pos.start - before.rfind(10)}"

    def warn(self, text: str, expr: Expr) -> None:
        """Takes a warning about an expression."""
        self._warnings[f"{text} ({self.position(expr)})"] = None

    def inform(self, text: str, expr: Expr) -> None:
        """Takes an info about an expression."""
        self._infos[f"{text} ({self.position(expr)})"] = None

    def invalid_quantile(self, q: float, expr: Expr) -> None:
        self.warn(f"quantile value should be between 0 and 1, got {go_float(q)}", expr)

    def invalid_ratio(self, ratio: float, capped: float, expr: Expr) -> None:
        self.warn(f"ratio value should be between -1 and 1, got {go_float(ratio)}, capping to {go_float(capped)}", expr)

    def bad_bucket_label(self, metric: str, value: str, expr: Expr) -> None:
        text = f'bucket label "le" is missing or has a malformed value of {quote(value)}'
        self.warn(text + _for_metric(metric), expr)

    def sort_in_range_query(self, expr: Expr) -> None:
        self.warn("sort is ineffective for range queries since results are always ordered by labels", expr)

    def possible_non_counter(self, metric: str, expr: Expr) -> None:
        text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
        self.inform(text + quote(metric), expr)

    def possible_non_counter_type(self, metric: str, type_label: str, expr: Expr) -> None:
        text = 'metric might not be a counter, __type__ label is not set to "counter" or "histogram", got '
        self.inform(f"{text}{quote(type_label)}: {quote(metric)}", expr)

    def incompatible_types(self, left: str, operator: str, right: str, expr: Expr) -> None:
        text = f"incompatible sample types encountered for binary operator {quote(operator)}: {left} {operator} {right}"
        self.inform(text, expr)

    def mixed_classic_native(self, metric: str, expr: Expr) -> None:
        self.warn("vector contains a mix of classic and native histograms" + _for_metric(metric), expr)

    def ignored_in_aggregation(self, operator: str, expr: Expr) -> None:
        self.inform(f"ignored histogram in {operator} aggregation", expr)

    def forced_monotonicity(self, metric: str, repair: ForcedMonotonicity, expr: Expr) -> None:
        head = f"input to histogram_quantile needed to be fixed for monotonicity (see {_QUANTILE_HELP})"
        key = (head + _for_metric(metric), self.position(expr))
        if key in self._repairs:
            self._repairs[key].merge(repair)
        else:
            self._repairs[key] = repair


def _for_metric(metric: str) -> str:
    return f" for metric name {quote(metric)}" if metric else ""


def _rfc3339(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
