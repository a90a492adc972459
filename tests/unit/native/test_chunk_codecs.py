"""The core's chunk codecs against the plain twins, and against chunks that Prometheus 3.14's own encoders wrote."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.chunk_samples import any_histograms, float_samples, one_chunk
from narthex.native import DecodeError, SeriesBatch
from reference.chain import chain
from reference.chunk_bits import bits_of
from reference.chunk_histogram import GAUGE, Histogram, Layout, Sample, cut, read_histograms, write_histograms
from reference.chunk_xor2 import read_xor2, write_xor2
from support.chunks import batch_of, floats_in, histograms_in, written

XOR2 = 4


def encoding(floats: bool, starts: bool) -> int:
    return (6 if floats else 5) if starts else (3 if floats else 2)


def plain(samples: list[Sample]) -> list[tuple[object, ...]]:
    """For comparison: floats by their bits."""

    def bits(v: float) -> object:
        return bits_of(v) if isinstance(v, float) else v

    def one(h: Histogram) -> tuple[object, ...]:
        if h.stale:
            return ("stale",)
        counts = [{i: bits(n) for i, n in side.items()} for side in (h.positive, h.negative)]
        return (h.layout, bits(h.count), bits(h.zero_count), bits_of(h.sum), *counts, h.hint)

    return [(t, start, one(h)) for t, start, h in samples]


@given(float_samples(), st.data())
@settings(max_examples=60)
def test_xor2_chunks_are_read_as_the_twin_reads_them(
    samples: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    chunk = write_xor2(samples)
    assert [(t, s, bits_of(v)) for t, s, v in read_xor2(chunk)] == [(t, s, bits_of(v)) for t, s, v in samples]
    batch = batch_of((samples[0][0], samples[-1][0], XOR2, chunk))
    assert floats_in(batch) == [(t, bits_of(v)) for t, _, v in samples]
    mint, maxt = sorted(data.draw(st.sampled_from(samples))[0] for _ in range(2))
    assert floats_in(batch, mint, maxt) == [(t, bits_of(v)) for t, _, v in samples if mint <= t <= maxt]


@given(float_samples(max_size=300))
@settings(max_examples=20)
def test_overlapping_xor2_chunks_are_merged_with_their_start_times(samples: list[tuple[int, int, float]]) -> None:
    first, last = samples[0][0], samples[-1][0]
    parts = [part for part in (samples[::2], samples[1::2]) if part]
    chunks = [(part[0][0], part[-1][0], XOR2, write_xor2(part)) for part in parts]
    got, counts = written(batch_of(*chunks), first, last + 1)
    assert counts["float_samples"] == len(samples)
    if len(samples) < 3:
        assert got == chunks  # nothing overlaps
        return
    wanted = [samples[a : a + 120] for a in range(0, len(samples), 120)]
    assert got == [(part[0][0], part[-1][0], XOR2, write_xor2(part)) for part in wanted]


def test_floats_without_start_times_join_an_xor2_chunk() -> None:
    plain_floats = SeriesBatch()
    plain_floats.add_columns([("__name__", "up")], np.array([10, 20, 30]), np.array([1.0, 2.0, 3.0]))
    with_starts = batch_of((15, 30, XOR2, write_xor2([(15, 5, 1.5), (20, 5, 9.0), (30, 5, 9.0)])))
    got, _ = written(SeriesBatch.merge([plain_floats, with_starts]), 0, 100)
    # Of equal times the chunk counts that did not give the sample before.
    assert got == [(10, 30, XOR2, write_xor2([(10, 0, 1.0), (15, 5, 1.5), (20, 0, 2.0), (30, 0, 3.0)]))]


@given(st.booleans(), st.booleans(), st.data())
@settings(max_examples=80)
def test_histogram_chunks_are_read_as_the_twin_reads_them(floats: bool, starts: bool, data: st.DataObject) -> None:
    samples = data.draw(one_chunk(floats, top=data.draw(st.sampled_from([8, 9, 12, 52]))))
    kind = encoding(floats, starts)
    header = GAUGE if samples[0][2].hint == GAUGE else data.draw(st.integers(0, 2))
    chunk = write_histograms(kind, samples, header)
    wanted = read_histograms(kind, chunk)
    assert [(t, start) for t, start, _ in wanted] == [(t, start if starts else 0) for t, start, _ in samples]
    assert [bits_of(h.sum) for _, _, h in wanted] == [bits_of(h.sum) for _, _, h in samples]
    batch = batch_of((samples[0][0], samples[-1][0], kind, chunk))
    assert plain(histograms_in(batch)) == plain(wanted)
    mint, maxt = sorted(data.draw(st.sampled_from(samples))[0] for _ in range(2))
    assert plain(histograms_in(batch, mint, maxt)) == plain([s for s in wanted if mint <= s[0] <= maxt])
    assert floats_in(batch) == []
    assert batch.histogram_chunk_count() == 1


@given(st.booleans(), st.data())
@settings(max_examples=60)
def test_histograms_are_cut_and_written_as_the_twin_does(floats: bool, data: st.DataObject) -> None:
    samples = data.draw(any_histograms(floats))
    first, last = samples[0][0], samples[-1][0]
    # A chunk a sample, all of which claim the whole range: they overlap and must be written anew.
    singles = [
        (
            first,
            last,
            encoding(floats, start != 0),
            write_histograms(encoding(floats, start != 0), [(t, start, h)], h.hint),
        )
        for t, start, h in samples
    ]
    got, counts = written(batch_of(*singles), first, last + 1)
    assert counts["histogram_samples"] == len(samples)
    assert got == [(p.samples[0][0], p.samples[-1][0], p.encoding, p.written()) for p in cut(samples, floats)]


@given(one_chunk(False, max_size=12), one_chunk(True, max_size=12), float_samples(max_size=12))
@settings(max_examples=40)
def test_floats_and_histograms_of_one_series_are_merged_by_time(
    integers: list[Sample], doubles: list[Sample], floats: list[tuple[int, int, float]]
) -> None:
    chunks = [
        (integers[0][0], integers[-1][0], 5, write_histograms(5, integers)),
        (doubles[0][0], doubles[-1][0], 6, write_histograms(6, doubles)),
        (floats[0][0], floats[-1][0], XOR2, write_xor2(floats)),
    ]
    everything: dict[int, object] = {
        t: (start, kind, bits_of(value if isinstance(value, float) else value.sum))
        for t, start, value, kind in chain(
            [(*s, kind) for s in samples]
            for samples, kind in ((integers, "integers"), (doubles, "doubles"), (floats, "float"))
        )
    }
    first, last = min(everything), max(everything)
    got, _ = written(batch_of(*chunks), first, last + 1)
    merged: dict[int, object] = {}
    for _, _, kind, chunk in got:
        if kind in (1, XOR2):
            for t, start, v in read_xor2(chunk):
                merged[t] = (start, "float", bits_of(v))
        else:
            for t, start, h in read_histograms(kind, chunk):
                merged[t] = (start, "doubles" if kind in (3, 6) else "integers", bits_of(h.sum))
    assert merged == everything
    assert list(merged) == sorted(merged)


@given(st.sampled_from([2, 3, 4, 5, 6]), st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_give_samples_or_a_decode_error(kind: int, data: bytes) -> None:
    batch = batch_of((0, 2**60, kind, data))
    for read in (batch.samples, batch.histograms):
        try:
            read(0, -(2**63), 2**63 - 1)
        except DecodeError as e:
            assert "at byte" in str(e)


@pytest.mark.parametrize("kind", [0, 7, 9, 254])
def test_an_unknown_encoding_is_refused(kind: int) -> None:
    batch = batch_of((0, 1, kind, b"\0\1"))
    with pytest.raises(DecodeError, match=f"encoding {kind}"):
        batch.samples(0, 0, 1)


def test_overlapping_histogram_chunks_are_merged_for_queries() -> None:
    def sample(t: int, hint: int) -> Sample:
        return (t, 0, Histogram(Layout(0, 0.5, ((0, 1),)), t, 0, 1.0, {0: t}, {}, hint))

    left = [sample(t, 0) for t in (10, 20, 30, 40)]
    right = [sample(t, 0) for t in (30, 35, 50)]
    got = histograms_in(batch_of((10, 40, 2, write_histograms(2, left)), (30, 50, 2, write_histograms(2, right))))
    assert [(t, h.count, h.hint) for t, _, h in got] == [
        (10, 10, 0), (20, 20, 2), (30, 30, 0), (35, 35, 2), (40, 40, 0), (50, 50, 0),
    ]  # fmt: skip
