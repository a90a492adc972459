"""Answers of remote read servers, sound and hostile, as series batches."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.native import DecodeError, LimitError, ReadIntake, SeriesBatch, snappy_compress
from reference.chunk_histogram import Histogram, Layout, write_histograms
from reference.chunk_xor2 import write_xor2
from support.chunks import FOREVER, histograms_of_row
from support.histogram_protobuf import histogram_message
from support.protobuf import bytes_field, varint
from support.read_answers import chunked, frame, in_samples
from support.write_requests import Series, version1

XOR2, HISTOGRAM = 4, 2
LIMIT = 1 << 20
H = Histogram(Layout(1, 0.25, ((0, 2),), ((3, 1),)), 4, 1, 2.5, {0: 1, 1: 1}, {3: 1}, 0)


def floats(samples: Iterable[tuple[int, float]]) -> tuple[int, bytes]:
    return XOR2, write_xor2([(t, 0, v) for t, v in samples])


def take(
    pieces: Sequence[bytes], *, frames: bool = True, dropped: Sequence[str] = (), labels_only: bool = False
) -> SeriesBatch:
    intake = ReadIntake(list(dropped), frames=frames, frame_limit=LIMIT, limit=2 * LIMIT, labels_only=labels_only)
    for piece in pieces:
        intake.feed(piece)
    return intake.finish()


def content(batch: SeriesBatch) -> dict[str, list[tuple[int, float]]]:
    found = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, *FOREVER)
        found[str(dict(batch.labels[row]))] = list(zip(times.tolist(), values.tolist(), strict=True))
    return found


ROWS = {k: [(1000 * n, float(n * k)) for n in range(200)] for k in range(5)}
STREAM = b"".join(
    frame(chunked({"__name__": "a", "k": str(k)}, [floats(ROWS[k][n : n + 50]) for n in range(0, 200, 50)]))
    for k in (3, 1, 4, 0, 2)
)
WANTED = {str({"__name__": "a", "k": str(k)}): ROWS[k] for k in range(5)}


@pytest.mark.parametrize("size", [1, 7, 1000, len(STREAM)])
def test_frames_may_be_cut_anywhere_on_the_way(size: int) -> None:
    assert content(take([STREAM[i : i + size] for i in range(0, len(STREAM), size)])) == WANTED


def test_samples_and_histograms_come_in_both_forms() -> None:
    stored = [(1000, H), (2000, H)]
    chunks = [(HISTOGRAM, write_histograms(HISTOGRAM, [(t, 0, h) for t, h in stored]))]
    in_chunks = take([frame(chunked({"__name__": "a"}, [floats(ROWS[2])])), frame(chunked({"__name__": "h"}, chunks))])
    series = [
        Series({"__name__": "a"}, ROWS[2]),
        Series({"__name__": "h"}, histograms=[histogram_message(t, h) for t, h in stored]),
    ]
    plain = take([in_samples(series)], frames=False)
    assert content(in_chunks)[str({"__name__": "a"})] == content(plain)[str({"__name__": "a"})] == ROWS[2]
    read = histograms_of_row(plain, 1)
    assert [(t, h.layout, h.count, h.positive, h.negative) for t, _, h in read] == [
        (t, h.layout, h.count, h.positive, h.negative) for t, h in stored
    ]
    assert read == histograms_of_row(in_chunks, 1)


def test_dropped_labels_leave_one_row_for_what_they_told_apart() -> None:
    stream = [
        frame(chunked({"__name__": "a", "replica": name}, [floats(ROWS[1][part])]))
        for name, part in (("y", slice(100, 200)), ("x", slice(0, 100)))
    ]
    assert content(take(stream, dropped=["replica"])) == {str({"__name__": "a"}): ROWS[1]}


def test_label_sets_alone_keep_no_chunks() -> None:
    batch = take([STREAM], labels_only=True)
    assert len(batch) == 5 and batch.chunk_count() == 0


def test_every_cut_inside_a_frame_is_seen() -> None:
    one = frame(chunked({"__name__": "a"}, [floats(ROWS[1][:5])]))
    assert len(take([one])) == 1
    for cut in range(1, len(one)):
        with pytest.raises(DecodeError, match="ends inside a frame"):
            take([one[:cut]])


def test_every_flipped_bit_is_seen() -> None:
    one = frame(chunked({"__name__": "a"}, [floats(ROWS[1][:5])]))
    for bit in range(8 * len(one)):
        broken = bytearray(one)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises((DecodeError, LimitError)):
            take([bytes(broken)])


@given(st.data())
def test_a_cut_answer_in_samples_is_malformed(data: st.DataObject) -> None:
    body = in_samples([Series({"__name__": "a"}, ROWS[3][:20])])
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(DecodeError):
        take([body[:cut]], frames=False)


UNSORTED = [(2000, 1.0), (1000, 1.0)]


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (chunked({"__name__": "a"}, [floats(UNSORTED)]), "out of order"),
        (chunked({"__name__": "a"}, [(9, b"\0\1\0")]), "unknown chunk encoding"),
        (chunked({"__name__": "a"}, [(1, b"\xff\xff\0")]), "byte"),
        (chunked({"__name__": "a"}, [(1, b"\0")]), "header is cut"),
        (chunked({"__name__": "a"}, [floats(ROWS[1][:3])], query=1), "was not asked"),
        (bytes_field(1, 2 * bytes_field(1, bytes_field(1, b"a") + bytes_field(2, b"b"))), "label twice"),
        (bytes_field(1, bytes_field(1, bytes_field(1, b"a") + bytes_field(2, b"\xff"))), "not UTF-8"),
        (bytes_field(1, bytes_field(1, bytes_field(2, b"b"))), "no name"),
        (bytes_field(1, b"\x0a\x7f"), "past the end"),
    ],
)
def test_what_a_frame_says_wrongly_is_named(message: bytes, what: str) -> None:
    with pytest.raises(DecodeError, match=what):
        take([frame(message)])


@pytest.mark.parametrize(
    ("plain", "what"),
    [
        (bytes_field(1, version1([Series({"__name__": "a"}, UNSORTED)])), "out of order"),
        (2 * bytes_field(1, b""), "was not asked"),
        (bytes_field(1, version1([Series({"__name__": "a"}, histograms=[b"\x08\x01"])])), "malformed histogram"),
    ],
)
def test_what_samples_say_wrongly_is_named(plain: bytes, what: str) -> None:
    with pytest.raises(DecodeError, match=what):
        take([snappy_compress(plain)], frames=False)


def test_bombs_are_refused_by_what_they_declare() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    huge = ReadIntake([], frames=True, frame_limit=50_000_000, limit=1 << 30, labels_only=False)
    with pytest.raises(LimitError, match="frame of 4294967295 bytes"):
        huge.feed(varint(2**32 - 1))
    with pytest.raises(DecodeError, match="too many bytes"):
        take([b"\xff" * 6])
    samples = ReadIntake([], frames=False, frame_limit=0, limit=1 << 30, labels_only=False)
    with pytest.raises(LimitError, match="larger than 1073741824 bytes"):
        samples.feed(varint(2**31))
    # As much as the limit allows, out of next to nothing.
    samples = ReadIntake([], frames=False, frame_limit=0, limit=1 << 30, labels_only=False)
    samples.feed(varint(2**30) + b"\xfe\x01\x00" * 100)
    with pytest.raises(DecodeError, match="over its limit"):
        samples.finish()
    # More than the length needs, for ever.
    samples = ReadIntake([], frames=False, frame_limit=0, limit=1 << 30, labels_only=False)
    with pytest.raises(DecodeError, match="more compressed data"):
        for _ in range(3):
            samples.feed(varint(100) + bytes(100))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_all_frames_together_have_a_limit() -> None:
    piece = b"".join(frame(chunked({"__name__": "a", "k": str(k)}, [(1, b"\0\0\0")])) for k in range(1000))
    intake = ReadIntake([], frames=True, frame_limit=LIMIT, limit=10 * len(piece), labels_only=False)
    for _ in range(10):
        intake.feed(piece)
    with pytest.raises(LimitError, match="answer is larger"):
        intake.feed(piece)
