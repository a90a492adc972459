"""storage.contract.Appender over a store that logs: the head, or an agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.errors import InternalError, StorageError
from narthex.model.labels import Labels
from narthex.native import HistogramBatch, LabelSets, ScrapeCache
from narthex.storage.contract import Refs, SeriesMetadata, Times, Values

METRIC_TYPES = {
    "counter": 1,
    "gauge": 2,
    "histogram": 3,
    "gaugehistogram": 4,
    "summary": 5,
    "info": 6,
    "stateset": 7,
}
"""Numbers of types in the log; 0 is unknown."""


class SeriesStore(Protocol):
    def series(self, pairs: list[tuple[str, str]]) -> int: ...
    def series_many(self, label_sets: LabelSets) -> Refs: ...


class Transaction(Protocol):
    def append(
        self, refs: Refs, timestamps: Times, values: Values, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]: ...
    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None: ...
    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]: ...
    def append_histograms(
        self, refs: Refs, timestamps: Times, values: HistogramBatch, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]: ...
    def append_exemplars(
        self, refs: Refs, timestamps: Times, values: Values, labels: LabelSets
    ) -> NDArray[np.uint8]: ...
    def append_metadata(self, refs: Refs, metadata: Sequence[tuple[int, str, str]]) -> NDArray[np.uint8]: ...


class _Ended:
    """In place of a transaction that was committed or rolled back: nothing can be done with it."""

    def __getattr__(self, name: str) -> Any:
        raise InternalError("the transaction has ended")


ENDED: Any = _Ended()


class LoggedStore(Protocol):
    @property
    def core(self) -> SeriesStore: ...
    def commit(self, transaction: Any) -> None:
        """Raises StorageError with nothing visible."""
        ...


class LogAppender:
    """It may create many series in one call, too."""

    __slots__ = ("_store", "_transaction")

    def __init__(self, store: LoggedStore, transaction: Transaction) -> None:
        self._store, self._transaction = store, transaction

    def series(self, labels: Labels) -> int:
        """Raises StorageError for a label set that cannot be stored: an empty one, or text that is not UTF-8."""
        try:
            return self._store.core.series(labels.pairs())
        except (TypeError, ValueError):
            raise StorageError(f"label set cannot be stored: {labels!r}") from None

    def series_many(self, label_sets: LabelSets) -> Refs:
        """`series` for each row."""
        return self._store.core.series_many(label_sets)

    def append(
        self, refs: Refs, timestamps: Times, values: Values, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        return self._transaction.append(refs, timestamps, values, start_timestamps)

    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None:
        return self._transaction.append_row(refs, timestamp, values)

    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]:
        return self._transaction.append_scan(cache, timestamp)

    def append_histograms(
        self, refs: Refs, timestamps: Times, values: HistogramBatch, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        return self._transaction.append_histograms(refs, timestamps, values, start_timestamps)

    def append_metadata(self, refs: Refs, metadata: Sequence[SeriesMetadata]) -> NDArray[np.uint8]:
        return self._transaction.append_metadata(
            refs, [(METRIC_TYPES.get(m.type, 0), m.unit, m.help) for m in metadata]
        )

    def append_exemplars(self, refs: Refs, timestamps: Times, values: Values, labels: LabelSets) -> NDArray[np.uint8]:
        return self._transaction.append_exemplars(refs, timestamps, values, labels)

    def commit(self) -> None:
        transaction, self._transaction = self._transaction, ENDED
        self._store.commit(transaction)

    def rollback(self) -> None:
        self._transaction = ENDED
