"""Aggregations, operators and histogram functions on columns of values: the obvious way, for comparison with kernels.

None stands for "no value".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from reference.promql_windows import exact_sum, extreme, mean, quantile, variance

Cell = float | None
Labels = dict[str, str]


def reduce(name: str, values: Sequence[float]) -> Cell:
    """One group at one step."""
    if not values:
        return None
    match name:
        case "sum":
            return exact_sum(values)
        case "avg":
            return mean(values)
        case "min":
            return extreme(values, min)
        case "max":
            return extreme(values, max)
        case "count":
            return float(len(values))
        case "group":
            return 1.0
        case "stdvar":
            return variance(values)
        case _:
            return math.sqrt(variance(values))


def best(values: Sequence[Cell], k: int, *, greatest: bool) -> list[Cell]:
    """topk and bottomk of one group at one step: which cells stay."""

    def rank(i: int) -> tuple[bool, float, int]:
        v = values[i]
        assert v is not None
        if math.isnan(v):
            return True, 0.0, i
        return False, -v if greatest else v, i

    kept = set(sorted((i for i, v in enumerate(values) if v is not None), key=rank)[:k])
    return [v if i in kept else None for i, v in enumerate(values)]


def value_counts(values: Sequence[Cell]) -> dict[str, float]:
    return {text: float(n) for text, n in Counter(repr(v) for v in values if v is not None).items()}


def bucket_quantile(q: float, buckets: Sequence[tuple[float, float]]) -> Cell:
    """`buckets` are (upper bound, cumulative count) with distinct, ascending bounds and counts that never fall."""
    if not buckets:
        return None
    if not 0 <= q <= 1:
        return quantile(q, [0.0])
    if buckets[-1][0] != math.inf or len(buckets) < 2 or buckets[-1][1] == 0:
        return math.nan
    rank = q * buckets[-1][1]
    i = next((i for i, (_, count) in enumerate(buckets[:-1]) if count >= rank), len(buckets) - 1)
    if i == len(buckets) - 1:
        return buckets[-2][0]
    bound, count = buckets[i]
    if i == 0 and bound <= 0:
        return bound
    start, below = buckets[i - 1] if i else (0.0, 0.0)
    try:
        return start + (bound - start) * ((rank - below) / (count - below))
    except ZeroDivisionError:
        return math.nan


def bucket_fraction(lower: float, upper: float, buckets: Sequence[tuple[float, float]]) -> Cell:
    if not buckets:
        return None
    total = buckets[-1][1]
    if buckets[-1][0] != math.inf or total == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0

    def below(v: float) -> float:
        count, start = 0.0, -math.inf if buckets[0][0] <= 0 else 0.0
        for bound, cumulative in buckets:
            if v <= start:
                return count
            if v < bound:
                if math.isinf(start):
                    return cumulative
                return count + (cumulative - count) * (v - start) / (bound - start)
            count, start = cumulative, bound
        return total

    return (min(below(upper), total) - min(below(lower), total)) / total


def group_key(labels: Labels, names: Sequence[str], *, keep: bool) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((n, v) for n, v in labels.items() if (n in names) is keep))


def calendar(name: str, seconds: float) -> float:
    at = datetime.fromtimestamp(int(seconds), UTC)
    following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
    first = datetime(at.year, at.month, 1, tzinfo=UTC)
    return float(
        {
            "minute": at.minute,
            "hour": at.hour,
            "day_of_week": at.isoweekday() % 7,
            "day_of_month": at.day,
            "day_of_year": at.timetuple().tm_yday,
            "days_in_month": (following - first).days,
            "month": at.month,
            "year": at.year,
        }[name]
    )
