"""The one door to the compiled core.

Everything here takes and gives buffers, numpy arrays and the core's own column types; `_core.pyi` states the contracts.
"""

from narthex.native._core import (
    BlockReader,
    CanceledError,
    DecodeError,
    LabelSets,
    LimitError,
    SeriesBatch,
    Tombstones,
)

__all__ = [
    "BlockReader",
    "CanceledError",
    "DecodeError",
    "LabelSets",
    "LimitError",
    "SeriesBatch",
    "Tombstones",
]
