"""Which blocks to compact next. Pure: metas in, metas out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from narthex.tsdb.meta import BlockMeta

DEFAULT_MIN_DURATION = 2 * 3600 * 1000
MAX_DURATION_CAP = 31 * 24 * 3600 * 1000
OUT_OF_ORDER = "from-out-of-order"
STALE_SERIES = "from-stale-series"
SELECTED_SERIES = "from-selected-series"
SOME_SAMPLES_HINTS = frozenset({OUT_OF_ORDER, STALE_SERIES, SELECTED_SERIES})
"""Of blocks that do not hold all samples of their time, so that the log may have more."""
_STEP = 3
_TOMBSTONE_RATIO = 0.05


def max_block_duration(retention: int, min_duration: int = DEFAULT_MIN_DURATION) -> int:
    """Milliseconds: a tenth of the retention (0: none is set), at most 31 days, at least `min_duration`."""
    longest = min(retention // 10, MAX_DURATION_CAP) if retention > 0 else MAX_DURATION_CAP
    return max(longest, min_duration)


def block_ranges(min_duration: int, max_duration: int) -> list[int]:
    """Widths of the levels, in milliseconds: min_duration x 3^k up to max_duration; never empty."""
    ranges = [min_duration]
    while ranges[-1] * _STEP <= max_duration:
        ranges.append(ranges[-1] * _STEP)
    return ranges


def merged_hints(parents: Sequence[BlockMeta]) -> list[str]:
    """Of the block made of `parents`, sorted.

    Out-of-order stays only when all parents are: else samples in order are in it and it counts for where the log is
    replayed from. A block that may lack series must never count, so those hints stay if any parent has them.
    """
    hints = set().union(*(m.hints for m in parents))
    if not all(OUT_OF_ORDER in m.hints for m in parents):
        hints.discard(OUT_OF_ORDER)
    return sorted(hints)


def before_pending(blocks: Sequence[BlockMeta], pending: Callable[[BlockMeta], bool]) -> list[BlockMeta]:
    """The blocks older, by name, than the first one that must not be compacted yet.

    Skipping only that one would leave gaps of single blocks behind.
    """
    return list(takewhile(lambda m: not pending(m), sorted(blocks, key=lambda m: m.ulid)))


def plan_compaction(blocks: Sequence[BlockMeta], ranges: Sequence[int], *, overlapping: bool = True) -> list[BlockMeta]:
    """The blocks to make into one now, by start time; empty when nothing is to be done.

    First blocks that overlap in time (unless `overlapping` is off); then, without the newest block (it may still get
    company), those that fill a level's aligned range, or can no longer fill it, smallest level first; then one block to
    rewrite because many of its samples are deleted. Blocks whose compaction failed once are left alone. Blocks that
    hold only some of the series of their time (hints) are planned among those of their kind, after all others.
    """
    kinds: dict[str, list[BlockMeta]] = {"": [], STALE_SERIES: [], SELECTED_SERIES: []}
    for meta in blocks:
        kinds[next((h for h in (STALE_SERIES, SELECTED_SERIES) if h in meta.hints), "")].append(meta)
    return next((plan for kind in kinds.values() if (plan := _plan(kind, ranges, overlapping))), [])


def _plan(blocks: Sequence[BlockMeta], ranges: Sequence[int], overlapping: bool) -> list[BlockMeta]:
    ordered = sorted(blocks, key=lambda m: (m.min_time, m.max_time))
    if overlapping and (connected := _overlapping([m for m in ordered if not m.failed])):
        return connected
    older = ordered[:-1]
    return _level(older, ranges) or _tombstoned(older, ranges)


def _overlapping(ordered: Sequence[BlockMeta]) -> list[BlockMeta]:
    """The first run of blocks that are connected by overlaps."""
    run: list[BlockMeta] = []
    end = 0
    for meta in ordered:
        if run and meta.min_time < end:
            run.append(meta)
        elif len(run) > 1:
            return run
        else:
            run = [meta]
        end = max(end, meta.max_time) if len(run) > 1 else meta.max_time
    return run if len(run) > 1 else []


def _level(older: Sequence[BlockMeta], ranges: Sequence[int]) -> list[BlockMeta]:
    if not older:
        return []
    newest_start = older[-1].min_time
    for width in ranges[1:]:
        for part in _aligned_parts(older, width):
            if len(part) < 2 or any(m.failed for m in part):
                continue
            end = max(m.max_time for m in part)
            if end - part[0].min_time == width or end <= newest_start:
                return part
    return []


def _aligned_parts(ordered: Sequence[BlockMeta], width: int) -> list[list[BlockMeta]]:
    """Groups of blocks that lie wholly in one aligned range of `width`; blocks that lie in none are left out."""
    parts: dict[int, list[BlockMeta]] = {}
    for meta in ordered:
        number = meta.min_time // width
        if meta.max_time <= (number + 1) * width:
            parts.setdefault(number, []).append(meta)
    return list(parts.values())


def _tombstoned(older: Sequence[BlockMeta], ranges: Sequence[int]) -> list[BlockMeta]:
    middle = ranges[len(ranges) // 2]
    for meta in reversed(older):
        if meta.failed:
            continue
        deleted, series = meta.stats.tombstones, meta.stats.series
        if meta.duration < middle:
            # Small blocks are rewritten soon anyway; only one that is deleted as a whole is worth it.
            if deleted and deleted >= series:
                return [meta]
        elif deleted / (series + 1) > _TOMBSTONE_RATIO:
            return [meta]
    return []
