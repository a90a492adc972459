"""The series that queries are asked about: gaps, stale markers, resets, NaN and infinities, ties, values of every size.

Values lie on a binary grid (multiples of 1/8) unless the metric says otherwise, so that sums are exact in any order.
No sample stands on a multiple of 125 ms and all times of queries do, so that a window with its left edge (2.42) and
one without (3.0 and later) hold the same samples.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from differential.promql_fuzz.precision import Precision
from narthex.model.number import STALE_NAN
from narthex.promql.syntax import VectorSelector

MINUTE = 60_000
HOUR = 60 * MINUTE
END = 1_780_000_000_000 // (2 * HOUR) * (2 * HOUR) + HOUR
"""Newest samples, milliseconds: an hour into what is still in the head."""
START = END - 5 * HOUR
BLOCKS_END = END - HOUR
"""Where the blocks end and the head begins."""

_SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0)
_WILD = (1e300, -1e308, 1.7e308, 2.5e-308, 1e-300, 0.1, math.pi, -(2.0**53), 2.0**53 + 2, -1e-5)
_BOUNDS = ("0.1", "0.5", "1", "2.5", "+Inf")
_LABELS = {"a": ("1", "2", "3"), "b": ("x", "y1", "y2"), "c": ("", "red", "blue")}


@dataclass(frozen=True)
class Metric:
    """`every` is the usual distance of samples in milliseconds; `labels` are those of its series."""

    name: str
    labels: tuple[str, ...]
    every: int
    precision: Precision


METRICS = {
    m.name: m
    for m in (
        Metric("C_total", ("a", "b"), 15_000, Precision(18, -3, True)),
        Metric("G", ("a", "b"), 20_000, Precision(9, -3, True)),
        Metric("K", ("a", "b", "c"), 60_000, Precision(3, 0, True)),
        Metric("one", ("a",), 30_000, Precision(9, -3, True)),
        Metric("S", ("a", "b"), 30_000, Precision(9, -3, True, finite=False)),
        Metric("W", ("b",), 45_000, Precision(1024, -1074, finite=False)),
        Metric("B_bucket", ("a", "le"), 15_000, Precision(18, 0, True)),
    )
}
Series = tuple[dict[str, str], list[tuple[int, float]]]


def selected(selector: VectorSelector) -> Precision:
    """The precision of what a selector can find: that of the metrics whose name it matches."""
    found = [
        metric.precision
        for metric in METRICS.values()
        if all(m.matches(metric.name) for m in selector.matchers if m.name == "__name__")
    ]
    out = found[0] if found else Precision(0, 0, True)
    for other in found[1:]:
        out = out.join(other)
    return out


@cache
def made(seed: int) -> list[Series]:
    """All series; the same for the same seed. Samples are (milliseconds, value), ascending."""
    rnd = random.Random(seed)
    out: list[Series] = []
    for metric in METRICS.values():
        if metric.name == "B_bucket":
            for a in _LABELS["a"]:
                out += _buckets(rnd, {"__name__": metric.name, "a": a}, metric.every)
            continue
        for labels in _label_sets(metric.labels):
            if rnd.random() < 0.1:
                continue
            times = list(_times(rnd, metric.every))
            values = _VALUES[metric.name](rnd, times)
            samples = [(t, STALE_NAN if rnd.random() < 0.01 else v) for t, v in zip(times, values, strict=True)]
            if rnd.random() < 0.15:  # ends early, with a marker
                samples = samples[: rnd.randrange(2, len(samples))]
                samples[-1] = (samples[-1][0], STALE_NAN)
            elif rnd.random() < 0.15:
                samples = samples[rnd.randrange(len(samples) - 2) :]
            out.append(({"__name__": metric.name, **labels}, samples))
    return out


def _label_sets(names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    sets: list[dict[str, str]] = [{}]
    for name in names:
        sets = [{**labels, **({name: v} if v else {})} for labels in sets for v in _LABELS[name]]
    yield from sets


def _times(rnd: random.Random, every: int) -> Iterator[int]:
    now = START + rnd.randrange(100, every)
    while now < END + 10 * MINUTE:
        if now % 125:
            yield now
        chance = rnd.random()
        if chance < 0.02:
            now += rnd.randrange(every, 12 * MINUTE)
        elif chance < 0.3:
            now += every + rnd.randrange(-every // 5, every // 5)
        else:
            now += every


def _counter(rnd: random.Random, times: list[int]) -> list[float]:
    total, out, steady = float(rnd.randrange(1000)), [], rnd.random() < 0.3
    for _ in times:
        if rnd.random() < 0.01:
            total = float(rnd.choice((0, 0, 3, 500)))
        elif not steady or rnd.random() < 0.3:
            total += rnd.randrange(240) / 8
        out.append(total)
    return out


def _gauge(rnd: random.Random, times: list[int]) -> list[float]:
    middle, swing = rnd.randrange(-100, 100), rnd.randrange(1, 100)
    return [round(8 * (middle + swing * math.sin(t / 1e6) + rnd.gauss(0, 8))) / 8 for t in times]


def _few(rnd: random.Random, times: list[int]) -> list[float]:
    value, out = 0.0, []
    for _ in times:
        if rnd.random() < 0.2:
            value = float(rnd.randrange(-2, 4))
        out.append(value)
    return out


def _odd(rnd: random.Random, times: list[int]) -> list[float]:
    return [rnd.choice(_SPECIAL) if rnd.random() < 0.15 else rnd.randrange(-800, 800) / 8 for _ in times]


def _wild(rnd: random.Random, times: list[int]) -> list[float]:
    return [rnd.choice(_WILD) if rnd.random() < 0.3 else rnd.uniform(-1, 1) for _ in times]


_VALUES = {"C_total": _counter, "G": _gauge, "K": _few, "one": _gauge, "S": _odd, "W": _wild}


def _buckets(rnd: random.Random, labels: dict[str, str], every: int) -> Iterator[Series]:
    """A classic histogram; now and then one scrape comes apart, so that buckets do not grow with their bound."""
    times = list(_times(rnd, every))
    rows: list[list[float]] = [[] for _ in _BOUNDS]
    state = [0.0] * len(_BOUNDS)
    for _ in times:
        if rnd.random() < 0.005:
            state = [0.0] * len(_BOUNDS)
        grown = sorted(rnd.randrange(20) for _ in _BOUNDS)
        state = [s + g for s, g in zip(state, grown, strict=True)]
        for row, value in zip(rows, state, strict=True):
            row.append(value)
        if rnd.random() < 0.02:
            rows[1][-1] = rows[0][-1] - 1
    for le, column in zip(_BOUNDS, rows, strict=True):
        yield {**labels, "le": le}, list(zip(times, column, strict=True))
