"""What native histograms mean as values, apart from how they are written."""

from __future__ import annotations

import math

from reference.chunk_bits import bits_of
from reference.chunk_histogram import Histogram, indices

Plain = tuple[object, ...]


def plain(h: Histogram) -> Plain:
    """Equal for histograms that hold the same: without hints and empty buckets, numbers by their bits."""
    if h.stale:
        return ("stale", isinstance(h.count, float))
    sides = tuple(frozenset((i, _bits(n)) for i, n in side.items() if n) for side in (h.positive, h.negative))
    grid = (h.layout.schema, h.layout.zero_threshold, h.layout.bounds)
    return (*grid, _bits(h.count), _bits(h.zero_count), bits_of(h.sum), *sides)


def _bits(n: float) -> tuple[str, int]:
    return ("float", bits_of(n)) if isinstance(n, float) else ("int", n)


def fault(h: Histogram) -> str | None:
    """The name of the append status that refuses it; layouts are taken to be sound."""
    if h.stale:
        return None
    counts = [*h.positive.values(), *h.negative.values()]
    if h.layout.schema == -53 and h.zero_count:
        return "HISTOGRAM_CUSTOM_BUCKETS_ZERO_COUNT"
    if any(n < 0 for n in (*counts, h.zero_count)):
        return "HISTOGRAM_NEGATIVE_BUCKET_COUNT"
    if isinstance(h.count, float):
        return "HISTOGRAM_NEGATIVE_COUNT" if h.count < 0 else None
    found = sum(counts) + h.zero_count
    if math.isnan(h.sum):
        return "HISTOGRAM_COUNT_NOT_BIG_ENOUGH" if found > h.count else None
    return "HISTOGRAM_COUNT_MISMATCH" if found != h.count else None


def columns(h: Histogram) -> dict[str, object]:
    """What HistogramBatch.add takes, without numpy."""
    floats = isinstance(h.count, float)
    none = 0.0 if floats else 0
    buckets = [
        side.get(i, none)
        for side, spans in ((h.positive, h.layout.positive), (h.negative, h.layout.negative))
        for i in indices(spans)
    ]
    return {
        "floats": floats,
        "schema": h.layout.schema,
        "zero_threshold": h.layout.zero_threshold,
        "positive_spans": list(h.layout.positive),
        "negative_spans": list(h.layout.negative),
        "bounds": list(h.layout.bounds),
        "counts": [h.count],
        "zero_counts": [h.zero_count],
        "sums": [h.sum],
        "hints": [h.hint],
        "buckets": [buckets],
    }
