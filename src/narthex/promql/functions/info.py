"""info(): adds the labels of info series (target_info and its like) to series of the same instance and job."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.model.number import STALE_NAN
from narthex.native import LabelSets, label_column, match_rows, select_rows, set_label, take_rows
from narthex.promql.context import absent, histograms
from narthex.promql.operators.protocol import Evaluation
from narthex.promql.operators.selector import TIME, VALUE
from narthex.promql.selections import Selection, selector_grid
from narthex.promql.syntax import AtBound, Call, Expr, SubqueryExpr, VectorSelector, children
from narthex.promql.values import Cells, Grid, Matrix

_IDENTIFYING = ("instance", "job")
_DEFAULT = Matcher(MatchType.EQUAL, METRIC_NAME, "target_info")
_ANY_INFO = Matcher(MatchType.REGEX, METRIC_NAME, ".+_info")
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class _InfoSeries:
    """Info series with the time (seconds) of their newest sample at every step; absent where there is none."""

    labels: LabelSets
    times: Cells


def evaluate_info(on: Evaluation, call: Call, grid: Grid) -> Matrix:
    """Info series of the reading time of the first argument's selector; the newest of one identity counts."""
    base = on.matrix(call.args[0], grid)
    selector = call.args[1] if len(call.args) > 1 else None
    matchers = selector.matchers if isinstance(selector, VectorSelector) else ()
    names = _name_matchers([m for m in matchers if m.name == METRIC_NAME])
    wanted = [m for m in matchers if m.name != METRIC_NAME]
    plain = _rows_named(base.labels, names)
    info = _read(on, call, grid, base.labels, ~plain, [*wanted, *names])
    rows, combos, cells = _joined(base, info, plain)
    sets = [[Labels(info.labels[i]) for i in combo if i >= 0] for combo in combos]
    if any(not m.matches("") for m in wanted):
        # A series that no info series describes does not have the label that is asked for.
        keep = np.array([bool(found) for found in sets], dtype=bool)[rows[1]] | plain[rows[0]]
        rows, cells = rows[:, keep], cells[keep]
    labels = _with_data(take_rows(base.labels, rows[0]), rows[1], sets, {m.name for m in wanted})
    out = on.context.cells(len(labels), base.steps)
    out[:] = cells
    flags = None if base.drop_name is None else base.drop_name[rows[0]]
    return on.context.merged(Matrix(labels, out, flags))


def _name_matchers(written: list[Matcher]) -> list[Matcher]:
    """Which metrics are info metrics: target_info by default, all *_info when names are only excluded."""
    if not written:
        return [_DEFAULT]
    return [_ANY_INFO, *written] if all(m.negative for m in written) else written


def _rows_named(labels: LabelSets, matchers: Sequence[Matcher]) -> NDArray[np.bool_]:
    ids, names = label_column(labels, METRIC_NAME)
    hits = np.array([all(m.matches(name) for m in matchers) for name in names], dtype=bool)
    return hits[ids] if len(names) else np.zeros(len(labels), dtype=bool)


def reading_time(expr: Expr) -> tuple[int | AtBound | None, int]:
    """@ (None without one) and offset (milliseconds) at which the first selector of an expression reads.

    Offsets of subqueries around it add up, until an @ fixes the time.
    """
    return next(_reading_times(expr), (None, 0))


def _reading_times(expr: Expr) -> Iterator[tuple[int | AtBound | None, int]]:
    if isinstance(expr, VectorSelector):
        yield expr.at, expr.offset_ms
        return
    for child in children(expr):
        for at, offset in _reading_times(child):
            outer = isinstance(expr, SubqueryExpr) and at is None
            yield (expr.at, offset + expr.offset_ms) if outer and isinstance(expr, SubqueryExpr) else (at, offset)


def _read(
    on: Evaluation, call: Call, grid: Grid, base: LabelSets, enriched: NDArray[np.bool_], matchers: list[Matcher]
) -> _InfoSeries:
    identities = []
    for name in _IDENTIFYING:
        ids, values = label_column(base, name)
        present = [values[i] for i in np.unique(ids[enriched]) if values[i]]
        if present:
            identities.append(Matcher(MatchType.REGEX, name, "|".join(re.escape(value) for value in present)))
    if not identities:
        return _InfoSeries(LabelSets(), np.empty((0, grid.count)))
    context = on.context
    at, offset = reading_time(call.args[0])
    seen = selector_grid(offset, at, grid, context.query)
    mint = seen.start - context.lookback_ms + 1
    read: Selection = context.selections.read_now((*identities, *matchers), mint, seen.last)
    times = context.cells(len(read.labels), seen.count)
    budget, lookback = context.budget, context.lookback_ms
    if read.histograms:
        _refuse_histograms(on, read, seen)
    select_rows(read.source, 0, len(read.labels), seen.start, seen.step, seen.count, lookback, TIME, budget, times)
    return _InfoSeries(read.labels, np.broadcast_to(times, (len(read.labels), grid.count)))


def _refuse_histograms(on: Evaluation, read: Selection, seen: Grid) -> None:
    """Raises QueryError when a series has a native histogram at a step."""
    context, rows = on.context, len(read.labels)
    cells, steps = context.cells(rows, seen.count), (seen.start, seen.step, seen.count)
    select_rows(read.source, 0, rows, *steps, context.lookback_ms, VALUE, context.budget, out=cells, pool=context.pool)
    refused = np.flatnonzero(histograms(cells).any(axis=1))
    if len(refused):
        series = _named(Labels(read.labels[int(refused[0])]))
        raise QueryError(f"this should be an info metric, with float samples: {series}")


def _joined(base: Matrix, info: _InfoSeries, plain: NDArray[np.bool_]) -> tuple[Rows, list[tuple[int, ...]], Cells]:
    """Pairs of (base row, combination), combinations as info rows a metric (-1: none), and each pair's cells."""
    base_ids, info_ids, count = match_rows(base.labels, info.labels, _IDENTIFYING, True)
    there = ~absent(base.cells)
    columns, names = label_column(info.labels, METRIC_NAME)
    needed = np.logical_or.reduce(there, axis=0)
    newest = [_newest(info, np.flatnonzero(columns == i), info_ids, count, needed) for i in range(len(names))]
    combos: dict[tuple[int, ...], int] = {(): 0}
    pairs: list[tuple[int, int]] = []
    parts: list[Cells] = []
    untouched = np.flatnonzero(plain)
    for group in np.unique(base_ids[~plain]) if len(newest) else ():
        rows = np.flatnonzero((base_ids == group) & ~plain)
        found = np.array([winners[group] for winners in newest])
        distinct, which = np.unique(found, axis=1, return_inverse=True)
        for k in range(distinct.shape[1]):
            at = which.reshape(-1) == k
            key = combos.setdefault(tuple(distinct[:, k].tolist()), len(combos))
            alive = rows[there[rows][:, at].any(axis=1)]
            pairs += [(int(row), key) for row in alive]
            parts.append(np.where(at, base.cells[alive], STALE_NAN))
    if not len(newest):
        untouched = np.arange(base.rows)
    pairs += [(int(row), 0) for row in untouched]
    parts.append(base.cells[untouched])
    return np.array(pairs, dtype=np.int64).reshape(-1, 2).T, list(combos), np.concatenate(parts)


def _newest(
    info: _InfoSeries, rows: Rows, ids: NDArray[np.uint32], count: int, needed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Of one info metric: the row that counts, a match group and step; -1 for none. Raises QueryError on a tie."""
    best = np.full((count, info.times.shape[1]), -np.inf)
    winner = np.full(best.shape, -1, dtype=np.int64)
    for row in rows.tolist():
        group = ids[row]
        times = np.where(absent(np.ascontiguousarray(info.times[row])), -np.inf, info.times[row])
        tie = needed & (times == best[group]) & (winner[group] >= 0)
        if tie.any():
            step = int(np.flatnonzero(tie)[0])
            at = round(float(times[step]) * 1000)
            one, two = Labels(info.labels[int(winner[group, step])]), Labels(info.labels[row])
            raise QueryError(
                f"found duplicate series for info metric: existing {_named(one)} @ {at}, new {_named(two)} @ {at}"
            )
        newer = times > best[group]
        best[group][newer] = times[newer]
        winner[group][newer] = row
    return winner


def _named(labels: Labels) -> str:
    return f"{labels.get(METRIC_NAME, '')}{labels.without(METRIC_NAME)}"


def _with_data(labels: LabelSets, combos: Rows, sets: list[list[Labels]], wanted: set[str]) -> LabelSets:
    """Rows with the labels of their combination that they do not have yet. Raises QueryError on a contradiction."""
    names = {name for found in sets for one in found for name in one} - {METRIC_NAME}
    for name in sorted(names & wanted if wanted else names):
        values: list[str | None] = []
        contradicting = []
        for found in sets:
            own = {one[name] for one in found if name in one}
            contradicting.append(len(own) > 1)
            values.append(min(own) if own else None)
        ids, present = label_column(labels, name)
        missing = np.array([not value for value in present], dtype=bool)[ids]
        if (missing & np.array(contradicting)[combos]).any():
            raise QueryError(f"conflicting label: {name}")
        chosen = np.where(missing, combos, len(values)).astype(np.uint32)
        labels = set_label(labels, name, chosen, [*values, None])
    return labels


INFO: dict[str, Callable[[Evaluation, Call, Grid], Matrix]] = {"info": evaluate_info}
