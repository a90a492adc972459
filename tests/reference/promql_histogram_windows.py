"""Functions over the windows of a series of native histograms, the obvious way; see promql_histograms.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from reference.promql_histograms import GAUGE, Value, add, coarse, reset

Point = tuple[int, Value]


def window(points: Sequence[Point], t: int, span: int) -> list[Point]:
    return [p for p in points if t - span < p[0] <= t]


def scaled(v: Value, factor: float) -> Value:
    out = replace(v, zero_count=v.zero_count * factor, count=v.count * factor, sum=v.sum * factor)
    return out.sides(lambda side: {i: n * factor for i, n in side.items()})


def coarser(v: Value, schema: int) -> Value:
    return replace(v.sides(lambda side: coarse(side, v.schema - schema)), schema=schema)


def joined(a: Value | None, b: Value, sign: float = 1.0) -> Value | None:
    outcome = None if a is None else add(a, b, sign)
    return None if outcome is None else outcome.value


def difference(values: Sequence[Value], *, counter: bool) -> Value | None:
    """Of the last and the first, with what resets between took away. None where buckets do not go together."""
    first, last = values[0], values[-1]
    anew = counter and reset(first, values[1])
    base = Value(schema=values[1].schema, bounds=values[1].bounds) if anew else first
    between = values[1:-1] if counter else []
    if any(v.custom != base.custom for v in (*between, last)):
        return None
    total: Value | None = coarser(last, min(v.schema for v in (base, *between, last)))
    total = joined(total, base, -1.0)
    for i, (before, now) in enumerate(pairwise(values)):
        if counter and reset(before, now) and not (anew and i == 0):
            total = joined(total, before)
    return None if total is None else replace(total.compact(), hint=GAUGE)


def share(points: Sequence[Point], t: int, span: int, total: Value, *, counter: bool) -> float:
    """By what extrapolation to the window's edges multiplies."""
    seconds = (points[-1][0] - points[0][0]) / 1000
    spacing = seconds / (len(points) - 1)
    before, after = (points[0][0] - (t - span)) / 1000, (t - points[-1][0]) / 1000
    before = spacing / 2 if before >= spacing * 1.1 else before
    after = spacing / 2 if after >= spacing * 1.1 else after
    first = points[0][1].count
    if counter and total.count > 0 and first >= 0:
        before = min(before, seconds * first / total.count)
    return (seconds + before + after) / seconds


def extrapolated(points: Sequence[Point], t: int, span: int, *, counter: bool, per_second: bool) -> Value | None:
    seen = window(points, t, span)
    total = difference([v for _, v in seen], counter=counter) if len(seen) > 1 else None
    if total is None:
        return None
    factor = share(seen, t, span, total, counter=counter)
    return scaled(total, factor / (span / 1000) if per_second else factor)


def last_change(points: Sequence[Point], *, rate: bool) -> Value | None:
    if len(points) < 2:
        return None
    (t0, before), (t1, now) = points[-2:]
    total = now if rate and reset(before, now) else joined(now, before, -1.0)
    return None if total is None else scaled(total.compact(), 1000 / (t1 - t0) if rate else 1.0)


def total(values: Sequence[Value]) -> Value | None:
    out: Value | None = values[0]
    for value in values[1:]:
        out = joined(out, value)
    return out


def range_function(name: str, points: Sequence[Point], t: int, span: int) -> Value | float | None:
    seen = window(points, t, span)
    values = [v for _, v in seen]
    if not values:
        return None
    match name:
        case "rate" | "increase" | "delta":
            return extrapolated(points, t, span, counter=name != "delta", per_second=name == "rate")
        case "irate" | "idelta":
            return last_change(seen, rate=name == "irate")
        case "resets":
            return float(sum(reset(a, b) for a, b in pairwise(values)))
        case "sum_over_time":
            return total(values)
        case "avg_over_time":
            whole = total(values)
            return None if whole is None else scaled(whole, 1 / len(values))
        case "count_over_time":
            return float(len(values))
        case "first_over_time":
            return values[0]
        case _:
            return values[-1]


def on_line(a: Point, b: Point, t: int, *, counter: bool) -> Value | None:
    part = (t - a[0]) / (b[0] - a[0])
    if counter and reset(a[1], b[1]):
        return scaled(b[1], part)
    rise = joined(b[1], a[1], -1.0)
    return None if rise is None else joined(scaled(rise, part), a[1])


def smoothed_value(points: Sequence[Point], t: int, reach: int) -> Value | None:
    seen = [p for p in points if t - reach < p[0] <= t + reach]
    before, after = [p for p in seen if p[0] <= t], [p for p in seen if p[0] > t]
    if not before or before[-1][0] == t or not after:
        return before[-1][1] if before else None
    a, b = before[-1], after[0]
    if a[1].custom != b[1].custom:
        return None
    return on_line(a, b, t, counter=not (a[1].hint == b[1].hint == GAUGE))
