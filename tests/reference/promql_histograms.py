"""Native histograms as values of PromQL, the obvious way: buckets are dictionaries from index to count, and every bound
is computed from its definition. What `core/histogram` computes is compared with this."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
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


# Estimates.


def _halved(value: Value, b: Bucket) -> Bucket:
    if b.lower <= 0 <= b.upper:
        if value.positive and not value.negative:
            return replace(b, lower=0.0)
        if value.negative and not value.positive:
            return replace(b, upper=0.0)
    return b


def _inside(value: Value, b: Bucket, share: float) -> float:
    if value.custom or b.lower <= 0 <= b.upper:
        return b.lower + (b.upper - b.lower) * share
    from_log, to_log = math.log2(abs(b.lower)), math.log2(abs(b.upper))
    try:
        return math.copysign(2.0 ** (from_log + (to_log - from_log) * share), b.upper)
    except OverflowError:
        return math.copysign(math.inf, b.upper)


def _share(value: Value, b: Bucket, v: float) -> float:
    if value.custom or b.lower <= 0 <= b.upper:
        return (v - b.lower) / (b.upper - b.lower)
    return math.log(v / b.lower) / math.log(b.upper / b.lower)


def quantile(value: Value, q: float) -> float:
    """Of a histogram whose sum is a number, whose buckets hold all its observations, some, and none negative ones."""
    if not 0 <= q <= 1:
        return math.inf if q > 1 else -math.inf
    populated = [b for b in buckets(value) if b.count]
    if q < 0.5:
        rank, order = q * value.count, populated
    else:
        rank, order = (1 - q) * value.count, populated[::-1]
    passed = 0.0
    for b in order:
        if passed + b.count >= rank or b is order[-1]:
            break
        passed += b.count
    share = (rank - passed) / b.count
    if value.custom and b.lower == -math.inf and b.upper <= 0:
        return b.upper
    if value.custom and b.upper == math.inf and b.lower != -math.inf:
        return b.lower
    if not value.custom or b.lower == -math.inf:
        b = _halved(value, b)
    return _inside(value, b, share if q < 0.5 else 1 - share)


def quantile_with_nans(value: Value, q: float) -> tuple[float, bool]:
    """Of a histogram whose sum is NaN, q in [0, 1]; whether it has observations of NaN, which count alone has."""
    held = buckets(value)
    if not held:
        return math.nan, True
    passed, rank = 0.0, q * value.count
    for b in held:
        if b.count and passed + b.count >= rank:
            break
        passed += b.count
    if value.custom and b.upper == math.inf and b.lower != -math.inf:
        return b.lower, False
    if value.custom and b.lower == -math.inf and b.upper <= 0:
        return b.upper, False
    if passed == math.fsum(x.count for x in held):
        return math.nan, True
    # Prometheus interpolates in the last bucket, by how far the rank is into its own one.
    last, share = held[-1], (rank - passed) / held[-1].count
    if last is b and (not value.custom or b.lower == -math.inf):
        last = _halved(value, b)
    nans = math.fsum(x.count for x in held) < value.count
    return _inside(value, last, share), nans


def fraction(value: Value, lower: float, upper: float) -> float:
    """As for `quantile`; the bounds are numbers or infinite."""
    if lower >= upper:
        return 0.0

    def below(v: float) -> float:
        passed = 0.0
        for b in (_halved(value, b) for b in buckets(value)):
            if b.lower >= v:
                break
            if b.upper <= v:
                passed += b.count
            else:
                return b.count if value.custom and b.lower == -math.inf else passed + b.count * _share(value, b, v)
        return min(passed, value.count)

    return (below(upper) - below(lower)) / value.count


def variance(value: Value) -> float:
    mean = value.sum / value.count
    total = []
    for b in buckets(value):
        middle = 0.0
        if value.custom:
            middle = (b.lower + b.upper) / 2
        elif not b.lower <= 0 <= b.upper:
            middle = math.copysign(math.sqrt(b.lower * b.upper), b.upper)
        if b.count:
            total.append(b.count * (middle - mean) ** 2)
    return math.fsum(total) / value.count


# Trimming.


def _left(value: Value, b: Bucket, at: float, below: bool, positive: bool) -> tuple[float, float]:
    """How many observations of a bucket are left, and their mean."""
    if below and b.zero and b.lower == b.upper == at:
        return 0.0, 0.0
    if b.upper <= at if below else b.lower >= at:
        kept, lower, upper = b.count, b.lower, b.upper
    elif b.lower >= at if below else b.upper <= at:
        return 0.0, 0.0
    elif b.lower == -math.inf:
        if not 0 < b.upper < math.inf:
            return (b.count, at) if below and b.upper <= 0 else (0.0, 0.0)
        if below:
            return (b.count * at / b.upper, at / 2) if at > 0 else (0.0, 0.0)
        return (b.count * (1 - at / b.upper), (at + b.upper) / 2) if at >= 0 else (0.0, 0.0)
    elif b.upper == math.inf:
        return (0.0, 0.0) if below else (b.count, at)
    else:
        under = b.count * _share(value, b, at)
        kept, lower, upper = (under, b.lower, at) if below else (b.count - under, at, b.upper)
    if math.isinf(lower):
        middle = 0.0 if math.isinf(upper) else upper / 2 if upper > 0 else upper
    elif math.isinf(upper):
        middle = lower
    elif value.custom or b.zero:
        middle = (lower + upper) / 2
    else:
        middle = math.copysign(math.sqrt(lower * upper), 1 if positive else -1)
    return kept, middle


def _parts(value: Value) -> Iterator[tuple[str, int, Bucket]]:
    for name, side in (("positive", value.positive), ("negative", value.negative)):
        for i, n in side.items():
            lower, upper = edges(value, i)
            yield name, i, Bucket(lower, upper, n) if name == "positive" else Bucket(-upper, -lower, n)
    if value.zero_count > 0:
        sides = [any(side.values()) for side in (value.negative, value.positive)]
        lower = 0.0 if sides == [False, True] else -value.zero_threshold
        upper = 0.0 if sides == [True, False] else value.zero_threshold
        yield "zero", 0, Bucket(lower, upper, value.zero_count, zero=True)


def trim(value: Value, at: float, below: bool) -> Value:
    left: dict[str, dict[int, float]] = {"positive": {}, "negative": {}, "zero": {}}
    total = 0.0
    changed = False
    for name, i, b in _parts(value):
        kept, middle = _left(value, b, at, below, name == "positive") if b.count else (0.0, 0.0)
        left[name][i] = kept
        total += kept * middle
        changed |= kept != b.count
    if not changed:
        return value
    count = sum(n for side in left.values() for n in side.values())
    zero = left["zero"].get(0, value.zero_count)
    sides = {"positive": left["positive"], "negative": left["negative"]}
    return replace(value, count=count, sum=total, zero_count=zero, **sides).compact()
