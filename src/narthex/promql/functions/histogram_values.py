"""One number of each native histogram: histogram_count, _sum, _avg, _stddev, _stdvar. Numbers have none."""

from __future__ import annotations

from collections.abc import Callable

from narthex.native import histogram_numbers
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call
from narthex.promql.values import Grid, Matrix

_NUMBERS = {
    "histogram_count": 0,
    "histogram_sum": 1,
    "histogram_avg": 2,
    "histogram_stddev": 3,
    "histogram_stdvar": 4,
}
"""The numbers are those of HistogramNumber in core/query/histogram_functions.h."""


def _number(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    matrix = on.matrix(call.args[0], grid)
    cells = on.context.cells(matrix.rows, matrix.steps)
    histogram_numbers(_NUMBERS[call.func.name], matrix.cells, on.context.pool, on.context.budget, cells)
    return on.context.without_name(matrix.labels, cells)


HISTOGRAM_VALUES: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = dict.fromkeys(_NUMBERS, _number)
