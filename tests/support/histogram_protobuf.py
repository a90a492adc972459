"""Native histograms as remote write (protocol 1) carries them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from reference.chunk_histogram import Histogram, Span, indices
from support.protobuf import bytes_field, double_field, number_field, varint, zigzag


def _side(spans: Sequence[Span], buckets: dict[int, float], floats: bool, at: int) -> bytes:
    """Spans, deltas of integers and counts of floats have the field numbers at, at + 1 and at + 2."""
    out = b"".join(
        bytes_field(at, number_field(1, zigzag(offset)) + number_field(2, length)) for offset, length in spans
    )
    values = [buckets[i] for i in indices(spans)]
    if floats:
        return out + bytes_field(at + 2, b"".join(struct.pack("<d", v) for v in values))
    deltas = [int(v) - int(u) for u, v in zip([0, *values], values, strict=False)]
    return out + bytes_field(at + 1, b"".join(varint(zigzag(d)) for d in deltas))


def histogram_message(t: int, h: Histogram) -> bytes:
    """The message of one sample at `t` milliseconds; floats or integers by the type of its count."""
    floats = isinstance(h.count, float)
    counts = (
        double_field(2, h.count) + double_field(7, h.zero_count)
        if floats
        else number_field(1, int(h.count)) + number_field(6, int(h.zero_count))
    )
    return (
        counts
        + double_field(3, h.sum)
        + number_field(4, zigzag(h.layout.schema))
        + double_field(5, h.layout.zero_threshold)
        + _side(h.layout.negative, h.negative, floats, 8)
        + _side(h.layout.positive, h.positive, floats, 11)
        + number_field(14, h.hint)
        + number_field(15, t)
        + (bytes_field(16, b"".join(struct.pack("<d", b) for b in h.layout.bounds)) if h.layout.bounds else b"")
    )
