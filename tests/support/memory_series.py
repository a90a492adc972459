"""Series to query, on top of the dictionary storage: easy to fill, and it remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.native import SeriesBatch
from support.memory_storage import MemoryQuerier, MemoryStorage


class MemorySeries(MemoryStorage):
    """`asked` are (mint, maxt, matchers) of all selections."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int, tuple[str, ...]]] = []
        self.opened = self.closed = 0

    def add(self, labels: Mapping[str, str], times: Sequence[int], values: Sequence[float]) -> None:
        """Milliseconds, ascending."""
        self.data[Labels(labels)] = list(zip(times, values, strict=True))

    def add_every(self, labels: Mapping[str, str], step: int, values: Sequence[float], start: int = 0) -> None:
        self.add(labels, [start + i * step for i in range(len(values))], values)

    def querier(self, mint: int, maxt: int) -> MemoryQuerier:
        self.opened += 1
        return _Querier(self, mint, maxt)


class _Querier(MemoryQuerier):
    def __init__(self, series: MemorySeries, mint: int, maxt: int) -> None:
        super().__init__(series, mint, maxt)
        self._series, self._span = series, (mint, maxt)

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        self._series.asked.append((*self._span, tuple(map(str, matchers))))
        return super().select(matchers)

    def close(self) -> None:
        self._series.closed += 1
