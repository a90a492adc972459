"""Backfilled blocks hold what was given, whatever its order and however little fits into memory."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.errors import StorageError
from narthex.native import LabelSets, SeriesBatch
from narthex.tsdb.backfill import Backfill, block_duration
from narthex.tsdb.block import Block
from narthex.tsdb.spool import Spool
from reference.chunk_bits import bits_of

HOUR = 3_600_000
Given = list[tuple[int, int, float]]
"""(series, milliseconds, value)"""


def sets(numbers: list[int]) -> LabelSets:
    out = LabelSets()
    for n in numbers:
        out.add([("__name__", "m"), ("n", f"{n:03d}")])
    return out


def fill(backfill: Backfill, samples: Given, at_once: int) -> None:
    for first in range(0, len(samples), at_once):
        part = samples[first : first + at_once]
        rows = backfill.series(sets([s for s, _, _ in part]))
        times, values = np.array([t for _, t, _ in part]), np.array([v for _, _, v in part])
        backfill.append(rows, times, values)


def read(block: Block) -> dict[str, list[tuple[int, int]]]:
    batch = block.querier(-(2**62), 2**62).select([])
    out = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        out[batch.labels[row]["n"]] = list(zip(times.tolist(), map(bits_of, values.tolist()), strict=True))
    return out


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(-3 * HOUR, 9 * HOUR), st.floats(allow_nan=False)),
        min_size=1,
        max_size=300,
        unique_by=lambda s: (s[0], s[1]),
    ),
    st.integers(1, 60),
    st.integers(1, 80),
)
@settings(max_examples=40)
def test_blocks_hold_the_samples_of_their_range_in_order(
    tmp_path_factory: pytest.TempPathFactory, samples: Given, at_once: int, stretch: int
) -> None:
    directory = tmp_path_factory.mktemp("backfill")
    want: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for s, t, v in sorted(samples):
        want[t // (2 * HOUR)][f"{s:03d}"].append((t, bits_of(v)))
    with Backfill(directory, stretch=stretch) as backfill:
        fill(backfill, samples, at_once)
        metas = list(backfill.blocks())
    assert [m.min_time // (2 * HOUR) for m in metas] == sorted(want)
    for meta in metas:
        expected = want[meta.min_time // (2 * HOUR)]
        assert read(Block.open(directory / meta.ulid)) == expected
        times = [t for rows in expected.values() for t, _ in rows]
        assert (meta.min_time, meta.max_time) == (min(times), max(times) + 1)
        assert meta.stats.samples == len(times) and meta.stats.series == len(expected)
    assert sorted(p.name for p in directory.iterdir()) == sorted(m.ulid for m in metas)


def test_of_two_samples_at_one_time_the_first_stays(tmp_path: Path) -> None:
    with Backfill(tmp_path) as backfill:
        fill(backfill, [(1, 5, 1.0), (1, 5, 2.0), (2, 7, 3.0), (1, 4, 0.5), (2, 7, 3.0)], 2)
        (meta,) = backfill.blocks()
    block = read(Block.open(tmp_path / meta.ulid))
    assert block == {"001": [(4, bits_of(0.5)), (5, bits_of(1.0))], "002": [(7, bits_of(3.0))]}
    assert (backfill.counts.conflicting, backfill.counts.repeated) == (1, 1)


def test_a_block_has_only_the_texts_of_its_own_series(tmp_path: Path) -> None:
    with Backfill(tmp_path) as backfill:
        fill(backfill, [(1, 0, 1.0), (2, 5 * HOUR, 1.0)], 1)
        blocks = [Block.open(tmp_path / m.ulid) for m in backfill.blocks()]
    assert [b.reader.label_values("n") for b in blocks] == [["001"], ["002"]]
    assert [b.reader.symbol_count() for b in blocks] == [5, 5]  # the empty text is always one


def test_nothing_gives_no_block(tmp_path: Path) -> None:
    with Backfill(tmp_path / "new") as backfill:
        assert list(backfill.blocks()) == []
    assert list((tmp_path / "new").iterdir()) == []


def test_durations_are_those_of_the_compactor() -> None:
    assert block_duration(0) == block_duration(3 * HOUR) == 2 * HOUR
    assert block_duration(6 * HOUR) == block_duration(17 * HOUR) == 6 * HOUR
    assert block_duration(10**15) == 2 * HOUR * 3**9


def test_long_blocks_are_aligned_to_their_range(tmp_path: Path) -> None:
    with Backfill(tmp_path, 6 * HOUR) as backfill:
        fill(backfill, [(1, k * HOUR, 1.0) for k in range(14)], 5)
        assert [m.stats.samples for m in backfill.blocks()] == [6, 6, 2]


def test_an_output_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="create output dir"):
        Backfill(tmp_path / "file" / "below")


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Backfill(tmp_path) as backfill:
        os.dup2(os.open("/dev/full", os.O_RDWR), backfill._spool._file.fileno())
        with pytest.raises(StorageError, match="No space left"):
            fill(backfill, [(1, 1, 1.0)], 1)
            list(backfill.blocks())
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(st.integers(-5, 100_000), st.integers(0, 9)), max_size=200), st.integers(1, 50))
@settings(max_examples=40)
def test_a_spool_gives_back_each_keys_samples_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, samples: list[tuple[int, int]], batch: int
) -> None:
    with Spool(tmp_path_factory.mktemp("spool"), batch) as spool:
        for first in range(0, len(samples), 7):
            part = samples[first : first + 7]
            keys = np.array([k for k, _ in part], dtype=np.int64)
            rows = np.array([r for _, r in part], dtype=np.uint32)
            spool.add(keys, rows, rows.astype(np.int64) * 3, rows * 0.5)
        assert spool.used_keys() == sorted({k for k, _ in samples})
        for key in spool.used_keys():
            rows, times, values = map(np.concatenate, zip(*spool.read(key), strict=True))
            assert rows.tolist() == [r for k, r in samples if k == key]
            assert spool.size(key) == len(rows)
            assert (times == rows * 3).all() and (values == rows * 0.5).all()


def test_columns_that_do_not_fit_are_refused() -> None:
    labels = sets([1, 2])
    one, two = np.zeros(1, dtype=np.uint32), np.zeros(2, dtype=np.int64)
    for first, last, rows in ((0, 2, one), (1, 2, np.zeros(2, dtype=np.uint32)), (2, 1, one), (0, 3, one)):
        with pytest.raises(ValueError):
            SeriesBatch.gather(labels, first, last, rows, two, np.zeros(2))
