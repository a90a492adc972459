"""Native histograms as remote write (protocol 1) carries them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from reference.chunk_histogram import Histogram, Span, indices


def varint(n: int) -> bytes:
    out = bytearray()
    n %= 2**64
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def _zigzag(n: int) -> bytes:
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def _double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def _side(spans: Sequence[Span], buckets: dict[int, float], floats: bool, at: int) -> bytes:
    """Spans, deltas of integers and counts of floats have the field numbers at, at + 1 and at + 2."""
    out = b"".join(
        field(at, varint(1 << 3) + _zigzag(offset) + varint(2 << 3) + varint(length)) for offset, length in spans
    )
    values = [buckets[i] for i in indices(spans)]
    if floats:
        return out + field(at + 2, b"".join(struct.pack("<d", v) for v in values))
    deltas = [int(v) - int(u) for u, v in zip([0, *values], values, strict=False)]
    return out + field(at + 1, b"".join(_zigzag(d) for d in deltas))


def histogram_message(t: int, h: Histogram) -> bytes:
    """The message of one sample at `t` milliseconds; floats or integers by the type of its count."""
    floats = isinstance(h.count, float)
    counts = (
        _double(2, h.count) + _double(7, h.zero_count)
        if floats
        else _number(1, int(h.count)) + _number(6, int(h.zero_count))
    )
    return (
        counts
        + _double(3, h.sum)
        + varint(4 << 3)
        + _zigzag(h.layout.schema)
        + _double(5, h.layout.zero_threshold)
        + _side(h.layout.negative, h.negative, floats, 8)
        + _side(h.layout.positive, h.positive, floats, 11)
        + _number(14, h.hint)
        + _number(15, t)
    )
