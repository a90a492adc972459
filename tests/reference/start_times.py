"""Counters whose samples say when they began to count, one window at a time, for comparison with the kernels.

Times are milliseconds; a start time of 0 is unknown. None stands for "no value".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[int, int, float]
"""Time, start time, value."""


def resets(before: Point, now: Point) -> bool:
    """Whether the counter began anew between two samples."""
    (t0, start0, v0), (t1, start1, v1) = before, now
    if v1 < v0:
        return True
    if start1 == 0 or start1 >= t1:  # unknown, or impossible
        return False
    if start1 == t0:  # a delta, if the sample before had a start time of its own
        return start0 != 0 and start0 < t0
    return start1 > t0


def overlaps(before: Point, now: Point) -> bool:
    return now[1] not in (0, before[1]) and now[1] < before[0]


def increase(points: Sequence[Point], t: int, span: int) -> float | None:
    """Of the samples in the window (t - span, t]."""
    if not points:
        return None
    (first_t, start, first), (last_t, _, last) = points[0], points[-1]
    change = last - first + sum(before[2] for before, now in pairwise(points) if resets(before, now))
    spacing = (last_t - first_t) / (len(points) - 1) if len(points) > 1 else 0
    after = float(t - last_t)
    if after >= spacing * 1.1:
        after = spacing / 2
    if start != 0 and t - span < start < first_t:  # it was 0 then
        seen = last_t - start
        return (change + first) * (seen + after) / seen
    if len(points) < 2:
        return None
    before = float(first_t - (t - span))
    if before >= spacing * 1.1:
        before = spacing / 2
    if change > 0 and first >= 0:
        before = min(before, (last_t - first_t) * (first / change))
    return change * (last_t - first_t + before + after) / (last_t - first_t)


def last_rate(points: Sequence[Point]) -> float | None:
    """A second, between the last two samples."""
    if len(points) < 2:
        return None
    before, now = points[-2:]
    return (now[2] if resets(before, now) else now[2] - before[2]) / ((now[0] - before[0]) / 1000)


def count_resets(points: Sequence[Point]) -> float | None:
    return float(sum(resets(*pair) for pair in pairwise(points))) if points else None
