"""Small chunks as Prometheus 3.14 wrote them, held against the core and against the twins."""

from __future__ import annotations

import pytest

from generators.chunk_samples import STALE_NAN
from reference.chunk_bits import bits_of
from reference.chunk_histogram import Histogram, Layout, Sample, indices, read_histograms, write_histograms
from reference.chunk_xor2 import read_xor2, write_xor2
from support.chunks import batch_of, floats_in, histograms_in

LAYOUT = Layout(0, 2.0**-128, ((0, 2), (1, 1)), ((0, 1),))
CUSTOM = Layout(-53, 0.0, ((0, 3),), (), (0.25, 1 / 3))
STALE = Histogram(Layout(), 0, 0, STALE_NAN)


def histogram(layout: Layout, floats: bool, count: int, zero: int, total: float, *buckets: int) -> Histogram:
    number = float if floats else int
    values = [number(b) for b in buckets]
    positive = indices(layout.positive)
    return Histogram(
        layout, number(count), number(zero), total, dict(zip(positive, values, strict=False)),
        dict(zip(indices(layout.negative), values[len(positive) :], strict=True)),
    )  # fmt: skip


def exponential(floats: bool) -> list[Sample]:
    return [
        (1000, 0, histogram(LAYOUT, floats, 7, 1, 4.5, 2, 1, 2, 1)),
        (2000, 0, histogram(LAYOUT, floats, 9, 1, 6.0, 3, 1, 3, 1)),
        (3000, 0, histogram(LAYOUT, floats, 13, 2, 11.0, 4, 2, 4, 1)),
        (4000, 0, STALE),
    ]


def custom(floats: bool) -> list[Sample]:
    return [
        (1000, 400, histogram(CUSTOM, floats, 6, 0, 2.0, 1, 2, 3)),
        (2000, 400, histogram(CUSTOM, floats, 8, 0, 2.5, 2, 2, 4)),
        (3000, 2900, histogram(CUSTOM, floats, 9, 0, 2.75, 3, 2, 4)),
    ]


def test_xor2() -> None:
    chunk = bytes.fromhex("000684d00f3ff0000000000000e807e8075097ffd83e99a0dff2ee00")
    samples = [
        (1000, 500, 1.0), (2000, 500, 1.0), (3000, 500, 2.0), (4000, 500, 2.0), (5500, 4000, 2.5),
        (7000, 4000, STALE_NAN),
    ]  # fmt: skip
    assert write_xor2(samples) == chunk
    assert [(t, start, bits_of(v)) for t, start, v in read_xor2(chunk)] == [(t, s, bits_of(v)) for t, s, v in samples]
    assert floats_in(batch_of((1000, 7000, 4, chunk))) == [(t, bits_of(v)) for t, _, v in samples]


VECTORS = {
    "integers": (
        2, exponential(False), "000400744a48c63178fa2f1401200000000000095e31f1f449b03b1bc494750bf46e18bdff5800000000"
        "0008",
    ),
    "floats": (
        3, exponential(True), "000400744a48c63178fa10070000000000000ffc000000000000100480000000000010000000000000000ffc"
        "00000000000010000000000000000ffc0000000000003c7d1a85fb60776036c0644c25fffd42ff585e12fffeb0b309d00ad00317bfeb00"
        "0000000001",
    ),
    "custom buckets and start times": (
        5, custom(False), "00038200ee5c664b9f63fd5555555555555f1f458800000000000000118c6c027c7d126d071bc576e065fd8f80",
    ),
    "custom buckets, floats and start times": (
        6, custom(True), "00038200ee5c664b9f63fd5555555555555f1f4200c000000000000000000000000000020000000000000001ff80"
        "00000000000200000000000000020040000000000005804f8fa3507db41e12fffb585b7036e07b019ec7c0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_histograms(name: str) -> None:
    encoding, samples, text = VECTORS[name]
    chunk = bytes.fromhex(text)
    assert write_histograms(encoding, samples) == chunk
    for got in (read_histograms(encoding, chunk), histograms_in(batch_of((1000, 4000, encoding, chunk)))):
        assert len(got) == len(samples)
        for (t, start, h), (want_t, want_start, want) in zip(got, samples, strict=True):
            assert (t, start, bits_of(h.sum)) == (want_t, want_start, bits_of(want.sum))
            assert (h.layout, h.count, h.zero_count) == (want.layout, want.count, want.zero_count)
            assert (h.positive, h.negative) == (want.positive, want.negative)
