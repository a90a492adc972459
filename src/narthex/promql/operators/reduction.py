"""Aggregations that take rows one at a time: sum, avg, min, max, count, group, stddev, stdvar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.native import LabelSets, Reducer, reduce_histograms
from narthex.promql.context import QueryContext
from narthex.promql.histogram_notes import tell, tell_of_rows
from narthex.promql.syntax import AggregateOp, Expr
from narthex.promql.values import Flags, Matrix

REDUCE_OPS = {
    AggregateOp.SUM: 0,
    AggregateOp.AVG: 1,
    AggregateOp.MIN: 2,
    AggregateOp.MAX: 3,
    AggregateOp.COUNT: 4,
    AggregateOp.GROUP: 5,
    AggregateOp.STDDEV: 6,
    AggregateOp.STDVAR: 7,
}
_ANY_SAMPLE = frozenset({AggregateOp.COUNT, AggregateOp.GROUP})
_OF_HISTOGRAMS = frozenset({AggregateOp.SUM, AggregateOp.AVG})


@dataclass(frozen=True)
class Reduction:
    """An aggregation whose groups are known: ids[row] is a row of `labels`. `argument` is what is aggregated."""

    context: QueryContext
    op: AggregateOp
    argument: Expr
    ids: NDArray[np.uint32]
    labels: LabelSets
    drop_name: Flags | None = None

    def reducer(self, steps: int) -> Reducer:
        return Reducer(REDUCE_OPS[self.op], len(self.labels), steps)

    def finish(self, states: Sequence[Reducer]) -> Matrix:
        """The result of all states together; they are used up."""
        total = states[0]
        for other in states[1:]:
            total.merge(other)
        cells = self.context.cells(len(self.labels), total.steps)
        total.finish(cells)
        return Matrix(self.labels, cells, self.drop_name)

    def of(self, matrix: Matrix) -> Matrix:
        """Aggregates a matrix that is in memory."""
        context = self.context
        numbers = matrix.cells if self.op in _ANY_SAMPLE else context.numbers(matrix.cells)
        reducer = self.reducer(matrix.steps)
        reducer.add(numbers, self.ids, context.budget)
        result = self.finish([reducer])
        if numbers is matrix.cells:
            return result
        if self.op not in _OF_HISTOGRAMS:
            context.notes.ignored_in_aggregation(self.op.value, self.argument)
            return result
        told = np.zeros(matrix.rows, dtype=np.uint32)
        mean = self.op is AggregateOp.AVG
        found = reduce_histograms(matrix.cells, self.ids, mean, context.pool, context.budget, result.cells, told)
        tell_of_rows(context.notes, told, matrix.labels, self.argument)
        tell(context.notes, found, self.argument)
        return result
