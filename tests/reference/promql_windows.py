"""Range functions and instant selectors, one window at a time: the obvious way, for comparison with the kernels.

Times are milliseconds. A window is (t - range, t]. None stands for "no value".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

Point = tuple[int, float]


def window(points: Sequence[Point], t: int, span: int) -> list[Point]:
    return [p for p in points if t - span < p[0] <= t]


def lookback(points: Sequence[tuple[int, float | None]], t: int, span: int) -> tuple[int, float] | None:
    """`None` values are stale markers."""
    seen = [p for p in points if t - span < p[0] <= t]
    if not seen or seen[-1][1] is None:
        return None
    return seen[-1][0], seen[-1][1]


def exact_sum(values: Sequence[float]) -> float:
    """Finite values are added without any rounding."""
    if all(map(math.isfinite, values)):
        total = sum(map(Fraction, values), Fraction(0))
        try:
            return float(total)
        except OverflowError:
            return math.copysign(math.inf, total)
    return sum(v for v in values if not math.isfinite(v))


def extrapolated(points: Sequence[Point], t: int, span: int, *, counter: bool, per_second: bool) -> float | None:
    if len(points) < 2:
        return None
    values = [v for _, v in points]
    change = values[-1] - values[0]
    if counter:
        for before, now in pairwise(values):
            if now < before:
                change += before
    seconds = (points[-1][0] - points[0][0]) / 1000
    spacing = seconds / (len(points) - 1)
    before = (points[0][0] - (t - span)) / 1000
    after = (t - points[-1][0]) / 1000
    if before >= spacing * 1.1:
        before = spacing / 2
    if counter and change > 0 and values[0] >= 0:
        before = min(before, seconds * (values[0] / change))
    if after >= spacing * 1.1:
        after = spacing / 2
    result = change * ((seconds + before + after) / seconds)
    return result / (span / 1000) if per_second else result


def last_change(points: Sequence[Point], *, rate: bool) -> float | None:
    if len(points) < 2:
        return None
    (t0, v0), (t1, v1) = points[-2:]
    if not rate:
        return v1 - v0
    return (v1 if v1 < v0 else v1 - v0) / ((t1 - t0) / 1000)


def changes(values: Sequence[float]) -> float:
    pairs = pairwise(values)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs))


def resets(values: Sequence[float]) -> float:
    return float(sum(b < a for a, b in pairwise(values)))


def mean(values: Sequence[float]) -> float:
    if all(map(math.isfinite, values)):
        return float(sum(map(Fraction, values), Fraction(0)) / len(values))
    return exact_sum(values)


def variance(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    exact = [Fraction(v) for v in values]
    centre = sum(exact, Fraction(0)) / len(exact)
    return float(sum(((v - centre) ** 2 for v in exact), Fraction(0)) / len(exact))


def extreme(values: Sequence[float], choose: Callable[[list[float]], float]) -> float:
    numbers = [v for v in values if not math.isnan(v)]
    return choose(numbers) if numbers else math.nan


def extreme_time(points: Sequence[Point], choose: Callable[[list[float]], float]) -> float:
    """Seconds; the last of equal ones."""
    best = extreme([v for _, v in points], choose)
    return max(t for t, v in points if v == best or (math.isnan(best) and math.isnan(v))) / 1000


def quantile(q: float, values: Sequence[float]) -> float:
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q - 0.5)
    ordered = sorted(values, key=lambda v: (not math.isnan(v), 0 if math.isnan(v) else v))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return ordered[low] * (1 - weight) + ordered[high] * weight


def deviation(values: Sequence[float]) -> float:
    if any(map(math.isnan, values)):
        return math.nan
    middle = quantile(0.5, values)
    return quantile(0.5, [abs(v - middle) for v in values])


def line(points: Sequence[Point], origin: int) -> tuple[float, float]:
    """Slope a second, and the value at `origin`; exact for finite values."""
    values = [v for _, v in points]
    if all(v == values[0] for v in values):
        return (math.nan, math.nan) if math.isinf(values[0]) else (0.0, values[0])
    if not all(map(math.isfinite, values)):
        return math.nan, math.nan
    xs = [Fraction(t - origin, 1000) for t, _ in points]
    ys = [Fraction(v) for v in values]
    n = len(points)
    cov = sum((x * y for x, y in zip(xs, ys, strict=True)), Fraction(0)) - sum(xs) * sum(ys) / n
    var = sum((x * x for x in xs), Fraction(0)) - sum(xs) ** 2 / n
    slope = cov / var
    return float(slope), float(sum(ys) / n - slope * sum(xs) / n)


def smoothed(values: Sequence[float], level_factor: float, trend_factor: float) -> float | None:
    if len(values) < 2:
        return None
    level, trend = values[0], values[1] - values[0]
    for v in values[1:]:
        before = level
        level = level_factor * v + (1 - level_factor) * (before + trend)
        trend = trend_factor * (level - before) + (1 - trend_factor) * trend
    return level


def range_function(name: str, points: Sequence[Point], t: int, span: int, *parameters: float) -> float | None:
    """The value of a function over the window that ends at t; `points` holds no stale markers."""
    inside = window(points, t, span)
    values = [v for _, v in inside]
    if name in ("rate", "increase", "delta"):
        return extrapolated(inside, t, span, counter=name != "delta", per_second=name == "rate")
    if name in ("irate", "idelta"):
        return last_change(inside, rate=name == "irate")
    if name == "deriv":
        return line(inside, inside[0][0])[0] if len(inside) > 1 else None
    if name == "predict_linear":
        if len(inside) < 2:
            return None
        slope, now = line(inside, t)
        return slope * parameters[0] + now
    if name == "double_exponential_smoothing":
        return smoothed(values, *parameters)
    if not inside:
        return None
    simple: dict[str, Callable[[], float]] = {
        "changes": lambda: changes(values),
        "resets": lambda: resets(values),
        "sum_over_time": lambda: exact_sum(values),
        "avg_over_time": lambda: mean(values),
        "min_over_time": lambda: extreme(values, min),
        "max_over_time": lambda: extreme(values, max),
        "count_over_time": lambda: float(len(values)),
        "last_over_time": lambda: values[-1],
        "first_over_time": lambda: values[0],
        "present_over_time": lambda: 1.0,
        "stddev_over_time": lambda: math.sqrt(variance(values)),
        "stdvar_over_time": lambda: variance(values),
        "quantile_over_time": lambda: quantile(parameters[0], values),
        "mad_over_time": lambda: deviation(values),
        "ts_of_min_over_time": lambda: extreme_time(inside, min),
        "ts_of_max_over_time": lambda: extreme_time(inside, max),
        "ts_of_first_over_time": lambda: inside[0][0] / 1000,
        "ts_of_last_over_time": lambda: inside[-1][0] / 1000,
    }
    return simple[name]()


def on_line(a: Point, b: Point, t: int, *, counter: bool) -> float:
    start = 0.0 if counter and b[1] < a[1] else a[1]
    return start + (b[1] - start) * (t - a[0]) / (b[0] - a[0])


def extended(name: str, points: Sequence[Point], t: int, span: int, reach: int, *, smoothed: bool) -> float | None:
    """A function over an anchored or smoothed window: the points at its edges are made up from those around them."""
    start, counter = t - span, name in ("rate", "increase")
    near = [p for p in points if start - reach < p[0] <= t + (reach if smoothed else 0)]
    before = [p for p in near if p[0] <= start]
    upto = [p for p in near if p[0] <= t]
    if smoothed:
        known = near and near[-1][0] > start and (before or near[0][0] <= t)
    else:
        known = bool(upto) and upto[-1][0] > start
    if not known:
        return None
    left = before[-1][1] if before else near[0][1]
    right = upto[-1][1] if upto else near[0][1]
    if smoothed:
        after_start = [p for p in near if p[0] > start]
        if before and before[-1][0] < start:
            left = on_line(before[-1], after_start[0], start, counter=counter)
        after = [p for p in near if p[0] >= t]
        if after and after[0][0] > t and upto:
            right = on_line(upto[-1], after[0], t, counter=counter)
        elif after:
            right = after[0][1]
    values = [left, *(v for when, v in near if start < when < t), right]
    if name == "changes":
        return changes(values)
    if name == "resets":
        return resets(values)
    change = right - left
    if counter:
        change += sum(a for a, b in pairwise(values) if b < a)
    return change / (span / 1000) if name == "rate" else change


def smoothed_value(points: Sequence[Point], t: int, reach: int) -> float | None:
    near = [p for p in points if t - reach < p[0] <= t + reach]
    before = [p for p in near if p[0] < t]
    after = [p for p in near if p[0] >= t]
    if after and after[0][0] == t:
        return after[0][1]
    if not before:
        return None
    return on_line(before[-1], after[0], t, counter=False) if after else before[-1][1]
