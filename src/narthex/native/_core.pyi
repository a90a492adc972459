"""Contracts of the compiled core. Arrays are one-dimensional and contiguous; times are milliseconds."""

from collections.abc import Sequence

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
