"""The head becomes blocks, the log becomes a checkpoint, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import narthex.tsdb.block_set as block_set_module
from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch, wal_records
from narthex.storage.contract import AppendStatus
from narthex.tsdb.block import Block
from narthex.tsdb.block_write import write_block
from narthex.tsdb.checkpoint import checkpoints, last_checkpoint
from narthex.tsdb.db import DB, replay_from
from narthex.tsdb.options import DBOptions
from narthex.tsdb.wal import list_segments
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
ALL = (-(2**62), 2**62)


def open_db(path: Path, registry: Registry | None = None) -> DB:
    return DB.open(path, DBOptions(), registry or Registry(), FakeClock(START / 1000))


def feed(db: DB, first: int, last: int, names: list[str], step: int = MINUTE) -> None:
    """One sample a series at START + k * step for k in [first, last)."""
    for k in range(first, last):
        appender = db.appender()
        refs = np.array([appender.series(Labels({"__name__": "m", "i": n})) for n in names], np.uint64)
        ts = np.full(len(names), START + k * step, np.int64)
        assert not appender.append(refs, ts, np.full(len(names), float(k))).any()
        appender.commit()


def minutes(db: DB, name: str) -> list[int]:
    batch = db.querier(*ALL).select([Matcher(MatchType.EQUAL, "i", name)])
    if len(batch) == 0:
        return []
    ts, vs = batch.samples(0, *ALL)
    ks = ((ts - START) // MINUTE).tolist()
    assert vs.tolist() == [float(k) for k in ks]
    return ks


def test_the_oldest_range_becomes_a_block_when_the_head_spans_one_and_a_half(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    feed(db, 0, 181, ["a", "b"])
    db.maintain()
    assert db.blocks() == ()
    feed(db, 181, 182, ["a", "b"])
    db.maintain()
    (block,) = db.blocks()
    assert (block.meta.min_time, block.meta.max_time) == (START, START + 2 * HOUR)
    assert db.head.counts().min_time == START + 2 * HOUR
    assert minutes(db, "a") == list(range(182))
    db.close()


def test_samples_stay_through_blocks_checkpoints_and_restarts(tmp_path: Path) -> None:
    registry = Registry()
    db = open_db(tmp_path, registry)
    feed(db, 0, 100, ["a", "gone"])
    for hour in range(2, 20):
        feed(db, hour * 60, hour * 60 + 60, ["a", f"only-{hour}"])
        db.maintain()
    wal = tmp_path / "wal"
    assert len(checkpoints(wal)) == 1
    checkpoint = last_checkpoint(wal)
    assert checkpoint is not None
    assert list_segments(wal)[0].number == checkpoint.number + 1
    want = {n: minutes(db, n) for n in ["a", "gone", *(f"only-{h}" for h in range(2, 20))]}
    assert want["a"] == [*range(100), *range(120, 1200)]
    assert want["gone"] == list(range(100))
    assert all(want[f"only-{h}"] == list(range(h * 60, h * 60 + 60)) for h in range(2, 20))
    assert db.head.counts().removed > 10
    assert db.querier(*ALL).label_values("i") == sorted(want)
    db.close()
    registry = Registry()
    db = open_db(tmp_path, registry)
    assert {n: minutes(db, n) for n in want} == want
    assert b"prometheus_tsdb_wal_replay_unknown_refs_total 0" in registry.expose()
    db.close()


def test_a_checkpoint_holds_no_series_that_head_and_later_segments_do_not_know(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    for hour in range(24):
        feed(db, hour * 60, hour * 60 + 60, ["a", f"only-{hour}"])
        db.maintain()
    checkpoint = last_checkpoint(tmp_path / "wal")
    assert checkpoint is not None
    records = [r for s in list_segments(checkpoint.path) for r in wal_records(s.path.read_bytes())[0]]
    text = b"".join(r for r in records if r[0] == 1)
    assert b"only-0" not in text
    assert b"only-5" not in text
    assert b"\x01i\x01a" in text
    db.close()


def test_a_transaction_from_before_cannot_slip_a_sample_behind_a_new_block(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    feed(db, 0, 60, ["a"])
    appender = db.appender()
    ref = appender.series(Labels({"i": "late"}))
    early = START + 30 * MINUTE
    assert appender.append(np.array([ref], np.uint64), np.array([early]), np.array([1.0])).tolist() == [AppendStatus.OK]
    feed(db, 60, 200, ["a"])
    db.maintain()
    appender.commit()
    assert len(db.querier(*ALL).select([Matcher(MatchType.EQUAL, "i", "late")])) == 0
    assert db.head.counts().min_time == START + 2 * HOUR
    db.close()


def test_a_block_that_cannot_be_written_leaves_the_head_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("no space")

    db = open_db(tmp_path)
    feed(db, 0, 200, ["a"])
    with monkeypatch.context() as patch:
        patch.setattr(block_set_module, "write_block", fail)
        with pytest.raises(StorageError, match="no space"):
            db.maintain()
    assert minutes(db, "a") == list(range(200))
    db.maintain()
    assert len(db.blocks()) == 1
    assert minutes(db, "a") == list(range(200))
    db.close()


def test_a_query_across_head_and_blocks_merges_only_what_overlaps(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    feed(db, 0, 200, ["a"])
    db.maintain()
    old = db.querier(START, START + HOUR).select([])
    assert len(old) == 1
    new = db.querier(START + 3 * HOUR, START + 4 * HOUR).select([])
    assert new.samples(0, *ALL)[0].min() >= START + 2 * HOUR
    assert db.querier(START - 2 * HOUR, START - 1).select([]).chunk_count() == 0
    assert db.querier(START - 2 * HOUR, START - 1).label_names() == []
    db.close()


def test_head_stats_count_what_the_status_page_shows(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    feed(db, 0, 3, ["a", "bcd"])
    stats = db.head_stats()
    assert (stats.num_series, stats.num_label_pairs, stats.chunk_count) == (2, 3, 2)
    assert (stats.min_time, stats.max_time) == (START, START + 2 * MINUTE)
    assert stats.series_count_by_metric_name == [("m", 2)]
    assert stats.label_value_count_by_label_name == [("i", 2), ("__name__", 1)]
    assert stats.memory_in_bytes_by_label_name == [("i", 4), ("__name__", 2)]
    assert stats.series_count_by_label_pair == [("__name__=m", 2), ("i=a", 1), ("i=bcd", 1)]
    db.close()


async def test_head_stats_count_labels_anew_every_half_minute_and_series_each_time(tmp_path: Path) -> None:
    clock = FakeClock(START / 1000)
    db = DB.open(tmp_path, DBOptions(), Registry(), clock)
    feed(db, 0, 3, ["a"])
    assert db.head_stats().series_count_by_metric_name == [("m", 1)]
    feed(db, 3, 6, ["a", "b"])
    await clock.advance(29)
    assert db.head_stats().num_series == 2
    assert db.head_stats().series_count_by_metric_name == [("m", 1)]
    assert db.head_stats(5).series_count_by_metric_name == [("m", 2)]
    assert db.head_stats().series_count_by_metric_name == [("m", 2)]
    feed(db, 6, 9, ["c"])
    await clock.advance(30)
    assert db.head_stats().series_count_by_metric_name == [("m", 3)]
    db.close()


async def test_a_ripe_block_waits_for_its_delay_and_the_rest_follows_at_once(tmp_path: Path) -> None:
    clock, drawn = FakeClock(START / 1000), iter([100.0, 50.0])
    db = DB.open(tmp_path, DBOptions(compaction_delay=lambda: next(drawn)), Registry(), clock)
    feed(db, 0, 480, ["a"])
    db.maintain()
    await clock.advance(99)
    db.maintain()
    assert db.blocks() == ()
    await clock.advance(1)
    db.maintain()
    assert len(db.blocks()) == 3
    feed(db, 480, 600, ["a"])
    db.maintain()
    assert len(db.blocks()) == 3
    await clock.advance(50)
    db.maintain()
    assert minutes(db, "a") == list(range(600))
    assert sum(b.meta.stats.samples for b in db.blocks()) == 480
    db.close()


async def test_new_blocks_are_looked_for_once_an_interval(tmp_path: Path) -> None:
    clock, registry = FakeClock(START / 1000), Registry()
    db = DB.open(tmp_path, DBOptions(reload_interval=60), registry, clock)
    for _ in range(9):
        await clock.advance(15)
        db.maintain()
    text = registry.expose()
    assert b"prometheus_tsdb_reloads_total 3\n" in text
    assert b"prometheus_tsdb_compactions_triggered_total 9\n" in text
    db.close()


def test_blocks_that_hold_a_part_of_their_time_do_not_shorten_the_replay(tmp_path: Path) -> None:
    names = []
    for k, hint in enumerate(["", "from-out-of-order", "from-stale-series", "from-selected-series", "of-another"]):
        start = START + 2 * k * HOUR
        meta = write_block(tmp_path, one_sample(start), start, start + 2 * HOUR, hints=[hint] if hint else [])
        assert meta is not None
        names.append(meta.ulid)
    blocks = [Block.open(tmp_path / name) for name in names]
    assert replay_from(tuple(blocks)) == START + 10 * HOUR
    assert replay_from(tuple(blocks[:4])) == START + 2 * HOUR
    assert replay_from(tuple(blocks[1:4])) is None


def one_sample(time: int) -> SeriesBatch:
    batch = SeriesBatch()
    batch.add_columns([("i", "a")], np.array([time]), np.array([1.0]))
    return batch
