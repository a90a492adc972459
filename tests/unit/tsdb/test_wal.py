"""The log as files: repair, cutting, a full disk, foreign compression."""

from __future__ import annotations

import logging
import re
import resource
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import CorruptionError, StorageError
from narthex.files.zstd import decompress, zstd
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import wal_frame, wal_records
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from narthex.tsdb.wal import list_segments
from support.clock import FakeClock

PAGE = 32 * 1024


def open_db(path: Path, registry: Registry | None = None, segment_size: int = 64 * PAGE) -> DB:
    return DB.open(path, DBOptions(wal_segment_size=segment_size), registry or Registry(), FakeClock())


def commit(db: DB, t: int, series: int = 50) -> None:
    appender = db.appender()
    refs = np.array([appender.series(Labels({"a": str(i)})) for i in range(series)], np.uint64)
    statuses = appender.append(refs, np.full(series, t, np.int64), np.random.default_rng(t).random(series))
    assert not statuses.any()
    appender.commit()


def times(db: DB) -> list[int]:
    """Times that every series has; fails when one has others."""
    batch = db.querier(-(2**62), 2**62).select([])
    rows = [batch.samples(row, -(2**62), 2**62)[0].tolist() for row in range(len(batch))]
    assert all(row == rows[0] for row in rows)
    return rows[0] if rows else []


def metric(registry: Registry, name: str) -> float:
    for line in registry.expose().decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(name)


def test_segments_are_cut_at_their_size_and_replay_as_one_log(tmp_path: Path) -> None:
    db = open_db(tmp_path, segment_size=2 * PAGE)
    for t in range(1, 400):
        commit(db, t * 1000)
    db.close()
    segments = list_segments(tmp_path / "wal")
    assert len(segments) > 2
    assert [s.number for s in segments] == list(range(len(segments)))
    assert all(s.path.stat().st_size <= 2 * PAGE and s.path.stat().st_size % PAGE == 0 for s in segments)
    db = open_db(tmp_path)
    assert times(db) == [t * 1000 for t in range(1, 400)]
    db.close()


def test_a_torn_tail_costs_only_what_was_torn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = open_db(tmp_path)
    for t in (1000, 2000, 3000):
        commit(db, t)
    db.close()
    segment = tmp_path / "wal" / "00000000"
    data = segment.read_bytes().rstrip(b"\0")
    segment.write_bytes(data[:-5])
    registry = Registry()
    with caplog.at_level(logging.ERROR):
        db = open_db(tmp_path, registry)
    assert times(db) == [1000, 2000]
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 1
    record = next(r for r in caplog.records if "damaged" in r.message)
    assert record.__dict__["file"] == str(segment)
    assert record.__dict__["offset"] == segment.stat().st_size
    commit(db, 4000)
    db.close()
    registry = Registry()
    db = open_db(tmp_path, registry)
    assert times(db) == [1000, 2000, 4000]
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 0
    db.close()


def test_damage_in_the_middle_costs_only_what_it_touched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = open_db(tmp_path, segment_size=PAGE)
    for t in range(1, 400):
        commit(db, t * 1000)
    db.close()
    segments = list_segments(tmp_path / "wal")
    assert len(segments) > 4
    damaged = segments[2].path
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    shutil.rmtree(tmp_path / "chunks_head")  # it repeats what the log is to lose
    before = sum(len(wal_records(s.path.read_bytes())[0]) for s in segments[:2])
    torn = before + len(wal_records(bytes(data))[0])  # a record a commit, but for one that holds the series
    registry = Registry()
    with caplog.at_level(logging.ERROR):
        db = open_db(tmp_path, registry)
    want = [t * 1000 for t in range(1, 400) if t != torn]
    assert times(db) == want
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 1
    assert [r.__dict__["file"] for r in caplog.records] == [str(damaged)]
    db.close()
    registry = Registry()
    db = open_db(tmp_path, registry)
    assert times(db) == want
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 0
    db.close()


def test_series_whose_record_is_lost_do_not_lend_their_references_to_others(tmp_path: Path) -> None:
    db = open_db(tmp_path, segment_size=PAGE)
    commit(db, 1000, series=3)
    appender = db.appender()
    ref = appender.series(Labels({"a": "lost"}))
    appender.append(np.array([ref], np.uint64), np.array([2000]), np.array([1.0]))
    appender.commit()
    db.close()
    segment = tmp_path / "wal" / "00000000"
    records = wal_records(segment.read_bytes())[0]
    kept = [r for r in records if b"lost" not in r]
    assert len(kept) == len(records) - 1
    segment.write_bytes(wal_frame(kept))
    registry = Registry()
    db = open_db(tmp_path, registry)
    assert metric(registry, "prometheus_tsdb_wal_replay_unknown_refs_total") == 1
    assert db.appender().series(Labels({"a": "new"})) > ref
    db.close()


def test_a_missing_segment_costs_what_it_held(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = open_db(tmp_path, segment_size=PAGE)
    for t in range(1, 200):
        commit(db, t * 1000)
    db.close()
    missing = tmp_path / "wal" / "00000001"
    before = len(wal_records((tmp_path / "wal" / "00000000").read_bytes())[0]) - 1  # one holds the series
    lost = len(wal_records(missing.read_bytes())[0])
    missing.unlink()
    shutil.rmtree(tmp_path / "chunks_head", ignore_errors=True)  # repeats a part of the log
    registry = Registry()
    with caplog.at_level(logging.ERROR):
        db = open_db(tmp_path, registry)
    assert times(db) == [t * 1000 for t in range(1, 200) if not before < t <= before + lost]
    assert [r.__dict__["file"] for r in caplog.records] == [str(missing)]
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 1
    db.close()
    open_db(tmp_path).close()


def test_a_segment_from_far_away_is_an_error(tmp_path: Path) -> None:
    open_db(tmp_path).close()
    (tmp_path / "wal" / "12345678").touch()
    with pytest.raises(CorruptionError, match="12345677 segments are missing before 12345678"):
        open_db(tmp_path)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond `size`: a full disk, partial writes included."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_commit_on_a_full_disk_is_not_visible_and_the_next_one_works(tmp_path: Path) -> None:
    registry = Registry()
    db = open_db(tmp_path, registry)
    commit(db, 1000)
    size = (tmp_path / "wal" / "00000000").stat().st_size
    with file_size_limit(size + 10):
        with pytest.raises(StorageError, match="cannot write the log"):
            commit(db, 2000)
        with pytest.raises(StorageError, match="cannot write the log"):
            commit(db, 3000, series=70)  # new series, whose record is lost with the commit
    assert (tmp_path / "wal" / "00000000").stat().st_size == size
    assert times(db) == [1000]
    assert metric(registry, "prometheus_tsdb_wal_writes_failed_total") == 2
    commit(db, 4000)
    appender = db.appender()
    ref = appender.series(Labels({"a": "69"}))
    assert appender.append(np.array([ref], np.uint64), np.array([4000]), np.array([1.0])).tolist() == [0]
    appender.commit()
    db.close()
    db = open_db(tmp_path)
    batch = db.querier(0, 10_000).select([])
    assert len(batch) == 51
    assert batch.labels[50] == {"a": "9"}
    assert {len(batch.samples(row, 0, 10_000)[0]) for row in range(51)} == {1, 2}
    db.close()


def test_records_that_were_compressed_with_zstd_are_read(tmp_path: Path) -> None:
    series = b"\x01" + struct.pack(">Q", 7) + b"\x01\x01a\x01b"
    samples = b"\x02" + struct.pack(">QQ", 7, 1000) + b"\x00\x00" + struct.pack(">d", 1.5)
    frames = []
    for record in (series, samples):
        packed = zstd.compress(record)
        frame = bytearray(wal_frame([packed]))
        assert frame[0] & 8 == 0, "the frame's own text should not have become shorter"
        frame[0] |= 1 << 4
        frames.append(bytes(frame))
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / "00000000").write_bytes(b"".join(frames))
    db = open_db(tmp_path)
    assert times(db) == [1000]
    db.close()


@pytest.mark.parametrize(("compression", "flag"), [("none", 0), ("snappy", 1 << 3), ("zstd", 1 << 4)])
def test_records_are_compressed_as_told_in_log_and_checkpoint(tmp_path: Path, compression: str, flag: int) -> None:
    options = DBOptions(head=HeadSettings(wal_compression=compression))
    db = DB.open(tmp_path, options, Registry(), FakeClock())
    for t in range(0, 4000, 1000):
        commit(db, t, 500)
        db.head.wal.cut()
    first = (tmp_path / "wal" / "00000000").read_bytes()
    db.head.truncate(1000)
    db.head.truncate_log()
    db.close()
    (checkpoint,) = (tmp_path / "wal").glob("checkpoint.*/00000000")
    for data in (first, checkpoint.read_bytes()):  # both begin with the record of series
        assert data[0] & 0b11000 == flag
    db = DB.open(tmp_path, options, Registry(), FakeClock())
    assert times(db)[-1] == 3000
    db.close()


def test_zstd_text_is_bounded_and_must_be_whole() -> None:
    packed = zstd.compress(b"a" * 100_000)
    assert len(decompress(packed, 100_000)) == 100_000
    with pytest.raises(ValueError, match="more than 99999"):
        decompress(packed, 99_999)
    with pytest.raises(ValueError, match="ends early"):
        decompress(packed[:-3], 100_000)


def test_the_worked_example_of_the_format_page_is_true() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats" / "wal.md").read_text()
    rows = re.findall(r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} )*[0-9a-f]{2})\b", page, re.MULTILINE)
    data = bytearray()
    for offset, text in rows:
        assert int(offset, 16) == len(data)
        data += bytes.fromhex(text)
    records, good_end, fault = wal_records(bytes(data))
    assert (good_end, fault) == (len(data), "")
    assert records == [
        b"\x01" + struct.pack(">Q", 1) + b"\x01\x08__name__\x02up",
        b"\x02" + struct.pack(">QQ", 1, 1000) + b"\x00\x00" + struct.pack(">d", 1.0) + b"\x02\xd0\x0f" + bytes(8),
    ]
    assert wal_frame(records) == bytes(data)
