"""The analysis of a block against plain counting."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import CorruptionError, StorageError
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.analysis import chunk_analysis, label_analysis
from narthex.tsdb.block import Block
from narthex.tsdb.block_write import write_block
from narthex.tsdb.read_only import ReadOnlyDB

HOUR = 3_600_000
SERIES = sorted((("__name__", f"m{k % 3}"), ("host", f"h{k:02d}"), ("zone", "a" if k % 4 else "bb")) for k in range(40))


@pytest.fixture
def spans() -> list[tuple[int, int]]:
    rnd = random.Random(3)
    ends = [(rnd.randrange(2 * HOUR), rnd.randrange(2 * HOUR)) for _ in SERIES]
    return [(min(pair), max(pair)) for pair in ends]


@pytest.fixture
def block(tmp_path: Path, spans: list[tuple[int, int]]) -> Block:
    batch = SeriesBatch()
    for labels, (first, last) in zip(SERIES, spans, strict=True):
        times = np.unique(np.linspace(first, last, 150).astype(np.int64))
        batch.add_columns(labels, times, np.ones(len(times)))
    meta = write_block(tmp_path, batch, 0, 2 * HOUR)
    assert meta is not None
    return Block.open(tmp_path / meta.ulid)


def test_labels_are_counted_and_ranked(block: Block, spans: list[tuple[int, int]]) -> None:
    found = label_analysis(block, [], 1000)
    pairs = Counter(pair for labels in SERIES for pair in labels)
    assert (found["series"], found["entries"], found["pairs"]) == (40, 120, len(pairs))
    assert {(n, v): c for n, v, c in found["common_pairs"]} == dict(pairs)
    uncovered: Counter[tuple[str, str]] = Counter()
    for labels, (first, last) in zip(SERIES, spans, strict=True):
        for pair in labels:
            uncovered[pair] += 2 * HOUR - (last - first)
    assert {(n, v): c for n, v, c in found["churning_pairs"]} == {p: int(u / (2 * HOUR)) for p, u in uncovered.items()}
    assert {n: c for n, _, c in found["richest_names"]} == {"__name__": 3, "host": 40, "zone": 2}
    assert {n: c for n, _, c in found["longest_names"]} == {"__name__": 6, "host": 120, "zone": 3}
    assert {n: c for n, _, c in found["largest_metrics"]} == Counter(labels[0][1] for labels in SERIES)
    counts = [c for *_, c in found["common_pairs"]]
    assert counts == sorted(counts, reverse=True)
    assert label_analysis(block, [], 2)["common_pairs"] == found["common_pairs"][:2]


def test_matchers_restrict_what_is_counted(block: Block) -> None:
    found = label_analysis(block, [Matcher(MatchType.EQUAL, "zone", "bb")], 10)
    assert found["series"] == 10 and ("zone", "bb", 10) in found["common_pairs"]


def test_chunks_are_counted_with_their_samples_and_bytes(block: Block) -> None:
    found = chunk_analysis(block, [])
    assert found["chunks"] == block.meta.stats.chunks == len(found["float_samples"])
    assert found["float_samples"].sum() == block.meta.stats.samples
    assert len(found["histogram_samples"]) == 0


def test_a_flipped_index_is_an_error_that_names_the_block(block: Block) -> None:
    index = block.path / "index"
    data = bytearray(index.read_bytes())
    for at in range(40, len(data) - 60, 7):
        broken = bytearray(data)
        broken[at] ^= 0x41
        index.write_bytes(broken)
        try:
            again = Block.open(block.path)
            label_analysis(again, [], 10)
            chunk_analysis(again, [])
        except CorruptionError as e:
            assert block.meta.ulid in str(e)


def test_a_directory_is_opened_without_writing_to_it(block: Block) -> None:
    directory = block.path.parent
    directory.chmod(0o555)
    try:
        db = ReadOnlyDB.open(directory)
        assert [b.meta.ulid for b in db.blocks()] == [db.last_block()] == [block.meta.ulid]
        with db.querier(0, HOUR) as querier:
            assert len(querier.select([])) > 0
    finally:
        directory.chmod(0o755)


def test_a_broken_block_is_an_error_unless_a_later_one_replaced_it(block: Block) -> None:
    (block.path / "index").write_bytes(b"none")
    db = ReadOnlyDB.open(block.path.parent)
    with pytest.raises(CorruptionError, match=block.meta.ulid):
        db.blocks()
    batch = SeriesBatch()
    batch.add_columns([("a", "b")], np.array([1]), np.array([1.0]))
    write_block(block.path.parent, batch, 0, HOUR)
    (new,) = (p for p in block.path.parent.iterdir() if p != block.path)
    meta = (new / "meta.json").read_text()
    parents = f'"parents": [{{"ulid": "{block.meta.ulid}", "minTime": 0, "maxTime": 1}}]'
    (new / "meta.json").write_text(meta.replace('"level": 1', f'"level": 2, {parents}'))
    assert [b.path for b in db.blocks()] == [new]


def test_directories_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        ReadOnlyDB.open(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="no blocks found"):
        ReadOnlyDB.open(tmp_path).last_block()
    with pytest.raises(StorageError, match="invalid block ID nothing"):
        ReadOnlyDB.open(tmp_path).block("nothing")
