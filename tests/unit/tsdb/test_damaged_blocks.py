"""Blocks whose bytes are broken serve what is sound, and say what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from narthex.app.server.queries import Queries
from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.options import EngineOptions
from narthex.tsdb.db import DB
from narthex.tsdb.meta import read_meta
from narthex.tsdb.options import DBOptions
from narthex.web.sources import QueryOptions
from reference import block as plain
from support.clock import FakeClock

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
NOW = (START + 6 * HOUR) / 1000
ALL = (-(2**62), 2**62)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A directory with two blocks and a head; three series, a sample a minute."""
    data = tmp_path / "data"
    db = DB.open(data, DBOptions(retention_time=0), Registry(), FakeClock(NOW))
    for k in range(330):
        appender = db.appender()
        refs = np.array([appender.series(Labels({"__name__": "m", "i": n})) for n in "abc"], np.uint64)
        appender.append(refs, np.full(3, START + k * MINUTE, np.int64), np.full(3, float(k)))
        appender.commit()
    db.maintain()
    assert len(db.blocks()) == 2
    db.close()
    return data


def reopened(data: Path, registry: Registry | None = None) -> DB:
    return DB.open(data, DBOptions(retention_time=0), registry or Registry(), FakeClock(NOW))


def first_block(data: Path) -> Path:
    return min((p for p in data.iterdir() if (p / "index").exists()), key=lambda p: read_meta(p).min_time)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x55
    path.unlink()  # a mapping of the old file stays as it was
    path.write_bytes(data)


def minutes(db: DB, name: str) -> list[int]:
    batch = db.querier(*ALL).select([Matcher(MatchType.EQUAL, "i", name)])
    return [(t - START) // MINUTE for t in batch.samples(0, *ALL)[0].tolist()] if len(batch) else []


def test_a_broken_chunk_is_missing_alone_and_named(history: Path, caplog: pytest.LogCaptureFixture) -> None:
    block = first_block(history)
    index = plain.read_index((block / "index").read_bytes())
    (_, chunks) = next(s for s in index.series.values() if ("i", "b") in s[0])
    flip(block / "chunks" / "000001", (chunks[0][2] & 0xFFFFFFFF) + 20)
    registry = Registry()
    db = reopened(history, registry)
    batch = db.querier(*ALL).select([])
    count, reasons = batch.damage()
    assert count == 1
    assert str(block) in reasons[0] and "checksum mismatch in chunk" in reasons[0]
    assert minutes(db, "a") == minutes(db, "c") == list(range(330))
    assert minutes(db, "b") == list(range(120, 330))
    assert "narthex_tsdb_damaged_reads_total 2\n" in registry.expose().decode()
    assert sum("left out of answers" in r.getMessage() for r in caplog.records) == 1
    db.close()


def test_a_broken_series_entry_costs_that_series_of_that_block(history: Path) -> None:
    block = first_block(history)
    index = plain.read_index((block / "index").read_bytes())
    series = next(s for s, (labels, _) in index.series.items() if ("i", "c") in labels)
    flip(block / "index", series * 16 + 3)
    db = reopened(history)
    assert minutes(db, "a") == minutes(db, "b") == list(range(330))
    assert len(minutes(db, "c")) == 210
    assert db.querier(*ALL).select([]).damage()[0] == 1
    db.close()


def test_a_broken_list_of_series_costs_its_block_only(history: Path) -> None:
    block = first_block(history)
    data = (block / "index").read_bytes()
    ids = b"".join(s.to_bytes(4, "big") for s in plain.read_index(data).series)
    flip(block / "index", data.index(ids) + 1)
    db = reopened(history)
    batch = db.querier(*ALL).select([])
    assert len(batch) == 3 and batch.damage()[0] == 1
    assert all(len(batch.samples(row, *ALL)[0]) == 210 for row in range(3))
    db.close()


def test_a_query_warns_of_what_is_missing_and_a_rule_fails(history: Path) -> None:
    flip(first_block(history) / "chunks" / "000001", 40)
    db = reopened(history)
    queries = Queries(EngineOptions(), db, Registry())
    at = START + 90 * MINUTE
    prepared = queries.instant("count(m)", at, QueryOptions())
    answer = prepared.run()
    assert b"".join(answer.result) == b'[{"metric":{},"value":[%d,"2"]}]' % (at // 1000)
    assert len(answer.warnings) == 1
    assert answer.warnings[0].startswith("left out as broken: ")
    with pytest.raises(StorageError, match="left out as broken"):
        queries.evaluate("count(m)", at)
    assert queries.evaluate("count(m)", START + 300 * MINUTE)[0].value == 3
    queries.close()
    db.close()


@pytest.mark.parametrize("name", ["index", "meta.json", "tombstones", "chunks"])
def test_a_block_that_cannot_be_opened_is_skipped_again_and_again_but_kept(history: Path, name: str) -> None:
    block = first_block(history)
    if (block / name).is_dir():
        shutil.rmtree(block / name)
    else:
        (block / name).write_bytes(b"\x01\x02\x03")
    for _ in range(2):
        registry = Registry()
        db = reopened(history, registry)
        db.maintain()
        assert list(db.block_set.broken) == [block.name]
        assert len(minutes(db, "a")) >= 210
        assert "narthex_tsdb_broken_blocks 1\n" in registry.expose().decode()
        db.close()
    assert block.exists()
