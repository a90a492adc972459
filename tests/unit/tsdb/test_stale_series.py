"""Series that ended and are too many of all: they move to blocks of their own, and stay answered for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.compact_plan import STALE_SERIES
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
STALE = np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0]
SERIES = 10
ALL = (-(2**62), 2**62)


def open_db(path: Path, threshold: float = 0.5) -> DB:
    db = DB.open(path, DBOptions(), Registry(), FakeClock(START / 1000))
    db.set_stale_series_threshold(threshold)
    return db


def add(db: DB, series: list[int], t: int, value: float) -> None:
    appender = db.appender()
    refs = np.array([appender.series(Labels({"i": str(i)})) for i in series], np.uint64)
    assert not appender.append(refs, np.full(len(refs), t, np.int64), np.full(len(refs), value)).any()
    appender.commit()


def fill(db: DB, ended: int, hours: float = 1.0) -> int:
    """A sample a minute of all series, then a stale marker of the first `ended`; gives the time of that."""
    t = START
    for t in range(START, START + int(hours * HOUR), MINUTE):
        add(db, list(range(SERIES)), t, float(t))
    add(db, list(range(ended)), t + MINUTE, STALE)
    add(db, list(range(ended, SERIES)), t + MINUTE, float(t + MINUTE))
    return t + MINUTE


def read(db: DB) -> dict[str, list[tuple[int, int]]]:
    """Times and bits of all samples."""
    batch = db.querier(*ALL).select([])
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, *ALL)
        out[batch.labels[row]["i"]] = list(zip(ts.tolist(), vs.view(np.uint64).tolist(), strict=True))
    return out


def test_they_leave_the_head_for_blocks_and_answers_stay_the_same(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    fill(db, ended=6, hours=2.5)
    want = read(db)
    assert db.head.counts().stale_series == 6
    db.maintain()
    counts = db.head.counts()
    assert (counts.series, counts.stale_series, counts.removed) == (4, 0, 6)
    assert [(b.meta.hints, b.meta.stats.series) for b in db.blocks()] == [((STALE_SERIES,), 6)] * 2
    assert read(db) == want
    db.close()


def test_a_restart_does_not_bring_them_back(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    t = fill(db, ended=6)
    want = read(db)
    db.maintain()
    add(db, [0], t + MINUTE, 5.0)  # one of them goes on
    want["0"].append((t + MINUTE, int(np.array([5.0]).view(np.uint64)[0])))
    assert db.head.counts().series == 5
    assert read(db) == want
    db.close()
    again = open_db(tmp_path)
    # Their labels are there until the next truncation, but no samples.
    assert len(again.head.querier(*ALL).series([])) == 5
    assert again.head.counts().chunks == 5
    assert read(again) == want
    again.close()


@pytest.mark.parametrize(("threshold", "ended", "hours"), [(0.5, 4, 1.0), (0.0, 10, 1.0), (0.5, 6, 2.9)])
def test_they_stay_below_the_threshold_without_one_and_shortly_before_the_next_block(
    tmp_path: Path, threshold: float, ended: int, hours: float
) -> None:
    db = open_db(tmp_path, threshold)
    fill(db, ended, hours)
    db.maintain()
    assert db.head.counts().series == SERIES and db.blocks() == ()
    db.close()


def test_a_series_that_goes_on_or_is_asked_for_meanwhile_stays(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    t = fill(db, ended=3)
    stale = db.head.begin_stale_compaction()
    assert len(stale) == 3
    add(db, [0], t + MINUTE, 1.0)
    waiting = db.appender()
    ref = waiting.series(Labels({"i": "1"}))
    db.head.end_stale_compaction(stale)
    assert sorted(read(db)) == ["0", "1", *map(str, range(3, SERIES))]
    waiting.append(np.array([ref], np.uint64), np.array([t + MINUTE], np.int64), np.array([7.0]))
    waiting.commit()
    batch = db.querier(*ALL).select([Matcher(MatchType.EQUAL, "i", "1")])
    assert batch.samples(0, *ALL)[1][-1] == 7.0
    db.close()


def test_none_goes_while_a_transaction_from_before_is_open(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    fill(db, ended=3)
    waiting = db.appender()
    stale = db.head.begin_stale_compaction()
    db.head.end_stale_compaction(stale)
    assert db.head.counts().series == SERIES
    waiting.rollback()
    stale = db.head.begin_stale_compaction()
    db.head.end_stale_compaction(stale)
    assert db.head.counts().series == SERIES - 3
    db.close()
