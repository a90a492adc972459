"""Reading series: every selector of a query with the time range it needs, each read once.

The plan walks the tree before evaluation, so that selectors with equal matchers whose ranges overlap become one read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from narthex.errors import InternalError
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SampleSource
from narthex.promql.syntax import (
    AtBound,
    Expr,
    MatrixSelector,
    SubqueryExpr,
    VectorSelector,
    children,
)
from narthex.promql.values import Grid, QueryTimes
from narthex.storage.contract import Querier, Queryable

Matchers = tuple[Matcher, ...]


def fixed_time(at: int | AtBound | None, query: QueryTimes) -> int | None:
    """The time (milliseconds) of an @ modifier of a query, None without one."""
    match at:
        case AtBound.START:
            return query.start
        case AtBound.END:
            return query.end
        case _:
            return at


FAR = 2**60
"""Milliseconds from the epoch beyond which nobody has samples; the kernels' sums with such times cannot overflow."""


def selector_grid(offset_ms: int, at: int | AtBound | None, grid: Grid, query: QueryTimes) -> Grid:
    """The steps at which a selector looks: a single one with @. Times beyond FAR are moved there."""
    fixed = None if at is None else fixed_time(at, query)
    start, count = (grid.start, grid.count) if fixed is None else (fixed, 1)
    start -= offset_ms
    return Grid(start if -FAR <= start <= FAR else max(-FAR, min(FAR, start)), grid.step, count)


def subquery_grid(expr: SubqueryExpr, grid: Grid, query: QueryTimes, default_step: int) -> Grid:
    """The inner steps of a subquery: absolute multiples of its step in (first - range, last]; maybe none (count 0)."""
    outer = selector_grid(expr.offset_ms, expr.at, grid, query)
    step = expr.step_ms or default_step
    first = ((outer.start - expr.range_ms) // step + 1) * step
    return Grid(first, step, max(0, (outer.last - first) // step + 1))


def selector_ranges(
    expr: Expr, grid: Grid, query: QueryTimes, default_step: int, lookback: int
) -> Iterator[tuple[Matchers, int, int]]:
    """(matchers, mint, maxt) of every selector below an expression; both times inclusive milliseconds."""
    match expr:
        case VectorSelector():
            seen = selector_grid(expr.offset_ms, expr.at, grid, query)
            yield expr.matchers, seen.start - lookback + 1, seen.last + (lookback if expr.smoothed else 0)
        case MatrixSelector():
            inner = expr.selector
            seen = selector_grid(inner.offset_ms, inner.at, grid, query)
            before = lookback if inner.anchored or inner.smoothed else 0
            after = lookback if inner.smoothed else 0
            yield inner.matchers, seen.start - expr.range_ms - before + 1, seen.last + after
        case SubqueryExpr():
            below = subquery_grid(expr, grid, query, default_step)
            if below.count:
                yield from selector_ranges(expr.expr, below, query, default_step, lookback)
        case _:
            for child in children(expr):
                yield from selector_ranges(child, grid, query, default_step, lookback)


class Selection(NamedTuple):
    """Series that were read: `chunks` tells how much work they are, `histograms` whether there are native ones."""

    source: SampleSource
    labels: LabelSets
    chunks: int
    histograms: bool = False


class Damage:
    """What storage could not read. Its series and samples are missing from the result."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []

    def add(self, count: int, reasons: list[str]) -> None:
        self.count += count
        self.reasons += reasons

    def texts(self) -> list[str]:
        """For warnings."""
        if not self.count:
            return []
        more = self.count - len(self.reasons)
        named = [*self.reasons, f"{more} more"] if more else self.reasons
        return [f"left out as broken: {what}" for what in named]


class _Read:
    """One read: equal matchers over one time range."""

    __slots__ = ("maxt", "mint", "selection")

    def __init__(self, mint: int, maxt: int) -> None:
        self.mint, self.maxt = mint, maxt
        self.selection: Selection | None = None


class Selections:
    """The series of one query. Close it when the result is made: chunks may point into mapped files.

    Matchers are asked for by the very tuples that were planned, those of the query's tree.
    """

    def __init__(self, queryable: Queryable) -> None:
        self._queryable = queryable
        self._queriers: dict[tuple[int, int], Querier] = {}
        self._reads: dict[int, list[_Read]] = {}  # by identity of the tuple of matchers
        self.damage = Damage()

    def plan(self, ranges: Iterator[tuple[Matchers, int, int]]) -> bool:
        """Joins overlapping ranges of equal matchers. Tells whether there are any."""
        wanted = list(ranges)
        if len(wanted) == 1:  # the usual query; matchers are slow to compare
            matchers, mint, maxt = wanted[0]
            self._reads = {id(matchers): [_Read(mint, maxt)]}
            return False
        spans: dict[Matchers, list[tuple[int, int]]] = {}
        alike: dict[int, Matchers] = {}
        for matchers, mint, maxt in wanted:
            spans.setdefault(matchers, []).append((mint, maxt))
            alike[id(matchers)] = matchers
        reads = {matchers: _joined(wanted) for matchers, wanted in spans.items()}
        self._reads = {identity: reads[matchers] for identity, matchers in alike.items()}
        return len(spans) < len(wanted)

    def read(self, matchers: Matchers, mint: int, maxt: int) -> Selection:
        """The series that match and have samples around the range. Raises what storage raises."""
        for read in self._reads.get(id(matchers), ()):
            if read.mint <= mint and maxt <= read.maxt:
                if read.selection is None:
                    read.selection = self.read_now(matchers, read.mint, read.maxt)
                return read.selection
        raise InternalError(f"no read was planned for [{mint}, {maxt}]")

    def read_now(self, matchers: Matchers, mint: int, maxt: int) -> Selection:
        """The same for matchers that come out of the evaluation, hence were never planned."""
        batch = self._querier(mint, maxt).select(matchers)
        self.damage.add(*batch.damage())
        histograms = batch.histogram_chunk_count() > 0
        return Selection(SampleSource.batch(batch), batch.labels, batch.chunk_count(), histograms)

    def close(self) -> None:
        for querier in self._queriers.values():
            querier.close()

    def warnings(self) -> list[str]:
        """What other servers did not give, each once."""
        told: dict[str, None] = {}
        for querier in self._queriers.values():
            told.update(dict.fromkeys(querier.warnings))
        return list(told)

    def _querier(self, mint: int, maxt: int) -> Querier:
        found = self._queriers.get((mint, maxt))
        if found is None:
            found = self._queriers[mint, maxt] = self._queryable.querier(mint, maxt)
        return found


def _joined(spans: list[tuple[int, int]]) -> list[_Read]:
    joined: list[_Read] = []
    for mint, maxt in sorted(spans):
        if joined and mint <= joined[-1].maxt + 1:
            joined[-1].maxt = max(maxt, joined[-1].maxt)
        else:
            joined.append(_Read(mint, maxt))
    return joined
