"""Samples that come after newer ones: which are taken, where they are seen, how they survive and become blocks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import narthex.tsdb.block_set as block_set_module
from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import SeriesBatch, wal_frame, wal_records
from narthex.storage.contract import AppendStatus
from narthex.tsdb.db import DB
from narthex.tsdb.head_chunks import chunk_files
from narthex.tsdb.options import DBOptions
from narthex.tsdb.read_only import ReadOnlyDB
from narthex.tsdb.wal import list_segments
from reference.chain import chain
from reference.head_chunks import read as read_chunks
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
ALL = (-(2**62), 2**62)
OK, DUPLICATE = AppendStatus.OK, AppendStatus.DUPLICATE
Samples = list[tuple[int, float]]


def open_db(path: Path, window: int = 2 * HOUR, registry: Registry | None = None) -> DB:
    db = DB.open(path, DBOptions(), registry or Registry(), FakeClock(START / 1000))
    db.set_out_of_order_window(window)
    return db


def add(db: DB, name: str, *samples: tuple[int, float]) -> list[int]:
    appender = db.appender()
    refs = np.full(len(samples), appender.series(Labels({"i": name})), np.uint64)
    statuses = appender.append(
        refs, np.array([t for t, _ in samples], np.int64), np.array([v for _, v in samples], np.float64)
    )
    appender.commit()
    return statuses.tolist()


def read(db: DB) -> dict[str, Samples]:
    batch = db.querier(*ALL).select([])
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, *ALL)
        out[batch.labels[row]["i"]] = list(zip(ts.tolist(), vs.tolist(), strict=True))
    return out


def minute_samples(first: int, last: int, value: float = 0.0, step: int = 1) -> Samples:
    return [(START + k * MINUTE, float(k) + value) for k in range(first, last, step)]


def metric(registry: Registry, name: str) -> float:
    for line in registry.expose().decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(name)


def test_samples_within_the_window_are_taken_and_older_ones_are_too_old(tmp_path: Path) -> None:
    registry = Registry()
    db = open_db(tmp_path, HOUR, registry)
    assert add(db, "a", (START, 1.0)) == [OK]
    late = [(START - HOUR, 2.0), (START - HOUR - 1, 3.0), (START - MINUTE, 4.0), (START, 1.0), (START, 9.0)]
    want = [OK, AppendStatus.TOO_OLD, OK, AppendStatus.DUPLICATE_SAME, DUPLICATE]
    assert add(db, "a", *late) == want
    # A series without samples takes its first one in order, down to half a block before the newest of all.
    assert add(db, "b", (START - HOUR, 5.0)) == [OK]
    assert add(db, "c", (START - HOUR - 1, 5.0)) == [AppendStatus.TOO_OLD]
    assert read(db) == {"a": [(START - HOUR, 2.0), (START - MINUTE, 4.0), (START, 1.0)], "b": [(START - HOUR, 5.0)]}
    assert metric(registry, 'prometheus_tsdb_head_out_of_order_samples_appended_total{type="float"}') == 2
    assert metric(registry, 'prometheus_tsdb_head_samples_appended_total{type="float"}') == 4
    assert metric(registry, 'prometheus_tsdb_too_old_samples_total{type="float"}') == 2
    assert metric(registry, "prometheus_tsdb_sample_ooo_delta_count") == 4
    assert metric(registry, 'prometheus_tsdb_sample_ooo_delta_bucket{le="600"}') == 1
    assert metric(registry, "prometheus_tsdb_sample_ooo_delta_sum") == pytest.approx(3 * 3600 + 60 + 0.002)
    db.close()


def test_without_a_window_nothing_late_is_taken_and_there_is_no_log_of_it(tmp_path: Path) -> None:
    db = open_db(tmp_path, 0)
    add(db, "a", (START, 1.0))
    late = [(START - MINUTE, 1.0), (START - HOUR - 1, 1.0)]
    assert add(db, "a", *late) == [AppendStatus.OUT_OF_ORDER, AppendStatus.OUT_OF_BOUNDS]
    db.close()
    assert not (tmp_path / "wbl").exists()


def test_a_sample_at_a_time_that_the_late_chunk_has_is_dropped(tmp_path: Path) -> None:
    registry = Registry()
    db = open_db(tmp_path, registry=registry)
    add(db, "a", (START, 1.0))
    assert add(db, "a", (START - MINUTE, 1.0)) == [OK]
    assert add(db, "a", (START - MINUTE, 2.0), (START - MINUTE, 3.0)) == [OK, OK]
    assert read(db) == {"a": [(START - MINUTE, 1.0), (START, 1.0)]}
    assert metric(registry, 'prometheus_tsdb_head_out_of_order_samples_appended_total{type="float"}') == 1
    db.close()


@pytest.mark.parametrize("reopen", [False, True])
def test_late_samples_in_any_order_are_read_in_order(tmp_path: Path, reopen: bool) -> None:
    db = open_db(tmp_path)
    add(db, "a", *minute_samples(0, 120, step=2))
    late = minute_samples(1, 120, step=2)
    np.random.default_rng(3).shuffle(late)
    for k in range(0, len(late), 7):
        assert not any(add(db, "a", *late[k : k + 7]))
    if reopen:
        shutil.copytree(tmp_path, tmp_path / "killed")  # not closed
        db.close()
        db = open_db(tmp_path / "killed")
    assert read(db) == {"a": minute_samples(0, 120)}
    assert db.head.counts().out_of_order_min_time == START + MINUTE
    db.close()


def test_of_equal_times_the_chunk_counts_that_prometheus_would_take(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    in_order = minute_samples(0, 60)
    add(db, "a", *in_order)
    one = [(t, v + 0.25) for t, v in minute_samples(10, 42)]  # fills a chunk
    two = [(t, v + 0.5) for t, v in minute_samples(30, 50)]
    assert not any(add(db, "a", *one, *two))
    assert read(db) == {"a": chain([in_order, one, two])}
    db.close()


def test_the_log_of_late_samples_has_them_alone_and_a_torn_tail_is_cut(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    add(db, "a", (START, 1.0))
    for k in range(1, 11):
        add(db, "a", (START - k * MINUTE, float(k)), (START + k * MINUTE, float(k)))
    db.close()
    (segment,) = list_segments(tmp_path / "wbl")
    data = segment.path.read_bytes()
    records, _, fault = wal_records(data)
    assert not fault
    assert {r[0] for r in records} == {2}
    assert len(records) == 10
    sound = sum(len(wal_frame([record])) for record in records[:9])
    segment.path.write_bytes(data[: sound + 5])
    registry = Registry()
    db = open_db(tmp_path, registry=registry)
    assert [t for t, _ in read(db)["a"]] == [t for t, _ in minute_samples(-9, 11)]  # the tenth is gone
    assert metric(registry, "prometheus_tsdb_wal_corruptions_total") == 1
    assert segment.path.stat().st_size == sound
    db.close()
    db = open_db(tmp_path)
    assert len(read(db)["a"]) == 20
    db.close()


def test_a_commit_whose_late_samples_cannot_be_logged_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = open_db(tmp_path)
    add(db, "a", (START, 1.0))
    before = (tmp_path / "wal" / "00000000").read_bytes()

    def fail(*_: object) -> None:
        raise StorageError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(db.head.late, "write", fail)
        with pytest.raises(StorageError, match="no space"):
            add(db, "b", (START - MINUTE, 1.0), (START + MINUTE, 2.0), (START, 1.5))
    assert (tmp_path / "wal" / "00000000").read_bytes() == before
    assert read(db) == {"a": [(START, 1.0)]}
    assert add(db, "b", (START + MINUTE, 2.0), (START, 1.5)) == [OK, OK]
    want = {"a": [(START, 1.0)], "b": [(START, 1.5), (START + MINUTE, 2.0)]}
    assert read(db) == want
    db.close()
    db = open_db(tmp_path)
    assert read(db) == want
    db.close()


def test_a_window_that_cannot_have_a_log_stays_closed_until_it_can(tmp_path: Path) -> None:
    db = open_db(tmp_path, 0)
    add(db, "a", (START, 1.0))
    (tmp_path / "wbl" / "00000000").mkdir(parents=True)  # in the way of the first segment
    for _ in range(2):
        with pytest.raises(StorageError, match="wbl"):
            db.set_out_of_order_window(HOUR)
    assert add(db, "a", (START - MINUTE, 1.0)) == [AppendStatus.OUT_OF_ORDER]
    (tmp_path / "wbl" / "00000000").rmdir()
    db.set_out_of_order_window(HOUR)
    assert add(db, "a", (START - MINUTE, 1.0)) == [OK]
    db.close()


def ripe_db(path: Path, registry: Registry | None = None) -> tuple[DB, dict[str, Samples]]:
    """A head that is ripe for a block, with late samples in three block ranges, one before all others."""
    db = open_db(path, 3 * HOUR, registry)
    add(db, "a", *minute_samples(0, 120, step=2))
    add(db, "b", *minute_samples(0, 120))
    add(db, "a", *minute_samples(1, 120, step=2), *minute_samples(-40, 0))
    add(db, "a", *minute_samples(120, 190))
    add(db, "b", *minute_samples(120, 190, step=3))
    add(db, "b", *[s for s in minute_samples(120, 190) if s not in minute_samples(120, 190, step=3)])
    return db, {"a": minute_samples(-40, 190), "b": minute_samples(0, 190)}


def test_late_samples_become_blocks_of_their_own_and_leave_the_log(tmp_path: Path) -> None:
    registry = Registry()
    db, want = ripe_db(tmp_path, registry)
    assert read(db) == want
    chunks = db.head.counts().chunks
    db.block_set.compact = lambda *_, **__: 0  # type: ignore[method-assign]  # look before the overlaps are merged
    db.maintain()
    spans = [(b.meta.min_time - START, b.meta.max_time - START, b.meta.hints) for b in db.blocks()]
    late = ("from-out-of-order",)
    assert sorted(spans) == sorted(
        [(0, 2 * HOUR, ()), (-2 * HOUR, 0, late), (0, 2 * HOUR, late), (2 * HOUR, 4 * HOUR, late)]
    )
    assert read(db) == want
    assert db.head.counts().out_of_order_max_time < db.head.counts().out_of_order_min_time
    assert db.head.counts().chunks < chunks
    (segment,) = list_segments(tmp_path / "wbl")
    assert (segment.number, segment.path.stat().st_size) == (1, 0)
    assert metric(registry, "prometheus_tsdb_out_of_order_wbl_truncations_total") == 1
    db.close()
    db = open_db(tmp_path)
    # Only blocks in order say where the head begins.
    assert db.head.counts().min_valid_time == START + 2 * HOUR
    assert read(db) == want
    db.maintain()
    assert not any(
        a.meta.overlaps(b.meta.min_time, b.meta.max_time - 1) for a in db.blocks() for b in db.blocks() if a is not b
    )
    assert read(db) == want
    db.close()


def test_a_crash_after_the_late_blocks_and_before_the_log_is_cut_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, want = ripe_db(tmp_path / "live")

    def crash(*_: object) -> None:
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
        raise StorageError("killed")

    monkeypatch.setattr(db.head, "end_out_of_order_compaction", crash)
    with pytest.raises(StorageError):
        db.maintain()
    assert read(db) == want
    db.close()
    db = open_db(tmp_path / "killed")
    assert read(db) == want
    db.maintain()
    assert read(db) == want
    db.close()


def test_a_late_block_that_cannot_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db, want = ripe_db(tmp_path)
    real = block_set_module.write_block

    def fail(directory: Path, batch: SeriesBatch, mint: int, *rest: Any, hints: list[str], **named: Any) -> object:
        if hints and mint == START:
            raise StorageError("no space")
        return real(directory, batch, mint, *rest, hints=hints, **named)

    with monkeypatch.context() as patch:
        patch.setattr(block_set_module, "write_block", fail)
        with pytest.raises(StorageError, match="no space"):
            db.maintain()
    assert [b.meta.hints for b in db.blocks()] == [()]
    assert read(db) == want
    assert not any(add(db, "a", (START + 100 * MINUTE + 1, 7.0), (START + 191 * MINUTE, 191.0)))
    want["a"] = sorted([*want["a"], (START + 100 * MINUTE + 1, 7.0), (START + 191 * MINUTE, 191.0)])
    db.maintain()
    assert len(db.blocks()) > 1
    assert read(db) == want
    db.close()


def test_late_samples_that_come_while_their_blocks_are_written_stay_in_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, want = ripe_db(tmp_path)
    more = [(START + k * MINUTE + 1, 1.0) for k in range(100, 150)]  # more than a chunk

    def write(directory: Path, batch: SeriesBatch, mint: int, *rest: Any, hints: list[str], **named: Any) -> object:
        if hints and mint == START:
            assert not any(add(db, "a", *more))
        return real(directory, batch, mint, *rest, hints=hints, **named)

    real = block_set_module.write_block
    monkeypatch.setattr(block_set_module, "write_block", write)
    db.maintain()
    want["a"] = sorted(want["a"] + more)
    assert read(db) == want
    assert db.head.counts().out_of_order_min_time == more[0][0]
    shutil.copytree(tmp_path, tmp_path / "killed")
    db.close()
    db = open_db(tmp_path / "killed")
    assert read(db) == want
    db.close()


def test_the_window_may_be_opened_and_closed_again(tmp_path: Path) -> None:
    db = open_db(tmp_path, 0)
    add(db, "a", *minute_samples(0, 120, step=2))
    late = (START + 117 * MINUTE, 1.0)
    assert add(db, "a", late) == [AppendStatus.OUT_OF_ORDER]
    db.set_out_of_order_window(2 * HOUR)
    assert add(db, "a", late) == [OK]
    db.set_out_of_order_window(0)
    assert add(db, "a", (START + 115 * MINUTE, 1.0)) == [AppendStatus.OUT_OF_ORDER]
    want = {"a": sorted([*minute_samples(0, 120, step=2), late])}
    assert read(db) == want
    db.close()
    db = open_db(tmp_path, 0)
    assert read(db) == want
    add(db, "a", *minute_samples(120, 190))
    want["a"] += minute_samples(120, 190)
    db.maintain()
    assert [b.meta.level for b in db.blocks()] == [2]  # the late one and the other are one now
    assert read(db) == want
    db.close()
    db = open_db(tmp_path, 0)
    assert not db.head.late.is_open  # nothing is left in it
    assert read(db) == want
    db.close()


def test_a_clock_that_jumps_back_is_no_reason_to_lose_samples(tmp_path: Path) -> None:
    db = open_db(tmp_path, HOUR)
    add(db, "a", (START, 1.0))
    add(db, "a", (START + 10 * HOUR, 2.0))  # ahead ...
    assert add(db, "a", (START + MINUTE, 3.0)) == [AppendStatus.TOO_OLD]  # ... and back: outside of the window
    db.set_out_of_order_window(24 * HOUR)
    assert not any(add(db, "a", *minute_samples(1, 60)))
    want = [(START, 1.0), *minute_samples(1, 60), (START + 10 * HOUR, 2.0)]
    assert read(db) == {"a": want}
    db.maintain()
    assert read(db) == {"a": want}
    db.close()
    db = open_db(tmp_path, HOUR)
    assert read(db) == {"a": want}
    db.close()


def test_closed_late_chunks_go_to_chunk_files_marked_as_late(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    add(db, "a", *minute_samples(0, 120, step=2))
    late = minute_samples(1, 120, step=2)
    add(db, "a", *late)
    want = {"a": minute_samples(0, 120)}
    db.maintain()
    assert db.head.counts().chunk_bytes == 0
    chunks = [c for path in chunk_files(tmp_path / "chunks_head").values() for c in read_chunks(path.read_bytes())]
    assert [(c.mint, c.maxt) for c in chunks if c.out_of_order] == [(late[0][0], late[31][0])]
    assert read(db) == want
    shutil.copytree(tmp_path, tmp_path / "killed")
    db.close()
    db = open_db(tmp_path / "killed")
    assert read(db) == want
    db.close()


def test_late_samples_may_lie_further_apart_than_a_chunk_can_be_long(tmp_path: Path) -> None:
    day = 24 * HOUR
    db = open_db(tmp_path, 400 * day)
    add(db, "a", (START, 0.0))
    late = [(START - k * 9 * day, float(k)) for k in range(1, 44)]
    assert not any(add(db, "a", *late))
    want = {"a": sorted([*late, (START, 0.0)])}
    assert read(db) == want
    db.maintain()
    db.close()
    db = open_db(tmp_path)
    assert read(db) == want
    db.close()


def test_a_directory_opened_for_looking_shows_late_samples_and_keeps_their_log(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    add(db, "a", (START, 1.0))
    add(db, "a", (START - MINUTE, 2.0))
    db.close()
    before = {p: p.read_bytes() for p in (tmp_path / "wbl").iterdir()}
    with ReadOnlyDB.open(tmp_path).querier(*ALL) as querier:
        batch = querier.select([])
    assert batch.samples(0, *ALL)[0].tolist() == [START - MINUTE, START]
    assert {p: p.read_bytes() for p in (tmp_path / "wbl").iterdir()} == before
