"""What a block is made of: its labels from the index, its chunks from their headers. The core counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from narthex.errors import CorruptionError
from narthex.model.matcher import Matcher
from narthex.native import DecodeError, analyze_chunks, analyze_labels
from narthex.tsdb.block import Block

if TYPE_CHECKING:
    from narthex.native._core import ChunkAnalysis, LabelAnalysis


def label_analysis(block: Block, matchers: Sequence[Matcher], limit: int) -> LabelAnalysis:
    """Of the matching series. `limit` bounds each list. Raises CorruptionError."""
    meta = block.meta
    try:
        return analyze_labels(block.reader, block.plan(matchers), meta.min_time, meta.max_time, limit)
    except DecodeError as e:
        raise CorruptionError(f"{block.path}: {e}") from None


def chunk_analysis(block: Block, matchers: Sequence[Matcher]) -> ChunkAnalysis:
    """Of the matching series. Raises CorruptionError."""
    try:
        return analyze_chunks(block.reader, block.plan(matchers))
    except DecodeError as e:
        raise CorruptionError(f"{block.path}: {e}") from None
