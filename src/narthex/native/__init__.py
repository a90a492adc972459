"""The one door to the compiled core.

Everything here takes and gives buffers, numpy arrays and the core's own column types; `_core.pyi` states the contracts.
"""

from narthex.native._core import (
    REF_DROPPED,
    REF_UNSTORED,
    BlockMerger,
    BlockReader,
    BlockWriter,
    CanceledError,
    DecodeError,
    LabelSets,
    LimitError,
    ScrapeCache,
    SeriesBatch,
    Tombstones,
)

__all__ = [
    "REF_DROPPED",
    "REF_UNSTORED",
    "BlockMerger",
    "BlockReader",
    "BlockWriter",
    "CanceledError",
    "DecodeError",
    "LabelSets",
    "LimitError",
    "ScrapeCache",
    "SeriesBatch",
    "Tombstones",
]
