"""Functions that look at one cell at a time: math, trigonometry, rounding, clamping, calendar, timestamp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.native import LabelSets, clamp_cells, map_cells, round_cells
from narthex.promql.context import absent
from narthex.promql.functions.scalars import one_series
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.selector import START_TIME, TIME, evaluate_selector
from narthex.promql.syntax import Call, VectorSelector, unwrap
from narthex.promql.values import Grid, Matrix

_NAMES = (
    "abs ceil floor exp ln log2 log10 sqrt sgn -"
    " sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh deg rad"
    " minute hour day_of_week day_of_month day_of_year days_in_month month year"
)
UNARY = {name: op for op, name in enumerate(_NAMES.split())}
"""The numbers are those of UnaryOp in core/query/elementwise.h."""
NEGATE = UNARY.pop("-")
CALENDAR = frozenset(name for name, op in UNARY.items() if op >= UNARY["minute"])


def evaluate_unary(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """Any of UNARY; calendar functions without an argument are about the step."""
    op = UNARY[call.func.name]
    if not call.args:
        value = one_series(grid.times().astype(np.float64) // 1000)
        cells = on.context.cells(1, grid.count)
        map_cells(op, value.cells, cells)
        return Matrix(value.labels, cells)
    matrix = on.matrix(call.args[0], grid)
    cells = on.context.cells(matrix.rows, matrix.steps)
    map_cells(op, on.context.numbers(matrix.cells), cells)
    return on.context.without_name(matrix.labels, cells)


def evaluate_round(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    matrix = on.matrix(call.args[0], grid)
    to = on.scalar(call.args[1], grid) if len(call.args) > 1 else np.ones(grid.count)
    cells = on.context.cells(matrix.rows, matrix.steps)
    round_cells(on.context.numbers(matrix.cells), to, cells)
    return on.context.without_name(matrix.labels, cells)


def evaluate_clamp(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """clamp, clamp_min and clamp_max."""
    matrix = on.matrix(call.args[0], grid)
    bound = on.scalar(call.args[1], grid)
    low, high = np.full(grid.count, -np.inf), np.full(grid.count, np.inf)
    match call.func.name:
        case "clamp":
            low, high = bound, on.scalar(call.args[2], grid)
        case "clamp_min":
            low = bound
        case _:
            high = bound
    cells = on.context.cells(matrix.rows, matrix.steps)
    clamp_cells(on.context.numbers(matrix.cells), low, high, cells)
    return on.context.without_name(matrix.labels, cells)


def evaluate_timestamp(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """The sample's own time for a plain selector, the step's for everything else."""
    inner = unwrap(call.args[0])
    if isinstance(inner, VectorSelector):
        return _time_of_samples(on, inner, grid, TIME)
    matrix = on.matrix(inner, grid)
    cells = on.context.cells(matrix.rows, matrix.steps)
    cells[:] = matrix.cells
    np.copyto(cells, grid.times() / 1000, where=~absent(matrix.cells))
    return on.context.without_name(matrix.labels, cells)


def evaluate_start_timestamp(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """The start time of the samples of a plain selector, 0 where it is unknown; nothing for everything else.

    Nothing as well unless start times are in use.
    """
    inner = unwrap(call.args[0])
    if not isinstance(inner, VectorSelector) or not on.context.options.use_start_timestamps:
        on.matrix(inner, grid)  # for its errors and warnings
        return Matrix(LabelSets(), np.empty((0, grid.count)))
    return _time_of_samples(on, inner, grid, START_TIME)


def _time_of_samples(on: Evaluation, selector: VectorSelector, grid: Grid, given: int) -> Matrix:
    found = evaluate_selector(on, selector, grid, given=given)
    cells = found.cells
    if cells.shape[1] != grid.count:
        cells = on.context.cells(found.rows, grid.count)
        cells[:] = found.cells
    return on.context.without_name(found.labels, cells)


ELEMENTWISE: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = {
    **dict.fromkeys(UNARY, evaluate_unary),
    "round": evaluate_round,
    "clamp": evaluate_clamp,
    "clamp_min": evaluate_clamp,
    "clamp_max": evaluate_clamp,
    "timestamp": evaluate_timestamp,
    "start_timestamp": evaluate_start_timestamp,
}
