"""The core's reading and writing of block files agrees with the plain reference, on any block."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import BlockReader, BlockWriter, SeriesBatch, Tombstones
from narthex.tsdb.select import Term
from reference import block as plain

NAMES = ["a", "b", "job", "ärger"]
VALUES = ["", "0", "1", "x", "long " * 30, "\x00", "\U0001f525"]
label_sets = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), min_size=1, max_size=3).map(
    lambda d: tuple(sorted((n, v) for n, v in d.items() if v))
)
columns = st.lists(
    st.tuples(st.integers(1, 10**6), st.floats(allow_nan=True) | st.integers(0, 5).map(float)),
    min_size=1,
    max_size=300,
)
blocks = st.dictionaries(label_sets, columns, min_size=1, max_size=12)
Rows = list[tuple[plain.Labels, list[int], list[float]]]


def rows_of(block: dict[plain.Labels, list[tuple[int, float]]]) -> Rows:
    """Series in label order with ascending times."""
    rows: Rows = []
    for labels in sorted(block, key=lambda pairs: [(n.encode(), v.encode()) for n, v in pairs]):
        times = np.cumsum([step for step, _ in block[labels]]).tolist()
        rows.append((labels, times, [v for _, v in block[labels]]))
    return rows


def batch_of(rows: Rows) -> SeriesBatch:
    batch = SeriesBatch()
    for labels, times, values in rows:
        batch.add_columns(labels, np.array(times, dtype=np.int64), np.array(values))
    return batch


def write(rows: Rows, mint: int, maxt: int, segment_size: int) -> tuple[bytes, list[bytes]]:
    batch = batch_of(rows)
    writer = BlockWriter(mint, maxt, segment_size)
    writer.add_symbols(batch)
    writer.begin()
    index, segments = bytearray(), {}

    def take() -> None:
        index.extend(writer.take_index())
        for number, data in writer.take_chunks():
            segments.setdefault(number, bytearray()).extend(data)

    row = 0
    while row < len(batch):
        row = writer.add_rows(batch, row, 700)
        take()
    while not writer.finish(100):
        take()
    take()
    return bytes(index), [bytes(segments[n]) for n in sorted(segments)]


def bits(values: object) -> bytes:
    return np.asarray(values, dtype=np.float64).tobytes()


@settings(max_examples=60)
@given(blocks, st.integers(0, 10**6), st.integers(1, 10**8), st.sampled_from([1, 2000, 1 << 29]))
def test_a_written_block_reads_back_by_the_plain_reader(
    block: dict[plain.Labels, list[tuple[int, float]]], mint: int, width: int, segment_size: int
) -> None:
    rows = rows_of(block)
    data, segments = write(rows, mint, mint + width, segment_size)
    index = plain.read_index(data)
    want = []
    for labels, times, values in rows:
        inside = [(t, v) for t, v in zip(times, values, strict=True) if mint <= t < mint + width]
        if inside:
            want.append((labels, [t for t, _ in inside], bits([v for _, v in inside])))
    got = []
    for series in sorted(index.series):
        labels, metas = index.series[series]
        samples = []
        for low, high, ref in metas:
            encoding, chunk = plain.read_chunk(segments, ref)
            assert encoding == 1
            part = plain.read_xor(chunk)
            assert (part[0][0], part[-1][0]) == (low, high)
            assert len(part) <= 120
            samples += part
        got.append((labels, [t for t, _ in samples], bits([v for _, v in samples])))
    assert got == want
    assert index.symbols == sorted(index.symbols, key=str.encode)
    for key, postings in index.postings.items():
        assert postings == [s for s in sorted(index.series) if key == ("", "") or key in index.series[s][0]]


@settings(max_examples=60)
@given(
    blocks,
    st.lists(
        st.builds(
            Term,
            st.sampled_from([*NAMES, "none"]),
            st.none() | st.lists(st.sampled_from(VALUES[1:]), max_size=3),
            st.booleans(),
        ),
        max_size=3,
    ),
    st.integers(0, 10**7),
    st.integers(0, 10**8),
)
def test_the_core_selects_what_the_plain_reader_finds(
    block: dict[plain.Labels, list[tuple[int, float]]], terms: list[Term], mint: int, maxt: int
) -> None:
    data, segments = write(rows_of(block), 0, 2**40, 1 << 29)
    reader, index = BlockReader(data, segments), plain.read_index(data)

    def holds(labels: dict[str, str], term: Term) -> bool:
        value = labels.get(term.name)
        return (value is not None if term.values is None else value in term.values) != term.exclude

    matching = [s for _, s in sorted(index.series.items()) if all(holds(dict(s[0]), t) for t in terms)]
    want = [(labels, n) for labels, m in matching if (n := sum(low <= maxt and high >= mint for low, high, _ in m))]
    batch = reader.select(terms, mint, maxt)
    assert [tuple(batch.labels[i].items()) for i in range(len(batch))] == [labels for labels, _ in want]
    assert batch.chunk_count() == sum(n for _, n in want)
    sets = reader.series(terms, mint, maxt)
    assert [sets[i] for i in range(len(sets))] == [dict(labels) for labels, _ in want]
    assert reader.series_count() == len(index.series)
    assert reader.matching_label_names(terms) == sorted(
        {n for labels, _ in matching for n, _ in labels}, key=str.encode
    )
    for name in NAMES:
        values = sorted(
            {dict(labels)[name] for labels, _ in index.series.values() if name in dict(labels)}, key=str.encode
        )
        assert reader.label_values(name) == values
        assert reader.label_values(name, 2) == values[:2]
        for since in (0, 1, len(values)):
            texts = reader.value_texts(name, "l", since)
            got = texts.text().decode(errors="surrogateescape").split("\n\udcff\n")[:-1] + [v for _, v in texts.odd()]
            assert sorted(got) == sorted(v for v in values[since:] if v.startswith("l"))
            assert texts.seen == len(values)
        assert reader.label_value_count(name) == len(values)
        found = sorted({dict(labels)[name] for labels, _ in matching if name in dict(labels)}, key=str.encode)
        assert reader.matching_label_values(name, terms) == found
        assert reader.matching_label_values(name, terms, 1) == found[:1]


interval = st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 2**40)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.dictionaries(st.integers(0, 2**64 - 1), interval, max_size=6))
def test_tombstones_are_written_as_the_plain_writer_does(deleted: dict[int, tuple[int, int]]) -> None:
    tombstones = Tombstones()
    for series, (low, high) in deleted.items():
        tombstones.add(series, low, high)
    data = tombstones.encode()
    assert data == plain.write_tombstones({s: [deleted[s]] for s in sorted(deleted)})
    back = Tombstones.decode(data)
    assert {s: back.intervals(s) for s in deleted} == {s: [pair] for s, pair in deleted.items()}
    assert len(back) == back.series_count() == len(deleted)


@settings(max_examples=60)
@given(columns, st.lists(st.tuples(st.integers(0, 2 * 10**7), st.integers(0, 10**7)), min_size=1, max_size=4))
def test_deleted_ranges_are_cut_to_the_millisecond(
    column: list[tuple[int, float]], cuts: list[tuple[int, int]]
) -> None:
    rows = rows_of({(("a", "0"),): column})
    data, segments = write(rows, 0, 2**40, 1 << 29)
    reader = BlockReader(data, segments)
    (series,) = plain.read_index(data).series
    tombstones = Tombstones()
    for low, length in cuts:
        tombstones.add(series, low, low + length)
    _, times, values = rows[0]
    kept = [
        (t, v) for t, v in zip(times, values, strict=True) if not any(low <= t <= low + length for low, length in cuts)
    ]
    batch = reader.select([], 0, 2**40, tombstones)
    if not kept:
        assert len(batch) == 0
        return
    got_times, got_values = batch.samples(0, 0, 2**40)
    assert got_times.tolist() == [t for t, _ in kept]
    assert bits(got_values) == bits([v for _, v in kept])


def test_a_batch_outlives_its_reader() -> None:
    rows = rows_of({(("a", "0"),): [(5, 1.0), (5, 2.0)]})
    data, segments = write(rows, 0, 100, 1 << 20)
    batch = BlockReader(bytearray(data), [bytearray(s) for s in segments]).select([], 0, 100)
    junk = [bytearray(len(data)) for _ in range(50)]
    assert batch.samples(0, 0, 100)[1].tolist() == [1.0, 2.0]
    assert junk[0][0] == 0


def test_a_mapped_buffer_cannot_be_taken_from_under_a_reader() -> None:
    data, segments = write(rows_of({(("a", "0"),): [(5, 1.0)]}), 0, 100, 1 << 20)
    held = bytearray(data)
    reader = BlockReader(held, segments)
    try:
        held.extend(b"x")
        raise AssertionError("the buffer could be resized")
    except BufferError:
        assert reader.series_count() == 1
    assert struct.unpack(">I", data[:4]) == (0xBAAAD700,)
