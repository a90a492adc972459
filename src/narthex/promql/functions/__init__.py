"""PromQL functions by name, a family a file. In: the evaluator, a call, a grid. Out: a value over the grid."""

from __future__ import annotations

from collections.abc import Callable

from narthex.errors import QueryError
from narthex.promql.functions.elementwise import CALENDAR, ELEMENTWISE
from narthex.promql.functions.histogram_values import HISTOGRAM_VALUES
from narthex.promql.functions.histograms import HISTOGRAMS
from narthex.promql.functions.info import INFO
from narthex.promql.functions.labels import LABELS
from narthex.promql.functions.ordering import ORDERING
from narthex.promql.functions.over_time import RANGE_FUNCTIONS, evaluate_range_function
from narthex.promql.functions.scalars import SCALARS
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call
from narthex.promql.syntax.signatures import FUNCTIONS as SIGNATURES
from narthex.promql.values import Grid, Value


def _not_yet(on: Evaluation, call: Call, grid: Grid) -> Value:
    raise QueryError(f"function {call.func.name} cannot be evaluated yet")


FUNCTIONS: dict[str, Callable[[Evaluation, Call, Grid], Value]] = {
    **dict.fromkeys(SIGNATURES, _not_yet),
    **dict.fromkeys(RANGE_FUNCTIONS, evaluate_range_function),
    **ELEMENTWISE,
    **SCALARS,
    **LABELS,
    **ORDERING,
    **HISTOGRAMS,
    **HISTOGRAM_VALUES,
    **INFO,
}

STEP_DEPENDENT = CALENDAR | {"time", "timestamp", "predict_linear"}
"""Functions whose value depends on the step even when their arguments do not."""
