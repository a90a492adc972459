"""Samples that anybody can check: a value follows from its series and time alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.native import SeriesBatch
from narthex.storage.contract import AppendStatus
from narthex.tsdb.db import DB

ALWAYS = (-(2**62), 2**62)

Survivors = dict[int, NDArray[np.int64]]
"""Series number to its times (milliseconds), ascending."""


def labels(series: int) -> Labels:
    return Labels({"__name__": "known", "series": str(series), "shape": "counter" if series % 2 else "noise"})


def values(series: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """A counter for odd series, hash-like noise for even ones."""
    if series % 2:
        return (times // 1000 + series * 7).astype(np.float64)
    mixed = (times.astype(np.uint64) + np.uint64(series)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(20)).astype(np.float64) / 1024.0


Sample = tuple[int, int]
"""(series, time in milliseconds)"""


def commit(db: DB, series: Iterable[int], time: int) -> None:
    """One sample a series in one transaction, none of which may be refused. Raises StorageError."""
    commit_samples(db, [(s, time) for s in series])


def commit_samples(db: DB, samples: Sequence[Sample]) -> None:
    """The same with a time for each."""
    appender = db.appender()
    left = list(samples)
    while left:
        refs = np.array([appender.series(labels(s)) for s, _ in left], np.uint64)
        times = np.array([t for _, t in left], np.int64)
        known = np.concatenate([values(s, times[i : i + 1]) for i, (s, _) in enumerate(left)])
        statuses = appender.append(refs, times, known)
        refused = set(statuses.tolist()) - {AppendStatus.OK, AppendStatus.UNKNOWN_REF}
        assert not refused, f"refused of {left}: {statuses}"
        left = [sample for sample, status in zip(left, statuses, strict=True) if status == AppendStatus.UNKNOWN_REF]
    appender.commit()


def read(batch: SeriesBatch) -> Survivors:
    """What a selection holds. Fails on an unknown series, a wrong value or times out of order."""
    found: Survivors = {}
    for row in range(len(batch)):
        named = batch.labels[row]
        series = int(named["series"])
        assert named == dict(labels(series)), f"unknown series {named}"
        times, got = batch.samples(row, *ALWAYS)
        assert (np.diff(times) > 0).all(), f"series {series}: times are out of order"
        wrong = np.flatnonzero(got != values(series, times))
        assert not len(wrong), f"series {series}: {len(wrong)} wrong values, first at {times[wrong[0]]}"
        found[series] = times
    return found


def missing(want: Survivors, found: Survivors) -> int:
    """How many wanted samples were not found."""
    nothing = np.empty(0, np.int64)
    return sum(len(np.setdiff1d(times, found.get(s, nothing), True)) for s, times in want.items())


def invented(want: Survivors, found: Survivors) -> int:
    """How many samples were found that nobody wrote."""
    return missing(found, want)
