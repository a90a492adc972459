"""Deleting samples that are still in the head: at once, over restarts, on their way into blocks, and late ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
ALL = (-(2**62), 2**62)
A = [Matcher(MatchType.EQUAL, "i", "a")]
EVERYTHING: list[Matcher] = []


def open_db(path: Path, window: int = 4 * HOUR) -> DB:
    db = DB.open(path, DBOptions(), Registry(), FakeClock(START / 1000))
    db.set_out_of_order_window(window)
    return db


def add(db: DB, name: str, minutes: list[int]) -> None:
    appender = db.appender()
    refs = np.full(len(minutes), appender.series(Labels({"i": name})), np.uint64)
    times = START + np.array(minutes, np.int64) * MINUTE
    assert not appender.append(refs, times, np.array(minutes, np.float64)).any()
    appender.commit()


def read(db: DB) -> dict[str, list[int]]:
    batch = db.querier(*ALL).select([])
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, *ALL)
        out[batch.labels[row]["i"]] = ((ts - START) // MINUTE).tolist()
        assert vs.tolist() == out[batch.labels[row]["i"]]
    return out


def delete(db: DB, first: int, last: int, matchers: list[Matcher] = A) -> None:
    db.delete(matchers, START + first * MINUTE, START + last * MINUTE)


def killed(db: DB, path: Path) -> DB:
    copy = path.with_name(path.name + "+")
    shutil.copytree(path, copy)
    db.close()
    return open_db(copy)


def test_deletions_survive_a_start_from_a_snapshot(tmp_path: Path) -> None:
    def open_with_snapshots() -> DB:
        options = DBOptions(head=HeadSettings(snapshot_on_shutdown=True))
        return DB.open(tmp_path, options, Registry(), FakeClock(START / 1000))

    db = open_with_snapshots()
    add(db, "a", list(range(150)))
    delete(db, 10, 20)
    delete(db, 130, 139)
    want = {"a": [*range(10), *range(21, 130), *range(140, 150)]}
    for _ in range(2):
        assert read(db) == want
        db.close()
        assert list(tmp_path.glob("chunk_snapshot.*"))
        db = open_with_snapshots()
    assert read(db) == want
    db.close()


@pytest.mark.parametrize("after", ["at once", "kill", "restart"])
def test_deleted_samples_are_gone_and_others_are_not(tmp_path: Path, after: str) -> None:
    db = open_db(tmp_path / "data")
    add(db, "a", list(range(150)))
    add(db, "b", list(range(150)))
    delete(db, 10, 20)
    delete(db, 130, 139)
    add(db, "a", [150, 151])
    want = {"a": [*range(10), *range(21, 130), *range(140, 152)], "b": list(range(150))}
    if after == "kill":
        db = killed(db, tmp_path / "data")
    elif after == "restart":
        db.close()
        db = open_db(tmp_path / "data")
    assert read(db) == want
    db.close()


def test_a_series_without_samples_left_is_not_shown_until_it_gets_new_ones(tmp_path: Path) -> None:
    db = open_db(tmp_path / "data")
    add(db, "a", list(range(60)))
    add(db, "b", [0])
    db.delete(A, *ALL)
    assert read(db) == {"b": [0]}
    assert len(db.querier(*ALL).series([])) == 1
    add(db, "a", [60])  # the deletion ends where the series did
    assert read(db) == {"a": [60], "b": [0]}
    db = killed(db, tmp_path / "data")
    assert read(db) == {"a": [60], "b": [0]}
    db.close()


def test_a_deletion_of_nothing_logs_nothing(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    add(db, "a", [0, 5])
    size = (tmp_path / "wal" / "00000000").stat().st_size
    delete(db, 100, 200)
    db.delete([Matcher(MatchType.EQUAL, "i", "none")], *ALL)
    assert (tmp_path / "wal" / "00000000").stat().st_size == size
    db.close()


def test_blocks_of_the_head_lack_what_was_deleted(tmp_path: Path) -> None:
    db = open_db(tmp_path / "data", 0)

    def grow(first: int, last: int) -> None:
        for k in range(first, last, 10):
            add(db, "a", list(range(k, k + 10)))
            add(db, "b", list(range(k, k + 10)))
            db.maintain()

    grow(0, 180)
    delete(db, 30, 130)
    grow(180, 190)
    want = {"a": [*range(30), *range(131, 190)], "b": list(range(190))}
    (block,) = db.blocks()
    assert block.meta.stats.samples == 30 + 120
    assert read(db) == want
    grow(190, 900)
    want = {"a": [*want["a"], *range(190, 900)], "b": list(range(900))}
    assert list((tmp_path / "data" / "wal").glob("checkpoint.*"))
    assert read(db) == want
    db = killed(db, tmp_path / "data")
    assert read(db) == want
    db.close()


def test_a_deletion_reaches_blocks_head_and_late_samples(tmp_path: Path) -> None:
    db = open_db(tmp_path / "data")
    add(db, "a", list(range(0, 190, 2)))
    db.maintain()
    add(db, "a", list(range(190, 250)))
    add(db, "a", list(range(121, 189, 2)))  # a closed late chunk and an open one
    delete(db, 100, 220, EVERYTHING)
    want = {"a": [*range(0, 100, 2), *range(221, 250)]}
    assert read(db) == want
    db = killed(db, tmp_path / "data")
    assert read(db) == want
    db.close()


@pytest.mark.parametrize("after", ["at once", "kill", "compaction"])
def test_what_comes_late_after_a_deletion_is_seen(tmp_path: Path, after: str) -> None:
    db = open_db(tmp_path / "data")
    add(db, "a", list(range(0, 100, 2)))
    late = list(range(1, 100, 2))
    add(db, "a", late)
    delete(db, 10, 90)
    add(db, "a", [20, 31])
    want = {"a": [*range(10), 20, 31, *range(91, 100)]}
    assert read(db) == want
    if after == "kill":
        db = killed(db, tmp_path / "data")
    elif after == "compaction":
        add(db, "a", list(range(100, 190)))
        want["a"] += list(range(100, 190))
        db.maintain()
        assert db.head.counts().out_of_order_max_time < db.head.counts().out_of_order_min_time
    assert read(db) == want
    db.close()


def test_a_deletion_that_cannot_be_logged_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = open_db(tmp_path / "data")
    add(db, "a", [0, 1, 2])
    before = (tmp_path / "data" / "wal" / "00000000").read_bytes()

    def fail(*_: object) -> None:
        raise StorageError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(db.head.late, "write", fail)
        with pytest.raises(StorageError, match="no space"):
            delete(db, 0, 1)
    assert (tmp_path / "data" / "wal" / "00000000").read_bytes() == before
    assert read(db) == {"a": [0, 1, 2]}
    delete(db, 0, 1)
    assert read(db) == {"a": [2]}
    db.close()


def test_a_selection_keeps_what_was_there_when_it_was_made(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    add(db, "a", list(range(0, 130, 2)))
    add(db, "a", list(range(1, 130, 2)))
    batch = db.querier(*ALL).select([])
    db.delete(A, *ALL)
    assert read(db) == {}
    assert len(batch.samples(0, *ALL)[0]) == 130
    db.close()
