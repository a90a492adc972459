"""Native histograms that anybody can check: a value follows from its series and time alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from narthex.native import HistogramBatch
from reference.chunk_histogram import indices, spans_of

if TYPE_CHECKING:
    from narthex.native._core import HistogramRun  # a type only

HISTOGRAMS = 30
"""Series from this number on are native histograms: integer, float and custom buckets in turn."""
STRETCH = 45 * 60_000
"""Milliseconds between two changes of bucket layouts and of metadata."""
POSITIVE, NEGATIVE = "positive", "negative"
CUSTOM_BOUNDS = [0.5, 1.0, 2.5, 10.0]

Buckets = dict[tuple[str, int], NDArray[np.float64]]
"""(side, index) to counts, an entry a time; buckets that are not named are empty."""


def histogram_shape(series: int) -> str:
    return ("integer", "float", "custom")[series % 3]


def buckets(series: int, times: NDArray[np.int64]) -> Buckets:
    """Of a series of histograms. One bucket is used in every second STRETCH only."""
    seconds = times // 1000
    found = {
        (POSITIVE, 0): seconds,
        (POSITIVE, 1): seconds // 2,
        (POSITIVE, 4): np.where(times // STRETCH % 2 == 0, seconds // 3, 0),
    }
    if histogram_shape(series) != "custom":
        found[NEGATIVE, 2] = seconds // 4
    unit = 0.5 if histogram_shape(series) == "float" else 1.0
    return {where: counts * unit for where, counts in found.items()}


def zero_counts(series: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
    return times // 1000 * (0.0 if histogram_shape(series) == "custom" else 1.0)


def histogram_batch(samples: Sequence[tuple[int, int]]) -> HistogramBatch:
    """Of (series, time in milliseconds)."""
    batch = HistogramBatch()
    for series, t in samples:
        time = np.array([t])
        found = {where: counts for where, counts in buckets(series, time).items() if counts[0]}
        zeros = zero_counts(series, time)
        number = np.float64 if histogram_shape(series) == "float" else np.int64
        spans = {side: spans_of(i for of, i in found if of == side) for side in (POSITIVE, NEGATIVE)}
        batch.add(
            floats=number is np.float64,
            schema=-53 if histogram_shape(series) == "custom" else 3,
            zero_threshold=0.0 if histogram_shape(series) == "custom" else 0.001,
            positive_spans=spans[POSITIVE],
            negative_spans=spans[NEGATIVE],
            bounds=CUSTOM_BOUNDS if histogram_shape(series) == "custom" else (),
            counts=(sum(found.values()) + zeros).astype(number),
            zero_counts=zeros.astype(number),
            sums=time / 1000,
            hints=np.zeros(1, np.uint8),
            buckets=np.array([[counts[0] for counts in found.values()]], number),
        )
    return batch


def read_histograms(series: int, runs: Sequence[HistogramRun]) -> NDArray[np.int64]:
    """Their times. Fails on a wrong value."""
    for run in runs:
        times, want = run["times"], buckets(series, run["times"])
        zeros = zero_counts(series, times)
        places = [(side, i) for side in (POSITIVE, NEGATIVE) for i in indices(spans_in(run, side))]
        have = dict(zip(places, run["buckets"].T, strict=True))
        custom = histogram_shape(series) == "custom"
        right = (
            run["floats"] == (histogram_shape(series) == "float")
            and run["schema"] == (-53 if custom else 3)
            and run["zero_threshold"] == (0.0 if custom else 0.001)
            and run["bounds"] == (CUSTOM_BOUNDS if custom else [])
            and (run["counts"] == sum(want.values()) + zeros).all()
            and (run["zero_counts"] == zeros).all()
            and (run["sums"] == times / 1000).all()
            and all((have.get(where, 0) == want.get(where, 0)).all() for where in want.keys() | have.keys())
        )
        assert right, f"series {series}: a wrong histogram between {times[0]} and {times[-1]}"
    return np.concatenate([np.empty(0, np.int64), *(run["times"] for run in runs)])


def spans_in(run: HistogramRun, side: str) -> list[tuple[int, int]]:
    return run["positive_spans"] if side == POSITIVE else run["negative_spans"]
