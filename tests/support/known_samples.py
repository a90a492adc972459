"""Samples that anybody can check: a value follows from its series and time alone.

Series below HISTOGRAMS are floats, the others native histograms. Those in ANNOTATED have metadata, and an exemplar with
every sample; both follow from series and time as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.native import LabelSets, SeriesBatch
from narthex.storage.contract import AppendStatus, Refs, SeriesMetadata, Times
from narthex.tsdb.appender import METRIC_TYPES
from narthex.tsdb.db import DB
from support.known_histograms import HISTOGRAMS, STRETCH, histogram_batch, histogram_shape, read_histograms

ALWAYS = (-(2**62), 2**62)
ANNOTATED = (30, 31)

Survivors = dict[int, NDArray[np.int64]]
"""Series number to its times (milliseconds), ascending."""


def shape(series: int) -> str:
    if series >= HISTOGRAMS:
        return histogram_shape(series)
    return "counter" if series % 2 else "noise"


def labels(series: int) -> Labels:
    return Labels({"__name__": "known", "series": str(series), "shape": shape(series)})


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
        floats, histograms = [s for s in left if s[0] < HISTOGRAMS], [s for s in left if s[0] >= HISTOGRAMS]
        annotated = [s for s in histograms if s[0] in ANNOTATED]
        refs, times = columns(appender.series, floats)
        known = [values(s, times[i : i + 1]) for i, (s, _) in enumerate(floats)]
        statuses = appender.append(refs, times, np.concatenate([np.empty(0), *known])).tolist()
        refs, times = columns(appender.series, histograms)
        statuses += appender.append_histograms(refs, times, histogram_batch(histograms)).tolist()
        refs, times = columns(appender.series, annotated)
        appender.append_metadata(refs, [metadata(t) for _, t in annotated])
        traces = LabelSets()
        for s, t in annotated:
            traces.add(exemplar_labels(s, t).pairs())
        appender.append_exemplars(refs, times, times / 1000, traces)
        refused = set(statuses) - {AppendStatus.OK, AppendStatus.UNKNOWN_REF}
        assert not refused, f"refused of {left}: {statuses}"
        left = [
            sample
            for sample, status in zip(floats + histograms, statuses, strict=True)
            if status == AppendStatus.UNKNOWN_REF
        ]
    appender.commit()


def columns(ref_of: Callable[[Labels], int], samples: Sequence[Sample]) -> tuple[Refs, Times]:
    refs = np.array([ref_of(labels(s)) for s, _ in samples], np.uint64)
    return refs, np.array([t for _, t in samples], np.int64)


def metadata(time: int) -> SeriesMetadata:
    """What a sample of that time brings along."""
    return SeriesMetadata("histogram", "seconds", f"since {time // STRETCH * STRETCH}")


def exemplar_labels(series: int, time: int) -> Labels:
    return Labels({"trace": f"{series}-{time}"})


def read(batch: SeriesBatch) -> Survivors:
    """What a selection holds. Fails on an unknown series, a wrong value or times out of order."""
    found: Survivors = {}
    for row in range(len(batch)):
        named = batch.labels[row]
        series = int(named["series"])
        assert named == dict(labels(series)), f"unknown series {named}"
        times, got = batch.samples(row, *ALWAYS)
        if series >= HISTOGRAMS:
            assert not len(times), f"series {series}: {len(times)} floats, first at {times[0]}"
            times = read_histograms(series, batch.histograms(row, *ALWAYS))
        else:
            wrong = np.flatnonzero(got != values(series, times))
            assert not len(wrong), f"series {series}: {len(wrong)} wrong values, first at {times[wrong[0]]}"
        assert (np.diff(times) > 0).all(), f"series {series}: times are out of order"
        found[series] = times
    return found


def read_exemplars(db: DB) -> Survivors:
    """Times of the exemplars of each series. Fails on a wrong one."""
    found: Survivors = {}
    for named, exemplars in db.exemplars([[]], *ALWAYS):
        series = int(named["series"])
        for e in exemplars:
            right = e.labels == exemplar_labels(series, e.timestamp) and e.value == e.timestamp / 1000
            assert named == labels(series) and right, f"series {named}: wrong exemplar {e}"
        found[series] = np.array([e.timestamp for e in exemplars], np.int64)
    return found


def metadata_since(db: DB, series: int) -> int | None:
    """Where the STRETCH begins that the metadata of a series in the head tell of; None: there are none. Fails on wrong
    ones."""
    found = db.head.core.metadata(db.head.core.series(labels(series).pairs()))
    if found is None:
        return None
    since = int(found[2].removeprefix("since "))
    known = metadata(since)
    assert found == (METRIC_TYPES[known.type], known.unit, known.help), f"series {series}: wrong metadata {found}"
    return since


def missing(want: Survivors, found: Survivors) -> int:
    """How many wanted samples were not found."""
    nothing = np.empty(0, np.int64)
    return sum(len(np.setdiff1d(times, found.get(s, nothing), True)) for s, times in want.items())


def invented(want: Survivors, found: Survivors) -> int:
    """How many samples were found that nobody wrote."""
    return missing(found, want)
