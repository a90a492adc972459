"""Contracts of the compiled core. Arrays are one-dimensional and contiguous; times are milliseconds."""

from collections.abc import Sequence
from mmap import mmap
from typing import overload

import numpy as np
from numpy.typing import NDArray

class DecodeError(ValueError):
    """Input bytes do not have the promised form; the text ends with the byte offset."""

class LimitError(RuntimeError):
    """A query asked for more samples or points than its limits allow."""

class CanceledError(RuntimeError):
    """The cancel flag was raised while a kernel ran."""

class LabelSets:
    """Many label sets as columns; rows keep their order."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int) -> dict[str, str]: ...
    def value(self, row: int, name: str) -> str:
        """The label's value, "" when absent."""

    def add(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Adds a row; sorts by name, drops empty values. Names must be unique."""

class SeriesBatch:
    """What a selection gives: label sets (in label order, unique) and for each the chunks that hold its samples."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def labels(self) -> LabelSets: ...
    def chunk_count(self) -> int: ...
    def samples(self, row: int, mint: int, maxt: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Decoded samples of a row with mint <= t <= maxt, stale markers included."""

    @staticmethod
    def merge(batches: Sequence[SeriesBatch]) -> SeriesBatch:
        """One batch out of several; rows with equal labels become one row."""

    def add_columns(
        self, labels: Sequence[tuple[str, str]], timestamps: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Adds one series; rows must be added in label order, timestamps must ascend."""

# --- blocks -----------------------------------------------------------------------------------------------------------

MatchTerms = Sequence[tuple[str, list[str] | None, bool]]
"""(name, values or None for every value, exclude), see tsdb/select.py."""

class Tombstones:
    """Deleted time ranges (inclusive, milliseconds) by series reference; ranges of a series are joined."""

    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, other: Tombstones) -> None:
        """A copy."""

    @staticmethod
    def decode(file: bytes) -> Tombstones:
        """A whole tombstones file. Raises DecodeError."""

    def encode(self) -> bytes: ...
    def add(self, series: int, mint: int, maxt: int) -> None:
        """Not while another thread reads."""

    def intervals(self, series: int) -> list[tuple[int, int]]: ...
    def series_count(self) -> int: ...
    def __len__(self) -> int:
        """Number of intervals."""

class BlockReader:
    """A block's index and chunk segments, read in place; immutable and safe for concurrent use.

    Holds the buffers (bytes, mmap) and so does every batch it gives. All methods raise DecodeError on broken bytes.
    `index_version` overrides the index's own version byte when it is not 0. Times are inclusive.
    """

    def __init__(self, index: bytes | mmap, segments: Sequence[bytes | mmap], index_version: int = 0) -> None: ...
    @property
    def index_version(self) -> int: ...
    def symbol_count(self) -> int: ...
    def series_count(self) -> int: ...
    def select(self, terms: MatchTerms, mint: int, maxt: int, tombstones: Tombstones | None = None) -> SeriesBatch:
        """Matching series in label order with the chunks that overlap the range; deleted samples are cut out."""

    def series(self, terms: MatchTerms, mint: int, maxt: int, tombstones: Tombstones | None = None) -> LabelSets:
        """Label sets of series with a chunk in the range that is not deleted as a whole."""

    def label_names(self) -> list[str]:
        """Sorted."""

    def label_values(self, name: str, prefix: str = "") -> list[str]:
        """Sorted."""

    def label_value_count(self, name: str) -> int: ...
    def matching_label_names(self, terms: MatchTerms) -> list[str]: ...
    def matching_label_values(self, name: str, terms: MatchTerms) -> list[str]: ...
    def delete(self, terms: MatchTerms, mint: int, maxt: int, into: Tombstones) -> int:
        """Adds intervals for the matching series, clipped to their chunks; gives the number of series."""
