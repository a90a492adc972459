"""Copies of all blocks, deleting, and cleaning, through the database."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
ALL = (-(2**62), 2**62)


def filled(path: Path, minutes: int) -> DB:
    """Two series, a sample a minute; every two hours that are full are a block."""
    db = DB.open(path, DBOptions(), Registry(), FakeClock(START / 1000))
    for k in range(minutes):
        appender = db.appender()
        refs = np.array([appender.series(Labels({"__name__": "m", "i": n})) for n in "ab"], np.uint64)
        appender.append(refs, np.full(2, START + k * MINUTE, np.int64), np.full(2, float(k)))
        appender.commit()
    db.maintain()
    return db


def minutes(db: DB, name: str) -> list[int]:
    batch = db.querier(*ALL).select([Matcher(MatchType.EQUAL, "i", name)])
    return [(t - START) // MINUTE for t in batch.samples(0, *ALL)[0].tolist()] if len(batch) else []


def test_a_snapshot_holds_what_was_there_and_shares_the_files_of_blocks(tmp_path: Path) -> None:
    db = filled(tmp_path / "data", 200)
    copy = tmp_path / "data" / "snapshots" / "one"
    db.snapshot(copy)
    (block,) = db.blocks()
    linked = copy / block.meta.ulid
    assert (block.path / "index").samefile(linked / "index")
    assert (block.path / "chunks" / "000001").samefile(linked / "chunks" / "000001")
    db.delete([Matcher(MatchType.EQUAL, "i", "a")], *ALL)
    db.clean_tombstones()
    db.close()
    again = DB.open(copy, DBOptions(), Registry(), FakeClock(START / 1000))
    assert minutes(again, "a") == minutes(again, "b") == list(range(200))
    assert sorted(b.meta.level for b in again.blocks()) == [1, 1]
    again.close()


def test_a_snapshot_may_leave_the_head_out(tmp_path: Path) -> None:
    db = filled(tmp_path / "data", 200)
    db.snapshot(tmp_path / "copy", with_head=False)
    assert [p.name for p in (tmp_path / "copy").iterdir()] == [db.blocks()[0].meta.ulid]
    db.close()


def test_a_snapshot_that_cannot_be_made_leaves_nothing_and_names_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    db = filled(tmp_path / "data", 200)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        with pytest.raises(StorageError, match="copy: cannot make a snapshot"):
            db.snapshot(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    db.snapshot(tmp_path / "copy")
    with pytest.raises(StorageError, match="File exists"):
        db.snapshot(tmp_path / "copy")
    assert (tmp_path / "copy").exists()
    db.close()


def test_deleted_samples_of_blocks_are_gone_at_once_and_their_space_after_cleaning(tmp_path: Path) -> None:
    db = filled(tmp_path, 200)
    db.delete([Matcher(MatchType.EQUAL, "i", "a")], START + 10 * MINUTE, START + 19 * MINUTE)
    assert minutes(db, "a")[:12] == [*range(10), 20, 21]
    before = db.blocks()[0].meta
    db.clean_tombstones()
    (after,) = (b.meta for b in db.blocks())
    assert after.ulid != before.ulid and after.parents[0].ulid == before.ulid
    assert before.stats.samples - after.stats.samples == 10
    assert minutes(db, "b") == list(range(200))
    db.close()
