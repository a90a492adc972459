"""Making one block out of several: series merged by labels, samples by time, deleted samples left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from narthex.errors import CorruptionError
from narthex.native import BlockMerger, DecodeError, SeriesBatch
from narthex.tsdb.block import Block
from narthex.tsdb.block_write import DEFAULT_LAYOUT, Layout, Lineage, default_name, write_rows
from narthex.tsdb.compact_plan import merged_hints
from narthex.tsdb.meta import BlockMeta, BlockParent

_ROWS = 512  # series that are in memory at a time


def compact(
    directory: Path,
    blocks: Sequence[Block],
    *,
    ulid: str | None = None,
    layout: Layout = DEFAULT_LAYOUT,
    canceled: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda series: None,
) -> BlockMeta | None:
    """Writes the union of `blocks` as a new block below `directory`; the inputs stay as they are.

    Chunks are copied; those that overlap or lose samples are encoded anew. Of samples with equal time one is kept.
    None, and nothing is written, when no sample is left. Memory: postings and symbols of the result and some hundred
    series. Raises CorruptionError when an input is broken, StorageError when files cannot be written,
    CompactionCanceled after `canceled()` turned true. `progress` is told of every few hundred series done.
    """
    metas = [b.meta for b in blocks]
    mint, maxt = min(m.min_time for m in metas), max(m.max_time for m in metas)
    writer = layout.writer(mint, maxt)
    try:
        for block in blocks:
            writer.add_block_symbols(block.reader)
        merger = BlockMerger([(b.reader, b.tombstones) for b in blocks])
        return write_rows(
            directory, writer, _batches(merger, progress), mint, maxt, _lineage(metas), ulid or default_name(), canceled
        )
    except DecodeError as e:
        names = ", ".join(m.ulid for m in metas)
        raise CorruptionError(f"cannot compact {names}: {e}") from None


def _batches(merger: BlockMerger, progress: Callable[[int], None]) -> Iterator[SeriesBatch]:
    while len(batch := merger.next(_ROWS)):
        yield batch
        progress(len(batch))


def _lineage(metas: Sequence[BlockMeta]) -> Lineage:
    return Lineage(
        level=max(m.level for m in metas) + 1,
        sources=sorted({s for m in metas for s in m.sources}),
        parents=[BlockParent(m.ulid, m.min_time, m.max_time) for m in metas],
        hints=merged_hints(metas),
    )
