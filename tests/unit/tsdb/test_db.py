"""One data directory from the outside: append, query, reopen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narthex.errors import InternalError, StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.model.number import is_stale
from narthex.native import Reading, ScrapeCache
from narthex.storage.contract import AppendStatus
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock

EQUAL = MatchType.EQUAL


def open_db(path: Path, registry: Registry | None = None, **options: int) -> DB:
    return DB.open(path, DBOptions(**options), registry or Registry(), FakeClock())


def add(db: DB, labels: dict[str, str], *samples: tuple[int, float]) -> list[int]:
    appender = db.appender()
    ref = appender.series(Labels(labels))
    n = len(samples)
    statuses = appender.append(
        np.full(n, ref, np.uint64),
        np.array([t for t, _ in samples], np.int64),
        np.array([v for _, v in samples], np.float64),
    )
    appender.commit()
    return statuses.tolist()


def read(db: DB, *matchers: Matcher, mint: int = -(2**62), maxt: int = 2**62) -> dict[str, list[tuple[int, float]]]:
    batch = db.querier(mint, maxt).select(matchers)
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, mint, maxt)
        out[str(Labels(batch.labels[row]))] = list(zip(ts.tolist(), vs.tolist(), strict=True))
    return out


def test_a_commit_is_visible_and_survives_a_reopen(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    assert add(db, {"__name__": "up", "job": "a"}, (1000, 1.0), (2000, 0.0)) == [0, 0]
    want = {'{__name__="up", job="a"}': [(1000, 1.0), (2000, 0.0)]}
    assert read(db, Matcher(EQUAL, "job", "a")) == want
    db.close()
    db = open_db(tmp_path)
    assert read(db, Matcher(EQUAL, "__name__", "up")) == want
    assert db.head.wal.current == 1
    db.close()


def test_nothing_is_visible_before_commit_and_never_after_rollback(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    appender = db.appender()
    ref = appender.series(Labels({"a": "b"}))
    appender.append(np.array([ref], np.uint64), np.array([5], np.int64), np.array([1.0]))
    assert read(db) == {}
    appender.rollback()
    assert read(db) == {}
    with pytest.raises(InternalError):
        appender.commit()
    db.close()


def test_each_sample_gets_its_own_status(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    hour = 3_600_000
    now = 100 * hour
    got = add(db, {"a": "b"}, (now, 1.0), (now, 1.0), (now, 2.0), (now - 1, 1.0), (now + 1, 3.0))
    assert got == [
        AppendStatus.OK,
        AppendStatus.DUPLICATE_SAME,
        AppendStatus.DUPLICATE,
        AppendStatus.OUT_OF_ORDER,
        AppendStatus.OK,
    ]
    assert add(db, {"a": "c"}, (now - hour, 1.0)) == [AppendStatus.OUT_OF_BOUNDS]
    assert add(db, {"a": "c"}, (now + 1 - hour, 1.0)) == [AppendStatus.OK]
    appender = db.appender()
    statuses = appender.append(np.array([999], np.uint64), np.array([now], np.int64), np.array([1.0]))
    assert statuses.tolist() == [AppendStatus.UNKNOWN_REF]
    appender.commit()
    db.close()


def test_a_row_of_samples_has_statuses_only_where_one_was_refused(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    appender = db.appender()
    refs = [appender.series(Labels({"a": name})) for name in "xy"]
    assert appender.append_row(refs, 1000, [1.0, 2.0]) is None
    statuses = appender.append_row([*refs, 999], 1000, [1.0, 3.0, 4.0])
    assert statuses is not None
    assert statuses.tolist() == [AppendStatus.DUPLICATE_SAME, AppendStatus.DUPLICATE, AppendStatus.UNKNOWN_REF]
    appender.commit()
    assert read(db) == {'{a="x"}': [(1000, 1.0)], '{a="y"}': [(1000, 2.0)]}
    counts = db.head.counts()
    assert (counts.appended, counts.histograms_appended) == (2, 0)
    assert (counts.transactions, counts.open_transactions) == (1, 0)
    db.close()


def test_a_scan_is_appended_with_stale_markers_for_what_it_lacks(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    cache, reading = ScrapeCache(), Reading()
    for at, body in ((1000, b"a 1\nb 2\n"), (2000, memoryview(b"b 3\nb 4\n"))):
        appender = db.appender()
        cache.scan_text(body, at, reading, False)
        ids = cache.unknown()
        names = [labels["__name__"] for labels in cache.labels(ids)]
        cache.assign(ids, np.array([appender.series(Labels({"a": name})) for name in names], np.uint64))
        kept, duplicates, statuses = appender.append_scan(cache, at)
        assert (kept, duplicates, statuses) == (2, at // 2000, None)
        appender.commit()
        cache.commit()
    found = read(db)
    assert found['{a="b"}'] == [(1000, 2.0), (2000, 3.0)]
    assert [(t, is_stale(v)) for t, v in found['{a="a"}']] == [(1000, False), (2000, True)]
    appender = db.appender()
    cache.scan_text(b"b 5\n", 1500, reading, False)
    _, _, statuses = appender.append_scan(cache, 1500)
    assert statuses is not None and statuses.tolist() == [AppendStatus.OUT_OF_ORDER]
    appender.rollback()
    db.close()


def test_a_second_server_is_told_that_the_directory_is_in_use(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    with pytest.raises(StorageError, match="in use by "):
        open_db(tmp_path)
    db.close()
    open_db(tmp_path).close()
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize("labels", [{}, {"a": "\ud800"}])
def test_a_label_set_that_no_file_could_hold_is_a_storage_error(tmp_path: Path, labels: dict[str, str]) -> None:
    db = open_db(tmp_path)
    appender = db.appender()
    with pytest.raises(StorageError, match="cannot be stored"):
        appender.series(Labels(labels))
    appender.rollback()
    db.close()
