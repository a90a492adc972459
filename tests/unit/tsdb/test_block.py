"""Reading blocks that others wrote long ago."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from narthex.errors import CorruptionError
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.block import Block
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def test_an_index_of_version_1_gives_all_series(conformance: Path) -> None:
    block = Block.open(conformance / "tsdb" / "index_format_v1")
    assert block.reader.index_version == 1
    querier = block.querier(-(2**62), 2**62)
    batch = querier.select([])
    assert len(batch) == 102
    assert querier.label_names() == ["bar", "foo"]
    assert querier.label_values("foo") == ["bar", "baz"]
    only = querier.select([Matcher(MatchType.EQUAL, "bar", "7")])
    assert [only.labels[i] for i in range(len(only))] == [{"bar": "7"}]
    times, values = only.samples(0, -(2**62), 2**62)
    assert len(times) == len(values) == 1


def test_an_index_with_the_wrong_version_byte_is_repaired(conformance: Path, tmp_path: Path) -> None:
    path = copy(conformance / "tsdb" / "repair_index_version" / "01BZJ9WJQPWHGNC2W4J9TA62KC", tmp_path / "b")
    (path / "chunks").mkdir()
    block = Block.open(path)
    assert block.meta.version == 1
    assert block.reader.index_version == 2
    assert block.reader.symbol_count() == 4
    assert Block.open(path).reader.index_version == 2


def test_a_missing_file_is_named(conformance: Path, tmp_path: Path) -> None:
    for name in ("meta.json", "index", "chunks"):
        path = copy(conformance / "tsdb" / "index_format_v1", tmp_path / name)
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink()
        with pytest.raises(CorruptionError, match=name):
            Block.open(path)


def test_the_old_directories_open_as_a_data_directory(conformance: Path, tmp_path: Path) -> None:
    repaired = "01BZJ9WJQPWHGNC2W4J9TA62KC"
    copy(conformance / "tsdb" / "repair_index_version", tmp_path / "data")
    (tmp_path / "data" / repaired / "chunks").mkdir()
    copy(conformance / "tsdb" / "index_format_v1", tmp_path / "data" / "01DXXFZDYD1MQW6079WK0K6EDQ")
    db = DB.open(tmp_path / "data", DBOptions(retention_time=0), Registry(), FakeClock())
    assert not db.block_set.broken
    assert [b.reader.index_version for b in db.blocks()] == [1, 2]
    assert db.querier(0, 7_200_000).label_names() == ["bar", "foo"]
    assert len(db.querier(0, 7_200_000).select([])) == 102
    db.maintain()
    assert len(db.blocks()) == 2
    db.close()
