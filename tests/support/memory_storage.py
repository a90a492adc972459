"""Storage in a dictionary: the storage contract with nothing behind it, for tests of those who append and select."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.model.number import STALE_NAN
from narthex.native import LabelSets, ScrapeCache, SeriesBatch, TextList
from narthex.storage.contract import AppendStatus, Refs, Times, Values


class MemoryStorage:
    """Appendable and Queryable. `fail` makes the next commit fail."""

    def __init__(self) -> None:
        self.data: dict[Labels, list[tuple[int, float]]] = {}
        self.refs: list[Labels] = []
        self.forgotten: set[int] = set()
        self.commits = 0
        self.fail = False

    def appender(self) -> MemoryAppender:
        return MemoryAppender(self)

    def querier(self, mint: int, maxt: int) -> MemoryQuerier:
        return MemoryQuerier(self, mint, maxt)

    def of(self, **labels: str) -> list[tuple[int, float]]:
        """Samples of the one series with exactly these labels (`name` stands for __name__)."""
        if "name" in labels:
            labels["__name__"] = labels.pop("name")
        return self.data.get(Labels(labels), [])

    def forget(self) -> None:
        """Drops all references, as a head does with series that got no samples for long."""
        self.forgotten = set(range(len(self.refs)))


class MemoryAppender:
    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._pending: list[tuple[Labels, int, float]] = []

    def series(self, labels: Labels) -> int:
        storage = self._storage
        for ref, known in enumerate(storage.refs):
            if known == labels and ref not in storage.forgotten:
                return ref
        storage.refs.append(labels)
        return len(storage.refs) - 1

    def series_many(self, label_sets: LabelSets) -> Refs:
        return np.array([self.series(Labels(label_sets[row])) for row in range(len(label_sets))], dtype=np.uint64)

    def append(
        self, refs: Refs, timestamps: Times, values: Values, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        out = np.zeros(len(refs), dtype=np.uint8)
        for row, (ref, time, value) in enumerate(zip(refs.tolist(), timestamps.tolist(), values, strict=True)):
            if ref in self._storage.forgotten:
                out[row] = AppendStatus.UNKNOWN_REF
                continue
            labels = self._storage.refs[ref]
            pending = [(t, v) for known, t, v in self._pending if known == labels and t == time]
            samples = pending or self._storage.data.get(labels, [])
            if samples and samples[-1][0] > time:
                out[row] = AppendStatus.OUT_OF_ORDER
            elif samples and samples[-1][0] == time:
                out[row] = AppendStatus.DUPLICATE if samples[-1][1] != value else AppendStatus.DUPLICATE_SAME
            else:
                self._pending.append((labels, time, value))
        return out

    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None:
        columns = np.array(refs, dtype=np.uint64), np.full(len(refs), timestamp), np.array(values)
        status = self.append(*columns)
        return status if status.any() else None

    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]:
        refs, times, values, kept, duplicates = cache.samples()
        status = self.append(refs, times, values)
        gone = cache.vanished().tolist()
        self.append_row(gone, timestamp, [STALE_NAN] * len(gone))
        return kept, duplicates, status if status.any() else None

    def append_histograms(self, *_: object) -> NDArray[np.uint8]:
        raise AssertionError("this storage keeps floats only")

    append_exemplars = append_metadata = append_histograms

    def commit(self) -> None:
        if self._storage.fail:
            self._storage.fail = False
            raise StorageError("log cannot be written")
        self._storage.commits += 1
        for labels, time, value in self._pending:
            self._storage.data.setdefault(labels, []).append((time, value))

    def rollback(self) -> None:
        self._pending.clear()


class MemoryQuerier:
    warnings: Sequence[str] = ()

    def __init__(self, storage: MemoryStorage, mint: int, maxt: int) -> None:
        self._storage, self._mint, self._maxt = storage, mint, maxt

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        batch = SeriesBatch()
        for labels in sorted(self._storage.data):
            if all(m.matches(labels.get(m.name, "")) for m in matchers):
                chosen = [s for s in self._storage.data[labels] if self._mint <= s[0] <= self._maxt]
                times = np.array([t for t, _ in chosen], dtype=np.int64)
                batch.add_columns(labels.pairs(), times, np.array([v for _, v in chosen], dtype=np.float64))
        return batch

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        return self.select(matchers).labels

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList([n for labels in self._storage.data for n in labels], limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList([labels[name] for labels in self._storage.data if name in labels], limit)

    def close(self) -> None:
        pass
