"""Functions over range vectors: rate and its family, *_over_time, deriv, predict_linear."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.labels import METRIC_NAME
from narthex.model.matcher import MatchType
from narthex.native import QueryBudget, Reducer, extended_rows, label_column, range_rows
from narthex.promql.context import CELLS_WORTH_A_THREAD, QueryContext, absent
from narthex.promql.functions.extended import check_extended
from narthex.promql.histogram_notes import RowNotes, tell_of_rows
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.reduction import Reduction
from narthex.promql.syntax import Call, Expr, MatrixSelector, unwrap
from narthex.promql.values import Cells, Flags, Grid, Matrix, RangeVector

RANGE_FUNCTIONS = {
    name: op
    for op, name in enumerate(
        (
            "rate",
            "increase",
            "delta",
            "irate",
            "idelta",
            "changes",
            "resets",
            "deriv",
            "predict_linear",
            "sum_over_time",
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "count_over_time",
            "last_over_time",
            "first_over_time",
            "present_over_time",
            "stddev_over_time",
            "stdvar_over_time",
            "quantile_over_time",
            "mad_over_time",
            "ts_of_min_over_time",
            "ts_of_max_over_time",
            "ts_of_first_over_time",
            "ts_of_last_over_time",
            "double_exponential_smoothing",
        )
    )
}
"""The numbers are those of RangeOp in core/query/range_function.h."""

_KEEP_NAME = frozenset({"last_over_time", "first_over_time"})
_LOOKS_AT_START_TIMES = frozenset({"rate", "increase", "irate", "resets"})
_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


@dataclass(frozen=True)
class RangeArguments:
    """A call whose arguments are evaluated. `steps` is what the result must have."""

    call: Call
    op: int
    vector: RangeVector
    steps: int
    param: NDArray[np.float64] | None = None
    param2: NDArray[np.float64] | None = None

    @property
    def keeps_name(self) -> bool:
        return self.call.func.name in _KEEP_NAME

    def result_flags(self, context: QueryContext) -> Flags | None:
        """Flags of the rows of the result under delayed name removal."""
        if self.keeps_name:
            return self.vector.drop_name
        return np.ones(len(self.vector.labels), dtype=np.uint8) if context.options.delayed_name_removal else None


def evaluate_range_function(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """Any of RANGE_FUNCTIONS."""
    arguments = _evaluate_arguments(on, call, grid)
    context = on.context
    vector = arguments.vector
    cells = context.cells(len(vector.labels), vector.grid.count)
    told = np.zeros(len(vector.labels), dtype=np.uint32)

    def run(first: int, last: int) -> None:
        _run(context, arguments, first, last, out=cells, notes=told)

    context.workers.each(len(vector.labels), _worth_splitting(vector), run)
    tell_of_rows(context.notes, told, vector.labels, call.args[0])
    cells = _spread(context, cells, arguments.steps)
    _note_gauges(context, arguments, cells)
    if arguments.keeps_name:
        return Matrix(vector.labels, cells, vector.drop_name)
    return context.without_name_of_windows(vector.labels, cells)


def range_arguments(on: Evaluation, call: Call, grid: Grid) -> RangeArguments | None:
    """The evaluated arguments if the result may be reduced row by row, else None.

    That is so when no row has to be seen as a whole: names are unique or kept, no info depends on the result, and there
    are numbers alone.
    """
    inner = unwrap(_range_argument(call))
    if not isinstance(inner, MatrixSelector):
        return None
    name = inner.selector.name or next(
        (m.value for m in inner.selector.matchers if m.name == METRIC_NAME and m.type is MatchType.EQUAL), ""
    )
    if call.func.name in ("rate", "increase") and not name.endswith(_COUNTER_SUFFIXES):
        return None
    if not name and not on.context.options.delayed_name_removal:
        return None
    arguments = _evaluate_arguments(on, call, grid)
    vector = arguments.vector
    return arguments if vector.grid.count == grid.count and not vector.reach and not vector.histograms else None


def reduce_range(context: QueryContext, arguments: RangeArguments, reduction: Reduction) -> Matrix:
    """Aggregates the function's rows as they are computed."""
    vector = arguments.vector
    told = np.zeros(len(vector.labels), dtype=np.uint32)

    def run(reducer: Reducer, first: int, last: int) -> None:
        _run(context, arguments, first, last, reducer=reducer, groups=reduction.ids, notes=told)

    states = context.workers.fold(
        len(vector.labels), _worth_splitting(vector), lambda: reduction.reducer(vector.grid.count), run
    )
    tell_of_rows(context.notes, told, vector.labels, arguments.call.args[0])
    return reduction.finish(states)


def _range_argument(call: Call) -> Expr:
    return call.args[1] if call.func.name == "quantile_over_time" else call.args[0]


def _evaluate_arguments(on: Evaluation, call: Call, grid: Grid) -> RangeArguments:
    name = call.func.name
    check_extended(call, _range_argument(call))
    vector = on.range_vector(_range_argument(call), grid)
    if on.context.reads is not None:
        on.context.reads.add(_window_sizes(on.context, call, vector))
    param = param2 = None
    if name == "quantile_over_time":
        param = on.scalar(call.args[0], grid)
        _warn_quantiles(on.context, param, call.args[0])
    elif name == "predict_linear":
        param = on.scalar(call.args[1], grid)
        if vector.grid.count != grid.count:
            # The window stands still but the time that is predicted moves on with the steps.
            vector, param = _unrolled(vector, param, grid)
    elif name == "double_exponential_smoothing":
        param, param2 = on.scalar(call.args[1], grid), on.scalar(call.args[2], grid)
    if vector.grid.count != grid.count:
        param = None if param is None else param[: vector.grid.count].copy()
        param2 = None if param2 is None else param2[: vector.grid.count].copy()
    arguments = RangeArguments(call, RANGE_FUNCTIONS[name], vector, grid.count, param, param2)
    if param is not None and param2 is not None:
        _check_factors(on.context, arguments, {"smoothing": param, "trend": param2})
    return arguments


def _unrolled(vector: RangeVector, ahead: NDArray[np.float64], grid: Grid) -> tuple[RangeVector, NDArray[np.float64]]:
    """predict_linear of a fixed window at moving steps: the same window, further and further ahead."""
    later = (grid.times() - grid.start).astype(np.float64) / 1000
    still = Grid(vector.grid.start, 0, grid.count)
    return replace(vector, grid=still), ahead + later


def _warn_quantiles(context: QueryContext, q: NDArray[np.float64], expr: Expr) -> None:
    for bad in dict.fromkeys(float(v) for v in q[np.isnan(q) | (q < 0) | (q > 1)][:10]):
        context.notes.invalid_quantile(bad, expr)


def _check_factors(context: QueryContext, arguments: RangeArguments, factors: dict[str, NDArray[np.float64]]) -> None:
    """Factors must lie between 0 and 1 wherever a window has samples; elsewhere nobody looks at them."""
    for name, factor in factors.items():
        wrong = (factor <= 0) | (factor >= 1)
        if not wrong.any():
            continue
        seen = factor[wrong & (_window_sizes(context, arguments.call, arguments.vector) > 0)]
        if len(seen):
            short = f"{name[0]}f"
            raise QueryError(f"invalid {name} factor. Expected: 0 < {short} < 1, got: {seen[0]:f}")


def _window_sizes(context: QueryContext, call: Call, vector: RangeVector) -> NDArray[np.int64]:
    """How many samples the windows of all rows hold, at each step. Looking does not count as reading."""
    rows = len(vector.labels)
    context = replace(context, budget=QueryBudget(context.options.max_samples))
    cells, told = context.cells(rows, vector.grid.count), np.zeros(rows, dtype=np.uint32)
    counted = RangeArguments(call, RANGE_FUNCTIONS["count_over_time"], vector, vector.grid.count)
    context.workers.each(
        rows,
        _worth_splitting(vector),
        lambda first, last: _run(context, counted, first, last, out=cells, notes=told),
    )
    sizes: NDArray[np.int64] = np.where(absent(cells), 0.0, cells).sum(axis=0).astype(np.int64)
    return sizes


def _run(
    context: QueryContext,
    arguments: RangeArguments,
    first: int,
    last: int,
    *,
    out: Cells | None = None,
    reducer: Reducer | None = None,
    groups: NDArray[np.uint32] | None = None,
    notes: RowNotes | None = None,
) -> None:
    vector = arguments.vector
    if vector.reach and out is not None:
        extended_rows(
            vector.source,
            first,
            last,
            arguments.op,
            vector.grid.start,
            vector.grid.step,
            vector.grid.count,
            vector.range,
            vector.reach,
            vector.smoothed,
            context.budget,
            out,
            context.pool if vector.histograms else None,
            notes if vector.histograms else None,
        )
        return
    range_rows(
        vector.source,
        first,
        last,
        arguments.op,
        vector.grid.start,
        vector.grid.step,
        vector.grid.count,
        vector.range,
        vector.shift,
        arguments.param,
        arguments.param2,
        context.budget,
        out,
        reducer,
        groups,
        context.pool if vector.histograms else None,
        notes,
        context.options.use_start_timestamps and arguments.call.func.name in _LOOKS_AT_START_TIMES,
    )


def _worth_splitting(vector: RangeVector) -> bool:
    return vector.samples + len(vector.labels) * vector.grid.count > CELLS_WORTH_A_THREAD


def _spread(context: QueryContext, cells: Cells, steps: int) -> Cells:
    """A fixed window's single column at all steps."""
    if cells.shape[1] == steps:
        return cells
    out = context.cells(cells.shape[0], steps)
    out[:] = cells
    return out


def _note_gauges(context: QueryContext, arguments: RangeArguments, cells: Cells) -> None:
    """Tells of rates of what does not look like a counter."""
    if arguments.call.func.name not in ("rate", "increase"):
        return
    cells = context.numbers(cells)
    labels, argument = arguments.vector.labels, arguments.call.args[0]
    ids, names = label_column(labels, METRIC_NAME)
    if context.options.type_and_unit_labels:
        type_ids, types = label_column(labels, "__type__")
        for kind, type_label in enumerate(types):
            if type_label in ("counter", "histogram"):
                continue
            for i, name in enumerate(names):
                if name and _any_value(cells, (ids == i) & (type_ids == kind)):
                    context.notes.possible_non_counter_type(name, type_label, argument)
        return
    for i, name in enumerate(names):
        if name and not name.endswith(_COUNTER_SUFFIXES) and _any_value(cells, ids == i):
            context.notes.possible_non_counter(name, argument)


def _any_value(cells: Cells, rows: NDArray[np.bool_]) -> bool:
    return not bool(absent(cells[rows]).all())
