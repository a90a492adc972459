"""Native histograms as values of PromQL, the obvious way: buckets are dictionaries from index to count, and every bound
is computed from its definition. What `core/histogram` computes is compared with this."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

CUSTOM = -53
UNKNOWN, RESET, NOT_RESET, GAUGE = range(4)

Buckets = Mapping[int, float]


@dataclass(frozen=True)
class Value:
    """Buckets may be there and empty."""

    schema: int = 0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    count: float = 0.0
    sum: float = 0.0
    hint: int = UNKNOWN
    positive: Buckets = field(default_factory=dict)
    negative: Buckets = field(default_factory=dict)
    bounds: tuple[float, ...] = ()

    @property
    def custom(self) -> bool:
        return self.schema == CUSTOM

    def sides(self, change: Callable[[Buckets], Buckets]) -> Value:
        return replace(self, positive=change(self.positive), negative=change(self.negative))

    def compact(self) -> Value:
        return self.sides(lambda side: {i: n for i, n in side.items() if n != 0})


def bound(schema: int, index: int) -> float:
    """Where an exponential bucket ends."""
    if index * 2.0**-schema == 1024:
        return math.nextafter(math.inf, 0)
    try:
        return float(2.0 ** (index * 2.0**-schema))
    except OverflowError:
        return math.inf


def edges(value: Value, index: int) -> tuple[float, float]:
    """The bounds of a positive bucket."""
    if not value.custom:
        return bound(value.schema, index - 1), bound(value.schema, index)
    ends = (-math.inf, *value.bounds, math.inf)
    return ends[index], ends[index + 1]


@dataclass(frozen=True)
class Bucket:
    lower: float
    upper: float
    count: float
    zero: bool = False
    ends: int = 0
    """As JSON results number which bounds belong to it."""


def buckets(value: Value) -> list[Bucket]:
    """All in ascending order; the zero bucket only when it holds something."""
    out = []
    inner = value.zero_threshold
    for i in sorted(value.negative, reverse=True):
        lower, upper = edges(value, i)
        out.append(Bucket(-upper, -(inner if 0 < lower < inner else lower), value.negative[i], ends=1))
    if value.zero_count > 0:
        out.append(Bucket(-inner, inner, value.zero_count, zero=True, ends=3))
    for i in sorted(value.positive):
        lower, upper = edges(value, i)
        ends = 3 if value.custom and i == 0 else 0
        out.append(Bucket(inner if 0 < lower < inner else lower, upper, value.positive[i], ends=ends))
    return out


def coarse(side: Buckets, steps: int) -> dict[int, float]:
    out: dict[int, float] = {}
    for i in sorted(side):
        j = -(-i // 2**steps)
        out[j] = out.get(j, 0.0) + side[i]
    return out


# Addition.


@dataclass(frozen=True)
class Outcome:
    value: Value
    collision: bool = False
    reconciled: bool = False


def joint_hint(a: int, b: int) -> tuple[int, bool]:
    if GAUGE in (a, b):
        return GAUGE, False
    return (a if a == b else UNKNOWN), {a, b} == {RESET, NOT_RESET}


def common_threshold(*values: Value) -> float:
    """The least threshold that none exceeds and at which no populated bucket of a narrower one is cut."""
    threshold = max(v.zero_threshold for v in values)
    while True:
        cut = [
            upper
            for v in values
            if v.zero_threshold < threshold
            for side in (v.positive, v.negative)
            for i, n in side.items()
            for lower, upper in (edges(v, i),)
            if n != 0 and lower < threshold < upper
        ]
        if not cut:
            return threshold
        threshold = max(cut)


def widened_count(value: Value, threshold: float) -> float:
    """What the zero bucket holds with that threshold."""
    if threshold == value.zero_threshold:
        return value.zero_count
    inside = [n for s in (value.positive, value.negative) for i, n in s.items() if edges(value, i)[0] < threshold]
    return value.zero_count + math.fsum(inside)


def widened(value: Value, threshold: float) -> Value:
    if threshold == value.zero_threshold:
        return value
    outside = value.sides(lambda side: {i: n for i, n in side.items() if edges(value, i)[0] >= threshold})
    return replace(outside.compact(), zero_threshold=threshold, zero_count=widened_count(value, threshold))


def remapped(value: Value, bounds: tuple[float, ...]) -> dict[int, float]:
    """Custom buckets by where they end among other bounds, all of which it has."""
    out: dict[int, float] = {}
    for i, n in value.positive.items():
        j = sum(b < edges(value, i)[1] for b in bounds)
        out[j] = out.get(j, 0.0) + n
    return out


def united(a: Buckets, b: Buckets, sign: float) -> dict[int, float]:
    return {i: a.get(i, 0.0) + sign * b.get(i, 0.0) for i in sorted({*a, *b})}


def add(a: Value, b: Value, sign: float = 1.0) -> Outcome | None:
    """None for an exponential histogram with one of custom buckets."""
    if a.custom != b.custom:
        return None
    hint, collision = joint_hint(a.hint, b.hint)
    total = replace(a, hint=hint, count=a.count + sign * b.count, sum=a.sum + sign * b.sum)
    if a.custom and a.bounds == b.bounds:
        return Outcome(replace(total, positive=united(a.positive, b.positive, sign)), collision)
    if a.custom:
        bounds = tuple(x for x in a.bounds if x in b.bounds)
        positive = united(remapped(a, bounds), remapped(b, bounds), sign)
        return Outcome(replace(total, positive=positive, bounds=bounds).compact(), collision, True)
    threshold, schema = common_threshold(a, b), min(a.schema, b.schema)
    wide = widened(a, threshold)

    def added(own: Buckets, others: Buckets) -> dict[int, float]:
        # Only after it became coarse a bucket is left out when it ends in the zero bucket.
        more = {i: n for i, n in coarse(others, b.schema - schema).items() if bound(schema, i) > threshold}
        return united(coarse(own, a.schema - schema), more, sign)

    return Outcome(
        replace(
            total,
            schema=schema,
            zero_threshold=threshold,
            zero_count=wide.zero_count + sign * widened_count(b, threshold),
            positive=added(wide.positive, b.positive),
            negative=added(wide.negative, b.negative),
        ),
        collision,
    )


# Counter resets.


def reset(before: Value, after: Value) -> bool:
    if after.hint in (RESET, NOT_RESET):
        return after.hint == RESET
    if after.count < before.count or before.custom != after.custom:
        return True
    if after.custom:
        bounds = tuple(x for x in after.bounds if x in before.bounds)
        old, new = remapped(before, bounds), remapped(after, bounds)
        if before.bounds == after.bounds:
            return any(new.get(i, 0.0) < n if i in new else n != 0 for i, n in old.items())
        return any(new.get(i, 0.0) < n for i, n in old.items())
    if after.schema > before.schema or after.zero_threshold < before.zero_threshold:
        return True
    if common_threshold(before, replace(after, positive={}, negative={})) != after.zero_threshold:
        return True
    if after.zero_count < widened_count(before, after.zero_threshold):
        return True
    steps = before.schema - after.schema
    for side, new in ((before.positive, after.positive), (before.negative, after.negative)):
        for i, n in coarse(side, steps).items():
            if bound(after.schema, i) > after.zero_threshold and (new[i] < n if i in new else n != 0):
                return True
    return False
