"""Aggregations that take rows one at a time: sum, avg, min, max, count, group, stddev, stdvar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.native import LabelSets, Reducer
from narthex.promql.context import QueryContext
from narthex.promql.syntax import AggregateOp
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


@dataclass(frozen=True)
class Reduction:
    """An aggregation whose groups are known: ids[row] is a row of `labels`."""

    context: QueryContext
    op: AggregateOp
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
        reducer = self.reducer(matrix.steps)
        reducer.add(matrix.cells, self.ids, self.context.budget)
        return self.finish([reducer])
