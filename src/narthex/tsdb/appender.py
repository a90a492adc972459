"""storage.contract.Appender over a store that logs: the head, or an agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.errors import InternalError, StorageError
from narthex.instrument.registry import Gauge
from narthex.model.labels import Labels
from narthex.native import HistogramBatch, LabelSets
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
    def append_histograms(
        self, refs: Refs, timestamps: Times, values: HistogramBatch, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]: ...
    def append_exemplars(
        self, refs: Refs, timestamps: Times, values: Values, labels: LabelSets
    ) -> NDArray[np.uint8]: ...
    def append_metadata(self, refs: Refs, metadata: Sequence[tuple[int, str, str]]) -> NDArray[np.uint8]: ...


class LoggedStore(Protocol):
    @property
    def core(self) -> SeriesStore: ...
    def commit(self, transaction: Any) -> None:
        """Raises StorageError with nothing visible."""
        ...


class LogAppender:
    """It may create many series in one call, too. `active` counts the appenders that have not ended."""

    __slots__ = ("_active", "_store", "_transaction")

    def __init__(self, store: LoggedStore, transaction: Transaction, active: Gauge | None = None) -> None:
        self._store, self._active = store, active
        self._transaction: Transaction | None = transaction
        if active is not None:
            active.inc()

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
        return self._open().append(refs, timestamps, values, start_timestamps)

    def append_histograms(
        self, refs: Refs, timestamps: Times, values: HistogramBatch, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        return self._open().append_histograms(refs, timestamps, values, start_timestamps)

    def append_metadata(self, refs: Refs, metadata: Sequence[SeriesMetadata]) -> NDArray[np.uint8]:
        return self._open().append_metadata(refs, [(METRIC_TYPES.get(m.type, 0), m.unit, m.help) for m in metadata])

    def append_exemplars(self, refs: Refs, timestamps: Times, values: Values, labels: LabelSets) -> NDArray[np.uint8]:
        return self._open().append_exemplars(refs, timestamps, values, labels)

    def commit(self) -> None:
        transaction = self._open()
        self._end()
        self._store.commit(transaction)

    def rollback(self) -> None:
        if self._transaction is not None:
            self._end()

    def _open(self) -> Transaction:
        if self._transaction is None:
            raise InternalError("the transaction has ended")
        return self._transaction

    def _end(self) -> None:
        self._transaction = None
        if self._active is not None:
            self._active.inc(-1)
