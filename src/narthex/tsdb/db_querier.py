"""Queries over head and blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SeriesBatch, TextList
from narthex.tsdb.block import BlockQuerier
from narthex.tsdb.block_set import Blocks
from narthex.tsdb.head import Head, HeadQuerier

R = TypeVar("R")


class DBQuerier:
    """storage.contract.Querier. Only sources that overlap the range are asked; results merge only when several are.

    Each call looks at the blocks anew, after the head: what a truncation takes from the head has become a block
    before, so nothing falls between the two.
    """

    warnings: Sequence[str] = ()
    """Local storage asks no other server."""

    def __init__(self, head: Head, blocks: Blocks, mint: int, maxt: int) -> None:
        self._head, self._blocks, self._mint, self._maxt = head, blocks, mint, maxt

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        """What is sound. What is not is in the batch's `damage`, which a caller has to pass on."""
        found = []
        for querier in self._sources():
            if isinstance(querier, HeadQuerier):
                batch, damaged = querier.select(matchers), 0
            else:
                batch = querier.select_sound(matchers)
                if damaged := batch.damage()[0]:
                    self._blocks.metrics.damaged_reads.inc(damaged)
            if len(batch) or damaged:
                found.append(batch)
        return found[0] if len(found) == 1 else SeriesBatch.merge(found)

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        found = [sets for sets in self._ask(lambda q: q.series(matchers, limit)) if len(sets)]
        return found[0] if len(found) == 1 else LabelSets.merge(found)

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return _union(self._ask(lambda q: q.label_names(matchers, limit)), limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return _union(self._ask(lambda q: q.label_values(name, matchers, limit)), limit)

    def close(self) -> None:
        """Nothing to let go: what was selected keeps its own hold on chunks and mapped files."""

    def _ask(self, question: Callable[[HeadQuerier | BlockQuerier], R]) -> list[R]:
        return [question(querier) for querier in self._sources()]

    def _sources(self) -> Iterator[HeadQuerier | BlockQuerier]:
        """Each is to be asked before the next one is taken."""
        if self._head.overlaps(self._mint, self._maxt):
            yield self._head.querier(self._mint, self._maxt)
        for block in self._blocks.blocks:
            if block.meta.overlaps(self._mint, self._maxt):
                yield block.querier(self._mint, self._maxt)


def _union(lists: list[TextList], limit: int) -> TextList:
    return lists[0] if len(lists) == 1 else TextList.merge(lists, limit)
