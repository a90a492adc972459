"""Blocks with native histograms and start times: deleted, compacted and cut like any others."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.block_set import Blocks
from narthex.tsdb.block_write import write_block
from reference.chunk_histogram import Histogram, Layout, Sample, write_histograms
from reference.chunk_xor2 import write_xor2
from support.chunks import FOREVER, Chunk, histograms_of_row

LAYOUT = Layout(1, 2.0**-128, ((0, 2),), ((0, 1),))
ENCODINGS = (2, 3, 5, 6)


def sample(k: int, floats: bool, starts: bool) -> Sample:
    number = float if floats else int
    h = Histogram(LAYOUT, number(4 * k), number(k), k / 8, {0: number(k), 1: number(k)}, {0: number(k)})
    return (k * 1000, 500 if starts else 0, h)


def chunk(encoding: int, first: int, last: int) -> Chunk:
    samples = [sample(k, encoding in (3, 6), encoding in (5, 6)) for k in range(first, last)]
    return (first * 1000, (last - 1) * 1000, encoding, write_histograms(encoding, samples))


def batch_of(*parts: tuple[int, int]) -> SeriesBatch:
    """A series an encoding, with a chunk a part [first, last) of whole seconds."""
    batch = SeriesBatch()
    for encoding in ENCODINGS:
        batch.add_chunks([("__name__", "h"), ("encoding", str(encoding))], [chunk(encoding, *part) for part in parts])
    chunks = [
        (a * 1000, (b - 1) * 1000, 4, write_xor2([(k * 1000, 500, k / 8) for k in range(a, b)])) for a, b in parts
    ]
    batch.add_chunks([("__name__", "x")], chunks)
    return batch


def seconds(blocks: Blocks) -> set[tuple[int, ...]]:
    """The seconds of each series' samples, which are checked."""
    batch = blocks.querier(*FOREVER).select([])
    out = []
    for row in range(len(batch)):
        labels = batch.labels[row]
        if labels["__name__"] == "x":
            times, values = batch.samples(row, *FOREVER)
            assert (values == times / 8000).all()
            out.append(tuple((times // 1000).tolist()))
            continue
        encoding = int(labels["encoding"])
        got = histograms_of_row(batch, row)
        for t, start, h in got:
            want = sample(t // 1000, encoding in (3, 6), encoding in (5, 6))[2]
            assert start == (500 if encoding in (5, 6) else 0)
            assert (h.layout, h.count, h.zero_count, h.sum) == (LAYOUT, want.count, want.zero_count, want.sum)
            assert (h.positive, h.negative) == (want.positive, want.negative)
        out.append(tuple(t // 1000 for t, _, _ in got))
    assert len(out) == 5
    return set(out)


def open_blocks(path: Path) -> Blocks:
    blocks = Blocks(path)
    blocks.load()
    assert blocks.broken == {}
    return blocks


def test_deleted_samples_are_cut_out_of_chunks_of_every_encoding(tmp_path: Path) -> None:
    write_block(tmp_path, batch_of((0, 50), (50, 100)), 0, 100_000)
    blocks = open_blocks(tmp_path)
    assert blocks.blocks[0].meta.stats.histogram_samples == 400
    blocks.delete([Matcher(MatchType.REGEX, "__name__", "h|x")], 40_000, 60_000)
    want = {(*range(40), *range(61, 100))}
    assert seconds(blocks) == want
    blocks.clean_tombstones()
    (block,) = blocks.blocks
    assert (block.meta.stats.histogram_samples, block.meta.stats.float_samples) == (316, 79)
    assert block.meta.stats.tombstones == 0
    assert seconds(blocks) == want


def test_overlapping_blocks_of_every_encoding_are_compacted(tmp_path: Path) -> None:
    write_block(tmp_path, batch_of((0, 60)), 0, 60_000)
    write_block(tmp_path, batch_of((30, 100)), 30_000, 100_000)
    blocks = open_blocks(tmp_path)
    assert seconds(blocks) == {tuple(range(100))}  # merged for a query
    assert blocks.compact() == 1
    (block,) = blocks.blocks
    assert (block.meta.stats.histogram_samples, block.meta.stats.chunks) == (400, 5)
    assert seconds(blocks) == {tuple(range(100))}


@pytest.mark.parametrize(("mint", "maxt"), [(0, 100_000), (20_000, 70_001)])
def test_a_block_gets_the_samples_of_its_range(tmp_path: Path, mint: int, maxt: int) -> None:
    write_block(tmp_path, batch_of((0, 50), (50, 100)), mint, maxt)
    assert seconds(open_blocks(tmp_path)) == {tuple(k for k in range(100) if mint <= k * 1000 < maxt)}
