"""Vector matching: which rows of two vectors meet, and what the results are called.

Rows are paired once for the whole query. A row of the "one" side may have doubles that share its match group as long as
no two of them have a value at the same step; that is checked on cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.errors import InternalError, QueryError
from narthex.model.labels import Labels
from narthex.model.number import STALE_NAN
from narthex.native import find_collision, group_rows, join_labels, mark_presence, match_rows, remove_labels
from narthex.promql.context import QueryContext, absent
from narthex.promql.operators.sets import match_key
from narthex.promql.syntax import BinaryExpr, Cardinality, VectorMatching
from narthex.promql.values import Cells, Matrix

Ids = NDArray[np.uint32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One operand: `rows[i]` is its row in pair i."""

    cells: Cells
    rows: Rows


Combine = Callable[[Side, Side, int, int], Cells]


@dataclass(frozen=True)
class _Pairs:
    """Rows that meet; -1 is a side that is filled in. `many` and `one` have a side each of the same length."""

    many: Rows
    one: Rows
    ids: Ids  # the match group of each pair


def evaluate_matching(context: QueryContext, expr: BinaryExpr, left: Matrix, right: Matrix, combine: Combine) -> Matrix:
    """Arithmetic and comparisons between two vectors."""
    matching = expr.matching
    if matching is None or matching.cardinality is Cardinality.MANY_TO_MANY:
        raise InternalError(f"{expr} has no usable matching")
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    # Prometheus does not swap these two along with the sides; neither do we.
    many_fill, one_fill = matching.fill_left, matching.fill_right
    key = match_key(expr)
    many_ids, one_ids, count = match_rows(many.labels, one.labels, *key)
    many_there, one_there = _presence(many, many_ids, count), _presence(one, one_ids, count)
    watched = one.cells
    if many_fill is None and one_fill is None:
        # Where the other side is empty nothing can match, and nobody minds.
        watched = np.where(many_there.any(axis=0), one.cells, STALE_NAN)
    _check_one_side(matching, key, Matrix(one.labels, watched), one_ids, count, swapped)
    pairs, many_cells, one_cells = _paired(
        context, many, one, many_ids, one_ids, count, many_there, one_there, many_fill, one_fill
    )
    left_side, right_side = (one_cells, many_cells) if swapped else (many_cells, one_cells)
    rows, steps = len(pairs.many), many.steps
    cells = combine(left_side, right_side, rows, steps)
    drops = expr.op.changes_meaning or expr.return_bool
    labels = join_labels(
        many.labels,
        pairs.many,
        one.labels,
        pairs.one,
        *key,
        matching.labels if matching.cardinality is Cardinality.ONE_TO_ONE else None,
        # Operators that change what is measured drop the name at once; `bool` may leave that to the end.
        expr.op.changes_meaning or (expr.return_bool and not context.options.delayed_name_removal),
        matching.include,
    )
    if expr.op.changes_meaning:
        labels = remove_labels(labels, [name for name in context.metadata_labels if name not in matching.include])
    flags = None
    if context.options.delayed_name_removal and drops:
        flags = np.ones(rows, dtype=np.uint8) if expr.return_bool else None
    elif many.drop_name is not None and many.rows:
        flags = np.where(pairs.many >= 0, many.drop_name[pairs.many], 0).astype(np.uint8)
    result = Matrix(labels, cells, flags)
    _check_results(expr, pairs, result, many_cells, one_cells, count)
    return context.merged(result)


def _presence(matrix: Matrix, ids: Ids, count: int) -> NDArray[np.uint8]:
    flags = np.empty((count, matrix.steps), dtype=np.uint8)
    mark_presence(matrix.cells, ids, flags)
    return flags


def _check_one_side(
    matching: VectorMatching, key: tuple[tuple[str, ...], bool], one: Matrix, ids: Ids, count: int, swapped: bool
) -> None:
    collision = find_collision(one.cells, ids, count)
    if collision is None:
        return
    first, second, _ = collision
    names, keep = key
    texts = sorted(str(Labels(one.labels[row])) for row in (first, second))
    group = Labels({n: v for n, v in one.labels[second].items() if (n in names) is keep})
    raise QueryError(
        f"found duplicate series for the match group {group} on the {'left' if swapped else 'right'} hand-side of the "
        f"operation: [{texts[0]}, {texts[1]}];many-to-many matching not allowed: matching labels must be unique on one "
        "side"
    )


def _paired(
    context: QueryContext,
    many: Matrix,
    one: Matrix,
    many_ids: Ids,
    one_ids: Ids,
    count: int,
    many_there: NDArray[np.uint8],
    one_there: NDArray[np.uint8],
    many_fill: float | None,
    one_fill: float | None,
) -> tuple[_Pairs, Side, Side]:
    """All pairs of rows in the order of the many side, then those with a filled side."""
    order = np.argsort(one_ids, kind="stable")
    per_id = np.bincount(one_ids, minlength=count)
    first = np.cumsum(per_id) - per_id
    partners = per_id[many_ids]
    many_rows = np.repeat(np.arange(many.rows), partners)
    within = np.arange(len(many_rows)) - np.repeat(np.cumsum(partners) - partners, partners)
    one_rows = order[first[many_ids[many_rows]] + within]
    many_cells, one_cells = many.cells, one.cells
    parts = [(many_rows, one_rows, many_ids[many_rows], many_rows, one_rows)]
    if one_fill is not None:
        # At steps where the group is missing on the one side.
        filler = np.where(one_there[many_ids] != 0, STALE_NAN, one_fill)
        rows = np.arange(many.rows)
        parts.append((rows, np.full(many.rows, -1), many_ids, rows, len(one_cells) + rows))
        one_cells = np.concatenate((one_cells, filler))
    if many_fill is not None:
        filler = np.where(many_there[one_ids] != 0, STALE_NAN, many_fill)
        rows = np.arange(one.rows)
        parts.append((np.full(one.rows, -1), rows, one_ids, len(many_cells) + rows, rows))
        many_cells = np.concatenate((many_cells, filler))
    joined = [np.concatenate([part[i] for part in parts]) for i in range(5)]
    pairs = _Pairs(joined[0].astype(np.int64), joined[1].astype(np.int64), joined[2].astype(np.uint32))
    return pairs, Side(many_cells, joined[3].astype(np.int64)), Side(one_cells, joined[4].astype(np.int64))


def _check_results(expr: BinaryExpr, pairs: _Pairs, result: Matrix, many: Side, one: Side, count: int) -> None:
    """Two pairs of one group must not answer at the same step: checked before a comparison filters."""
    matching = expr.matching
    assert matching is not None
    one_to_one = matching.cardinality is Cardinality.ONE_TO_ONE
    if one_to_one:
        ids, groups = pairs.ids, count
        if len(pairs.ids) == 0 or np.bincount(pairs.ids).max(initial=0) < 2:
            return
    else:
        label_ids, distinct = group_rows(result.labels, (), False)
        if len(distinct) == result.rows:
            return
        both = pairs.ids.astype(np.uint64) << np.uint64(32) | label_ids.astype(np.uint64)
        _, compact = np.unique(both, return_inverse=True)
        ids, groups = compact.astype(np.uint32), result.rows
    met = np.where(absent(many.cells)[many.rows] | absent(one.cells)[one.rows], STALE_NAN, 1.0)
    if find_collision(met, ids, groups) is None:
        return
    if one_to_one:
        raise QueryError("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
    raise QueryError("multiple matches for labels: grouping labels must ensure unique matches")
