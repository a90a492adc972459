"""label_replace and label_join."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.errors import MatcherError, QueryError
from narthex.model.labels import METRIC_NAME, is_utf8_name
from narthex.model.regex import compile_regex
from narthex.native import join_label, label_column, set_label
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.syntax import Call
from narthex.promql.values import Flags, Grid, Matrix


def _label_replace(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    target, replacement, source, pattern = (on.text(arg) for arg in call.args[1:])
    try:
        regex = compile_regex(pattern)
    except MatcherError:
        raise QueryError(f"invalid regular expression in label_replace(): {pattern}") from None
    if not is_utf8_name(target):
        raise QueryError(f"invalid destination label name in label_replace(): {target}")
    matrix = on.matrix(call.args[0], grid)
    ids, values = label_column(matrix.labels, source)
    hold = on.context.hold_text
    changed = [regex.expand(value, replacement, hold) for value in values]
    flags = matrix.drop_name
    if flags is not None and target == METRIC_NAME:
        hit = np.array([value is not None for value in changed], dtype=bool)
        flags = np.where(hit[ids], 0, flags).astype(np.uint8)
    return on.context.merged(Matrix(set_label(matrix.labels, target, ids, changed), matrix.cells, flags))


def _label_join(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    target, separator, *sources = (on.text(arg) for arg in call.args[1:])
    for source in sources:
        if not is_utf8_name(source):
            raise QueryError(f"invalid source label name in label_join(): {source}")
    if not is_utf8_name(target):
        raise QueryError(f"invalid destination label name in label_join(): {target}")
    matrix = on.matrix(call.args[0], grid)
    flags: Flags | None = None if target == METRIC_NAME else matrix.drop_name
    joined = join_label(matrix.labels, target, separator, sources, on.context.budget)
    return on.context.merged(Matrix(joined, matrix.cells, flags))


LABELS: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = {
    "label_replace": _label_replace,
    "label_join": _label_join,
}
