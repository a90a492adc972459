"""What a reader is answered, in samples and in chunks, byte by byte."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import RequestError
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.native import SeriesBatch, snappy_compress, snappy_decompress
from narthex.remote.read_server import ReadLimits, ReadServer, ResponseType
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from reference.block import crc32c
from reference.chunk_histogram import Histogram, Layout
from reference.protobuf import fields, only
from support.chunks import histograms_of_row
from support.clock import FakeClock
from support.histograms import batch_of_histograms
from support.protobuf import bytes_field as message
from support.protobuf import number_field as integer

T = 1_700_000_000_000
ALL = (-(2**62), 2**62)
CHUNKS = integer(2, 1)
Found = dict[str, list[tuple[int, float]]]


def matcher(kind: int, name: str, value: str) -> bytes:
    return message(3, integer(1, kind) + message(2, name.encode()) + message(3, value.encode()))


def query(mint: int, maxt: int, *matchers: bytes, hints: bytes = b"") -> bytes:
    return message(1, integer(1, mint) + integer(2, maxt) + b"".join(matchers) + hints)


def hints(mint: int, maxt: int) -> bytes:
    return message(4, integer(1, 15_000) + message(2, b"rate") + integer(3, mint) + integer(4, maxt))


ANY = matcher(2, "__name__", ".+")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DB]:
    """a: 300 samples, b{job="x"}: 3, and h: 5 histograms; one a second."""
    db = DB.open(tmp_path, DBOptions(), Registry(), FakeClock(T / 1000))
    appender = db.appender()
    for labels, count in (({"__name__": "a"}, 300), ({"__name__": "b", "job": "x"}, 3)):
        refs = np.full(count, appender.series(Labels(labels)), np.uint64)
        assert not appender.append(refs, T + 1000 * np.arange(count, dtype=np.int64), np.arange(count) / 2).any()
    refs = np.full(5, appender.series(Labels({"__name__": "h"})), np.uint64)
    values = [histogram(k) for k in range(5)]
    assert not appender.append_histograms(refs, T + 1000 * np.arange(5), batch_of_histograms(values)).any()
    appender.commit()
    yield db
    db.close()


def histogram(k: int) -> Histogram:
    return Histogram(Layout(1, 0.25, ((0, 2),), ((3, 1),)), 4 + k, 1, 2.5 * k, {0: 1, 1: 1 + k}, {3: 1}, 0)


def server(db: DB, external: Mapping[str, str] | None = None, **limits: int) -> ReadServer:
    return ReadServer(db, lambda: external or {}, ReadLimits(**limits), Registry())


def labels_of(series: bytes) -> str:
    pairs = [{n: v for n, v in fields(label) if isinstance(v, bytes)} for label in only(series, 1)]
    assert pairs == sorted(pairs, key=lambda p: p[1])
    return ",".join(f"{p[1].decode()}={p[2].decode()}" for p in pairs)


def samples_answered(db: DB, *queries: bytes, external: Mapping[str, str] | None = None, **limits: int) -> list[Found]:
    reader = server(db, external, **limits)
    request = reader.decode(snappy_compress(b"".join(queries)))
    assert request.response is ResponseType.SAMPLES
    answer = snappy_decompress(reader.samples(request), 1 << 24)
    out = []
    for result in only(answer, 1):
        found: Found = {}
        for series in only(result, 1):
            rows = [dict(fields(sample)) for sample in only(series, 2)]
            found[labels_of(series)] = [(int(row[2]), float(row[1])) for row in rows]  # type: ignore[arg-type]  # numbers
        out.append(found)
    return out


def frames(data: bytes) -> Iterator[bytes]:
    while data:
        size = shift = at = 0
        while True:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        body = data[at + 4 : at + 4 + size]
        assert int.from_bytes(data[at : at + 4], "big") == crc32c(body)
        yield body
        data = data[at + 4 + size :]


def chunks_answered(
    db: DB, *queries: bytes, external: Mapping[str, str] | None = None, **limits: int
) -> list[tuple[int, str, list[tuple[int, int, int, bytes]]]]:
    """(number of the query, labels, chunks) of each frame."""
    reader = server(db, external, **limits)
    request = reader.decode(snappy_compress(b"".join(queries) + CHUNKS))
    assert request.response is ResponseType.STREAMED_XOR_CHUNKS
    out = []
    for frame in frames(b"".join(reader.frames(request))):
        (series,) = only(frame, 1)
        number = next((int(v) for n, v in fields(frame) if n == 2), 0)
        chunks = [dict(fields(chunk)) for chunk in only(series, 2)]
        out.append((number, labels_of(series), [(c[1], c[2], c[3], c[4]) for c in chunks]))
    return out  # type: ignore[return-value]  # the fields have these types


def decoded(chunks: Sequence[tuple[int, int, int, bytes]]) -> SeriesBatch:
    batch = SeriesBatch()
    batch.add_chunks([("a", "b")], list(chunks))
    return batch


def test_samples_in_the_range_are_answered(db: DB) -> None:
    (found,) = samples_answered(db, query(T + 1000, T + 4000, ANY))
    assert found["__name__=a"] == [(T + 1000 * k, k / 2) for k in range(1, 5)]
    assert found["__name__=b,job=x"] == [(T + 1000, 0.5), (T + 2000, 1.0)]


def test_each_query_has_its_result_in_order(db: DB) -> None:
    found = samples_answered(
        db,
        query(T, T, matcher(0, "__name__", "b")),
        query(T, T, matcher(0, "__name__", "none")),
        query(T, T, matcher(1, "__name__", "b"), matcher(3, "__name__", "h")),
    )
    assert found == [{"__name__=b,job=x": [(T, 0.0)]}, {}, {"__name__=a": [(T, 0.0)]}]


def test_hints_narrow_the_range(db: DB) -> None:
    (found,) = samples_answered(db, query(T, T + 9000, matcher(0, "__name__", "a"), hints=hints(T + 2000, T + 3000)))
    assert found == {"__name__=a": [(T + 2000, 1.0), (T + 3000, 1.5)]}


def test_histograms_are_answered_as_messages(db: DB) -> None:
    reader = server(db)
    request = reader.decode(snappy_compress(query(T, T + 1000, matcher(0, "__name__", "h"))))
    (result,) = only(snappy_decompress(reader.samples(request), 1 << 20), 1)
    (series,) = only(result, 1)
    found = [dict(fields(h)) for h in only(series, 4)]
    assert [(h[15], h[1], h[3], h[6], h[5]) for h in found] == [(T, 4, 0.0, 1, 0.25), (T + 1000, 5, 2.5, 1, 0.25)]
    assert [h[12] for h in found] == [b"\x02\x00", b"\x02\x02"]  # differences 1, 0 and 1, 1


def test_chunks_go_out_as_they_are_stored(db: DB) -> None:
    answered = chunks_answered(db, query(T, T + 299_000, ANY))
    by_labels = {labels: chunks for _, labels, chunks in answered}
    times, values = decoded(by_labels["__name__=a"]).samples(0, *ALL)
    assert times.tolist() == [T + 1000 * k for k in range(300)] and values.tolist() == [k / 2 for k in range(300)]
    assert len(by_labels["__name__=a"]) > 1 and {c[2] for c in by_labels["__name__=a"]} == {1}
    assert [(c[0], c[1], c[2]) for c in by_labels["__name__=h"]] == [(T, T + 4000, 2)]
    found = [h for _, _, h in histograms_of_row(decoded(by_labels["__name__=h"]), 0, *ALL)]
    assert [(h.count, h.sum) for h in found] == [(4 + k, 2.5 * k) for k in range(5)]


def test_small_frames_hold_a_chunk_each_and_queries_are_numbered(db: DB) -> None:
    answered = chunks_answered(
        db, query(T, T + 1000, matcher(0, "__name__", "b")), query(T, T + 299_000, matcher(0, "__name__", "a")),
        frame_bytes=1,
    )  # fmt: skip
    assert [number for number, _, _ in answered] == [0, *[1] * (len(answered) - 1)] and len(answered) > 2
    assert all(len(chunks) == 1 for _, _, chunks in answered)
    assert sum(len(decoded(chunks).samples(0, *ALL)[0]) for _, _, chunks in answered[1:]) == 300


def test_chunks_that_overlap_are_made_one_run(db: DB) -> None:
    db.set_out_of_order_window(400_000)
    appender = db.appender()
    ref = appender.series(Labels({"__name__": "a"}))
    appender.append(np.array([ref], np.uint64), np.array([T + 1500]), np.array([-1.0]))
    appender.commit()
    ((_, _, chunks),) = chunks_answered(db, query(T, T + 299_000, matcher(0, "__name__", "a")))
    assert all(after[0] > before[1] for before, after in itertools.pairwise(chunks))
    times, _ = decoded(chunks).samples(0, *ALL)
    assert times.tolist() == sorted([T + 1500, *(T + 1000 * k for k in range(300))])


def test_xor2_chunks_are_answered_as_xor(tmp_path: Path) -> None:
    db = DB.open(tmp_path / "xor2", DBOptions(), Registry(), FakeClock(T / 1000))
    db.head.set_xor2(True)
    appender = db.appender()
    refs = np.full(5, appender.series(Labels({"__name__": "a"})), np.uint64)
    appender.append(refs, T + 1000 * np.arange(5), np.arange(5) / 4)
    appender.commit()
    ((_, _, chunks),) = chunks_answered(db, query(T, T + 9000, ANY))
    assert [c[2] for c in chunks] == [1] and decoded(chunks).samples(0, *ALL)[1].tolist() == [0, 0.25, 0.5, 0.75, 1]
    db.close()


def test_external_labels_are_added_and_those_that_are_asked_for_are_no_matchers(db: DB) -> None:
    external = {"job": "outer", "replica": "r1"}
    asked = query(T, T, matcher(0, "replica", "r1"), ANY)
    (found,) = samples_answered(db, asked, external=external)
    assert set(found) == {
        "__name__=a,job=outer,replica=r1",
        "__name__=b,job=x,replica=r1",
        "__name__=h,job=outer,replica=r1",
    }
    assert {labels for _, labels, _ in chunks_answered(db, asked, external=external)} == set(found)
    assert samples_answered(db, query(T, T, matcher(0, "replica", "r2")), external=external) == [{}]


def test_too_many_samples_are_refused_but_not_in_chunks(db: DB) -> None:
    asked = query(T, T + 299_000, matcher(0, "__name__", "a"))
    assert len(samples_answered(db, asked, samples=300)[0]["__name__=a"]) == 300
    with pytest.raises(RequestError, match=r"exceeded sample limit \(299\)"):
        samples_answered(db, asked, samples=299)
    assert len(samples_answered(db, asked, samples=0)[0]["__name__=a"]) == 300
    assert chunks_answered(db, asked, samples=299)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xff\xff", "unexpected end"),
        (snappy_compress(b"\x0a\x05"), "runs past the end"),
        (snappy_compress(query(T, T, matcher(4, "a", "b"))), "invalid matcher type"),
        (snappy_compress(query(T, T, matcher(2, "a", "("))), r"\("),
        (snappy_compress(query(T, T, ANY) + integer(2, 7)), "does not support any of the requested response types"),
    ],
)
def test_what_is_no_request_is_refused(db: DB, body: bytes, text: str) -> None:
    with pytest.raises(RequestError, match=text):
        server(db).decode(body)
