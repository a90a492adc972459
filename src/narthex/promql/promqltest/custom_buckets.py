"""Classic histograms (series with an le label, _count and _sum) as native ones with custom buckets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.number import go_float
from narthex.promql.syntax.histogram_literal import CUSTOM_BUCKETS, HistogramLiteral

_LE = "le"


class CustomBucketsError(ValueError):
    """A classic histogram whose parts do not fit together."""


class ClassicHistograms:
    """Collects the series of one load. Series whose bounds are no numbers are passed over."""

    def __init__(self) -> None:
        self._moments: dict[Labels, dict[int, _Moment]] = {}

    def add(self, labels: Labels, samples: Sequence[tuple[int, float]]) -> None:
        """Samples as (milliseconds, value)."""
        name = labels.get(METRIC_NAME, "")
        base, _, part = name.rpartition("_")
        if part not in ("bucket", "count", "sum") or not name.endswith(f"_{part}"):
            return
        bound = 0.0
        if part == "bucket":
            try:
                bound = float(labels.get(_LE, ""))
            except ValueError:
                return
            if math.isnan(bound):
                return
        moments = self._moments.setdefault(labels.without(_LE).merged({METRIC_NAME: base}), {})
        for time, value in samples:
            moment = moments.setdefault(time, _Moment())
            if part == "bucket":
                moment.buckets.setdefault(bound, value)
            elif part == "count":
                moment.count = value
            else:
                moment.sum = value

    def converted(self) -> Iterator[tuple[Labels, list[tuple[int, HistogramLiteral]]]]:
        """Each histogram with its samples in order of time. Raises CustomBucketsError."""
        for labels, moments in self._moments.items():
            yield labels, [(time, moments[time].converted()) for time in sorted(moments)]


class _Moment:
    """What is known of one histogram at one time; `buckets` are cumulative counts by upper bound."""

    def __init__(self) -> None:
        self.buckets: dict[float, float] = {}
        self.count: float | None = None
        self.sum = 0.0

    def converted(self) -> HistogramLiteral:
        bounds = sorted(self.buckets)
        if self.count is None and not bounds:
            raise CustomBucketsError("count must be provided when no buckets are present")
        count = self.buckets[bounds[-1]] if self.count is None else self.count
        if count < 0:
            raise CustomBucketsError(f"count must be non-negative: count={go_float(count)}")
        cumulative = [self.buckets[bound] for bound in bounds]
        for bound, number in zip(bounds, cumulative, strict=True):
            if number < 0:
                texts = f"le={go_float(bound)}, count={go_float(number)}"
                raise CustomBucketsError(f"bucket count must be non-negative: {texts}")
        if not bounds or bounds[-1] != math.inf:
            bounds.append(math.inf)
            cumulative.append(count)
        before = 0.0
        buckets = []
        for index, number in enumerate(cumulative):
            if number < before:
                raise CustomBucketsError(f"count is not cumulative: {go_float(number)} < {go_float(before)}")
            if number != before:
                buckets.append((index, number - before))
            before = number
        if not (count == before or (math.isnan(count) and math.isnan(before))):
            raise CustomBucketsError(f"count mismatch: count={go_float(count)} != le=+Inf count={go_float(before)}")
        return HistogramLiteral(
            schema=CUSTOM_BUCKETS,
            sum=self.sum,
            count=count,
            custom_values=tuple(bounds[:-1]),
            positive=tuple(buckets),
        )
