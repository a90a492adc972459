"""Which blocks go together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.tsdb.compact_plan import (
    before_pending,
    block_ranges,
    max_block_duration,
    merged_hints,
    plan_compaction,
)
from narthex.tsdb.meta import BlockMeta, BlockStats
from narthex.tsdb.retention import Retention, beyond_size, beyond_time
from narthex.tsdb.ulid import new_ulid

H = 3_600_000
DAY = 24 * H
RANGES = [2 * H, 6 * H, 18 * H, 54 * H]


def block(
    start: int, end: int, level: int = 1, series: int = 100, tombstones: int = 0, failed: bool = False
) -> BlockMeta:
    stats = BlockStats(samples=1, series=series, tombstones=tombstones)
    return BlockMeta(new_ulid(1), start, end, stats, level=level, failed=failed)


def hours(*pairs: tuple[int, int]) -> list[BlockMeta]:
    return [block(a * H, b * H) for a, b in pairs]


def test_ranges_grow_threefold_up_to_a_tenth_of_the_retention_or_31_days() -> None:
    assert block_ranges(2 * H, 54 * H) == RANGES
    assert block_ranges(2 * H, 53 * H) == RANGES[:3]
    assert block_ranges(2 * H, H) == [2 * H]
    assert max_block_duration(15 * DAY) == 36 * H
    assert max_block_duration(10 * H) == 2 * H
    assert max_block_duration(4000 * DAY) == 31 * DAY
    assert max_block_duration(0) == 31 * DAY


def test_three_small_blocks_become_one_when_a_fourth_and_fifth_follow() -> None:
    blocks = hours((0, 2), (2, 4), (4, 6))
    assert plan_compaction(blocks, RANGES) == []
    blocks += hours((6, 8))
    assert plan_compaction(blocks, RANGES) == blocks[:3]


def test_the_newest_block_is_never_part_of_a_level() -> None:
    assert plan_compaction(hours((0, 2), (2, 4), (4, 6)), RANGES) == []
    assert plan_compaction(hours((0, 6), (6, 12), (12, 18)), RANGES) == []


def test_a_range_with_a_gap_is_compacted_once_newer_blocks_exist() -> None:
    blocks = hours((0, 2), (4, 6), (6, 8), (8, 10))
    assert plan_compaction(blocks, RANGES) == blocks[:2]
    blocks = hours((0, 2), (2, 4), (6, 8), (8, 10))
    assert plan_compaction(blocks, RANGES) == blocks[:2]


def test_overlapping_blocks_come_first_even_the_newest() -> None:
    blocks = hours((0, 2), (2, 4), (4, 6), (6, 8), (7, 9), (8, 12))
    assert plan_compaction(blocks, RANGES) == blocks[3:]
    inside = hours((0, 18), (2, 4), (20, 22))
    assert plan_compaction(inside, RANGES) == inside[:2]


def test_a_failed_block_is_not_tried_again() -> None:
    blocks = hours((0, 2), (2, 4), (4, 6), (6, 8))
    assert plan_compaction([replace(blocks[1], failed=True), blocks[0], *blocks[2:]], RANGES) == []
    overlapping = hours((0, 2), (1, 3))
    assert plan_compaction([overlapping[0], replace(overlapping[1], failed=True)], RANGES) == []


def test_blocks_full_of_tombstones_are_rewritten() -> None:
    newest = block(100 * H, 102 * H)
    assert plan_compaction([block(0, 18 * H, tombstones=5), newest], RANGES) == []
    dirty = block(0, 18 * H, tombstones=6)
    assert plan_compaction([dirty, newest], RANGES) == [dirty]
    small = block(0, 2 * H, tombstones=50)
    assert plan_compaction([small, newest], RANGES) == []
    emptied = block(0, 2 * H, tombstones=100)
    assert plan_compaction([emptied, newest], RANGES) == [emptied]


def test_blocks_with_some_series_only_stay_among_themselves() -> None:
    whole = hours((0, 2), (2, 4))
    partial = [replace(m, hints=("from-stale-series",)) for m in hours((0, 2), (1, 3))]
    assert plan_compaction([*whole, partial[0]], RANGES) == []
    assert plan_compaction([*whole, *partial], RANGES) == partial


def hinted(meta: BlockMeta, *hints: str) -> BlockMeta:
    return replace(meta, hints=hints)


def test_kinds_of_partial_blocks_are_not_mixed_and_wait_for_whole_ones() -> None:
    stale = [hinted(m, "from-stale-series") for m in hours((0, 2), (1, 3))]
    selected = [hinted(m, "from-selected-series") for m in hours((0, 2), (1, 3))]
    whole = hours((0, 2), (1, 3))
    assert plan_compaction([stale[0], selected[1]], RANGES) == []
    assert plan_compaction([*selected, *stale, *whole], RANGES) == whole
    assert plan_compaction([*selected, *stale], RANGES) == stale
    assert plan_compaction([*selected, stale[0]], RANGES) == selected


def test_out_of_order_blocks_go_together_with_those_they_overlap() -> None:
    blocks = hours((0, 2), (2, 4))
    late = hinted(block(0, 2 * H), "from-out-of-order")
    assert plan_compaction([*blocks, late], RANGES) == [blocks[0], late]


def test_the_out_of_order_hint_survives_only_if_all_parents_carry_it_a_partial_one_always() -> None:
    plain, other = hours((0, 2), (2, 4))
    late = hinted(plain, "from-out-of-order")
    assert merged_hints([late, hinted(other, "from-out-of-order")]) == ["from-out-of-order"]
    assert merged_hints([late, other]) == []
    assert merged_hints([hinted(plain, "from-stale-series"), other]) == ["from-stale-series"]
    assert merged_hints([plain, other]) == []


def test_overlaps_stay_when_their_compaction_is_turned_off() -> None:
    blocks = hours((0, 2), (1, 3))
    assert plan_compaction(blocks, RANGES, overlapping=False) == []


def test_nothing_younger_than_a_block_that_waits_is_compacted() -> None:
    names = ["01BX5ZZKBKACTAV9WEVGEMMVS0", "01BX5ZZKBKACTAV9WEVGEMMVS1", "01BX5ZZKBKACTAV9WEVGEMMVS2"]
    blocks = [replace(block(0, 2 * H), ulid=name) for name in names]
    assert before_pending(list(reversed(blocks)), lambda m: m.ulid == names[1]) == blocks[:1]
    assert before_pending(blocks, lambda m: False) == blocks


def compacted(planned: list[BlockMeta], k: int) -> BlockMeta:
    return BlockMeta(
        new_ulid(k), min(m.min_time for m in planned), max(m.max_time for m in planned),
        BlockStats(samples=1, series=100), level=max(m.level for m in planned) + 1,
    )  # fmt: skip


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 3)), min_size=1, max_size=40), st.booleans())
def test_planning_ends_in_blocks_that_do_not_overlap_and_cover_the_same_time(
    starts: list[tuple[int, int]], wide: bool
) -> None:
    blocks = [block(a * 2 * H, (a * 2 + (2 * w if wide else 2)) * H) for a, w in starts]
    covered = {t for m in blocks for t in range(m.min_time // H, m.max_time // H)}
    for k in range(200):
        planned = plan_compaction(blocks, RANGES)
        if not planned:
            break
        assert len(planned) > 1
        one = compacted(planned, k)
        overlapping = any(a.max_time > b.min_time for a, b in pairwise(planned))
        newest = max(blocks, key=lambda m: (m.min_time, m.max_time))
        if not overlapping:
            assert newest not in planned
            assert any(one.min_time // r == (one.max_time - 1) // r for r in RANGES)
        blocks = [m for m in blocks if m not in planned] + [one]
    else:
        raise AssertionError("planning never ends")
    ordered = sorted(blocks, key=lambda m: m.min_time)
    assert all(a.max_time <= b.min_time for a, b in pairwise(ordered))
    assert covered <= {t for m in blocks for t in range(m.min_time // H, m.max_time // H)}


def test_a_year_of_two_hour_blocks_settles_into_few() -> None:
    blocks: list[BlockMeta] = []
    for k in range(365 * 12):
        blocks.append(block(k * 2 * H, (k + 1) * 2 * H))
        while planned := plan_compaction(blocks, RANGES):
            assert planned[-1].max_time <= blocks[-1].min_time
            blocks = sorted([m for m in blocks if m not in planned] + [compacted(planned, k)], key=lambda m: m.min_time)
    assert len(blocks) < 365 * 24 / 54 + 10


def test_time_retention_counts_from_the_newest_end() -> None:
    blocks = hours((0, 2), (2, 4), (4, 6), (6, 8))
    assert beyond_time(blocks, 4 * H) == {blocks[0].ulid, blocks[1].ulid}
    assert beyond_time(blocks, 6 * H + 1) == set()
    assert beyond_time(blocks, 0) == set()
    assert beyond_time([], 1) == set()


def test_size_retention_keeps_the_newest_that_fit() -> None:
    blocks = hours((0, 2), (2, 4), (4, 6))
    sizes = {m.ulid: 100 for m in blocks}
    assert beyond_size(blocks, sizes, 0, 300) == set()
    assert beyond_size(blocks, sizes, 1, 300) == {blocks[0].ulid}
    assert beyond_size(blocks, sizes, 150, 300) == {blocks[0].ulid, blocks[1].ulid}
    assert beyond_size(blocks, sizes, 10**6, 300) == set(sizes)
    assert beyond_size(blocks, sizes, 10**6, 0) == set()


def test_a_percentage_of_the_disk_beats_a_size() -> None:
    assert Retention(size=500, percentage=25).bytes(disk=4000) == 1000
    assert Retention(size=500, percentage=25).bytes(disk=0) == 500
    assert Retention(size=500).bytes(disk=4000) == 500
    assert Retention(percentage=0.5).bytes(disk=10**12) == 5 * 10**9
