"""The one door to the compiled core.

Everything here takes and gives buffers, numpy arrays and the core's own column types; `_core.pyi` states the contracts.
"""

from narthex.native._core import CanceledError, DecodeError, LabelSets, LimitError, SeriesBatch

__all__ = ["CanceledError", "DecodeError", "LabelSets", "LimitError", "SeriesBatch"]
