"""What the buckets of a native histogram tell about its observations, and the operators </ and >/, the obvious way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from reference.promql_histograms import Bucket, Value, buckets, edges


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
