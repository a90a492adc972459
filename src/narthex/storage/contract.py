"""Appender and Querier: what scrape, rules and remote write call, and what PromQL and the HTTP API call.

Samples cross this border as numpy columns and as `native.SeriesBatch`; never as one Python object a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SeriesBatch

Refs = NDArray[np.uint64]
Times = NDArray[np.int64]
Values = NDArray[np.float64]


class AppendStatus(IntEnum):
    """What became of one sample. Anything but OK and DUPLICATE_SAME means that it was not stored."""

    OK = 0
    DUPLICATE_SAME = 1  # same timestamp, same value as the newest sample: silently fine
    DUPLICATE = 2  # same timestamp, other value
    OUT_OF_ORDER = 3  # older than the series' newest sample
    OUT_OF_BOUNDS = 4  # older than the head accepts, or too far in the future
    UNKNOWN_REF = 5  # the series was dropped meanwhile: ask `series` again


class Appender(Protocol):
    """One transaction. Nothing is visible to queries before commit; a commit becomes visible as a whole.

    Used from one thread at a time and exactly once: it ends with commit or rollback.
    """

    def series(self, labels: Labels) -> int:
        """The reference of a series, created when it is new. References stay valid until the series is dropped."""
        ...

    def append(self, refs: Refs, timestamps: Times, values: Values) -> NDArray[np.uint8]:
        """Takes columns of equal length (milliseconds, float64). Gives one AppendStatus a sample.

        The columns are copied. Within one transaction a series may appear several times, ascending in time.
        """
        ...

    def commit(self) -> None:
        """Writes the log, then makes the samples visible. Raises StorageError (nothing visible) when the log fails."""
        ...

    def rollback(self) -> None:
        """Forgets the samples. Series that were created stay."""
        ...


class Appendable(Protocol):
    def appender(self) -> Appender: ...


class Querier(Protocol):
    """A view on [mint, maxt] (milliseconds, both inclusive). Close it to let go of blocks."""

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        """Matching series in label order with the chunks that overlap the range. All matchers must hold.

        Releases the GIL while it works. Chunks may hold samples outside the range; kernels cut them.
        """
        ...

    def series(self, matchers: Sequence[Matcher]) -> LabelSets:
        """Label sets of the series that `select` would give, without touching chunks."""
        ...

    def label_names(self, matchers: Sequence[Matcher] = ()) -> list[str]:
        """Sorted names of labels that occur in the range (for series that match)."""
        ...

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> list[str]:
        """Sorted values of one label."""
        ...

    def close(self) -> None: ...


class Queryable(Protocol):
    def querier(self, mint: int, maxt: int) -> Querier: ...
