"""Instant vector selectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.native import Reducer, select_rows, smoothed_rows
from narthex.promql.context import CELLS_WORTH_A_THREAD, absent
from narthex.promql.histogram_notes import tell_of_rows
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.reduction import Reduction
from narthex.promql.selections import Selection, selector_grid
from narthex.promql.syntax import VectorSelector
from narthex.promql.values import Cells, Grid, Matrix

SAMPLES_A_CHUNK = 120
VALUE, TIME, START_TIME = 0, 1, 2
"""What a selector gives of a sample; the numbers are those of Given in core/query/select.h."""


def evaluate_selector(on: Evaluation, expr: VectorSelector, grid: Grid, *, given: int = VALUE) -> Matrix:
    """The newest sample within the lookback at each step: its value, or `given` of it in seconds."""
    read, seen = _read(on, expr, grid)
    context = on.context
    cells = context.cells(len(read.labels), seen.count)
    if expr.smoothed and given == VALUE:
        return _smoothed(on, expr, read, seen, cells)

    def run(first: int, last: int) -> None:
        select_rows(
            read.source,
            first,
            last,
            seen.start,
            seen.step,
            seen.count,
            context.lookback_ms,
            given,
            context.budget,
            cells,
            pool=context.pool,
        )

    return _filled(on, read, seen, cells, run)


def _smoothed(on: Evaluation, expr: VectorSelector, read: Selection, seen: Grid, cells: Cells) -> Matrix:
    context = on.context
    told = np.zeros(len(read.labels), dtype=np.uint32)

    def run(first: int, last: int) -> None:
        smoothed_rows(
            read.source,
            first,
            last,
            seen.start,
            seen.step,
            seen.count,
            context.lookback_ms,
            context.budget,
            cells,
            context.pool,
            told,
        )

    result = _filled(on, read, seen, cells, run)
    tell_of_rows(context.notes, told, read.labels, expr)
    return result


def _filled(on: Evaluation, read: Selection, seen: Grid, cells: Cells, run: Callable[[int, int], None]) -> Matrix:
    """`cells`, which `run` fills for ranges of rows."""
    context = on.context
    context.workers.each(len(read.labels), worth_splitting(read, seen.count), run)
    if context.reads is not None:
        context.reads.add(np.count_nonzero(~absent(cells), axis=0))
    return Matrix(read.labels, cells)


def reduce_selector(on: Evaluation, expr: VectorSelector, grid: Grid, reduction: Reduction) -> Matrix:
    """The same, aggregated row by row as it is read."""
    read, seen = _read(on, expr, grid)
    context = on.context

    def run(reducer: Reducer, first: int, last: int) -> None:
        select_rows(
            read.source,
            first,
            last,
            seen.start,
            seen.step,
            seen.count,
            context.lookback_ms,
            VALUE,
            context.budget,
            reducer=reducer,
            groups=reduction.ids,
        )

    states = context.workers.fold(
        len(read.labels), worth_splitting(read, seen.count), lambda: reduction.reducer(seen.count), run
    )
    return reduction.finish(states)


def selection_of(on: Evaluation, expr: VectorSelector, grid: Grid) -> Selection:
    return _read(on, expr, grid)[0]


def _read(on: Evaluation, expr: VectorSelector, grid: Grid) -> tuple[Selection, Grid]:
    context = on.context
    seen = selector_grid(expr.offset_ms, expr.at, grid, context.query)
    if seen.count != grid.count:
        seen = Grid(seen.start, seen.step, 1)
    ahead = context.lookback_ms if expr.smoothed else 0
    return context.read(expr, seen.start - context.lookback_ms + 1, seen.last + ahead), seen


def worth_splitting(read: Selection, steps: int) -> bool:
    """Whether threads pay for their start: by samples to decode and cells to fill."""
    return read.chunks * SAMPLES_A_CHUNK + len(read.labels) * steps > CELLS_WORTH_A_THREAD
