"""What operators and functions share while one query runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.labels import METRIC_NAME
from narthex.model.number import STALE_NAN, STALE_NAN_BITS
from narthex.native import (
    HISTOGRAM_MARK,
    HistogramPool,
    LabelSets,
    QueryBudget,
    find_collision,
    group_rows,
    merge_cells,
    remove_labels,
    rows_with_values,
    take_rows,
)
from narthex.promql.annotations import Annotations
from narthex.promql.bucketless import bucketless_selectors
from narthex.promql.options import EngineOptions
from narthex.promql.selections import Selection, Selections
from narthex.promql.step_reads import StepReads
from narthex.promql.syntax import Expr, VectorSelector
from narthex.promql.values import Cells, Flags, Matrix, QueryTimes
from narthex.promql.workers import Workers

SAME_LABELSET = "vector cannot contain metrics with the same labelset"
CELLS_WORTH_A_THREAD = 100_000
"""Samples to decode and cells to fill, some 0.3 ms of work, from which a thread helps: to wake one takes 0.1 ms."""


@dataclass(eq=False)
class QueryContext:
    """`query` are the bounds of the whole query; `lookback_ms` is the query's own or the engine's.

    `pool` has the native histograms that cells refer to; `tree` is the expression; `reads`
    are counted for those who ask.
    """

    options: EngineOptions
    query: QueryTimes
    lookback_ms: int
    budget: QueryBudget
    notes: Annotations
    selections: Selections
    workers: Workers
    pool: HistogramPool
    tree: Expr
    reads: StepReads | None = None

    def read(self, selector: VectorSelector, mint: int, maxt: int) -> Selection:
        """The series of a selector of the query's tree with samples around the range (inclusive milliseconds)."""
        found = self.selections.read(selector.matchers, mint, maxt)
        if found.histograms and id(selector) in self.bucketless:
            return found._replace(source=found.source.without_buckets())
        return found

    @cached_property
    def bucketless(self) -> frozenset[int]:
        """Identities of the selectors that are read without buckets of native histograms."""
        return bucketless_selectors(self.tree)

    @property
    def is_range(self) -> bool:
        return self.query.is_range

    @property
    def metadata_labels(self) -> Sequence[str]:
        """Labels that go away with the metric name, whether or not type and unit are added on ingestion."""
        return (METRIC_NAME, "__type__", "__unit__")

    def cells(self, rows: int, steps: int) -> Cells:
        """Room for a matrix, counted as live samples while it exists. Not cleared."""
        return self.budget.cells(rows, steps)

    def hold_text(self, size: int) -> None:
        """Counts new text of labels (its size in characters) as live samples to the end of the query."""
        self.budget.check()
        self.budget.hold_text(size)

    def numbers(self, cells: Cells) -> Cells:
        """The same without native histograms; the very array when there are none."""
        if not len(self.pool):
            return cells
        found = histograms(cells)
        if not found.any():
            return cells
        out = self.cells(*cells.shape)
        out[:] = cells
        out[found] = STALE_NAN
        return out

    def without_name(self, labels: LabelSets, cells: Cells) -> Matrix:
        """A result whose metric names go away: now, or flagged for the end of the query."""
        if self.options.delayed_name_removal:
            return Matrix(labels, cells, np.ones(len(labels), dtype=np.uint8))
        return self.merged(Matrix(remove_labels(labels, self.metadata_labels), cells))

    def without_name_of_windows(self, labels: LabelSets, cells: Cells) -> Matrix:
        """The same for a range function. Raises QueryError when two rows with values have the same labels.

        Prometheus evaluates these series by series, and then sees no two results that take turns as one.
        """
        matrix = self.without_name(labels, cells)
        if matrix.drop_name is None and matrix.rows < len(labels):
            kept = rows_with_values(cells)
            named = remove_labels(take_rows(labels, kept), self.metadata_labels)
            if len(group_rows(named, (), False)[1]) < len(kept):
                raise QueryError(SAME_LABELSET)
        return matrix

    def merged(self, matrix: Matrix) -> Matrix:
        """Rows with equal labels become one. Raises QueryError when two of them have a value at the same step."""
        if matrix.rows < 2:
            return matrix
        ids, labels = group_rows(matrix.labels, (), False)
        if len(labels) == matrix.rows:
            return matrix
        if find_collision(matrix.cells, ids, len(labels)) is not None:
            raise QueryError(SAME_LABELSET)
        cells = self.cells(len(labels), matrix.steps)
        merge_cells(matrix.cells, ids, cells)
        return Matrix(labels, cells, merge_flags(matrix.drop_name, ids, len(labels)))

    def finished(self, matrix: Matrix) -> Matrix:
        """The result as users see it: names dropped, equal rows joined, empty rows gone."""
        if matrix.drop_name is not None and matrix.drop_name.any():
            labels = remove_labels(matrix.labels, self.metadata_labels, matrix.drop_name)
            matrix = self.merged(Matrix(labels, matrix.cells))
        kept = rows_with_values(matrix.cells)
        if len(kept) == matrix.rows:
            return Matrix(matrix.labels, matrix.cells)
        return Matrix(take_rows(matrix.labels, kept), np.ascontiguousarray(matrix.cells[kept]))


def merge_flags(flags: Flags | None, ids: NDArray[np.uint32], count: int) -> Flags | None:
    """A group is flagged when any of its rows is."""
    if flags is None:
        return None
    out = np.zeros(count, dtype=np.uint8)
    out[ids[flags != 0]] = 1
    return out


def concat_flags(parts: Sequence[Flags | None], rows: Sequence[int]) -> Flags | None:
    if all(part is None for part in parts):
        return None
    return np.concatenate(
        [np.zeros(n, dtype=np.uint8) if part is None else part for part, n in zip(parts, rows, strict=True)]
    )


def histograms(cells: Cells) -> NDArray[np.bool_]:
    """Which cells refer to a native histogram."""
    found: NDArray[np.bool_] = cells.view(np.uint64) >> np.uint64(48) == np.uint64(HISTOGRAM_MARK)
    return found


def absent(cells: Cells) -> NDArray[np.bool_]:
    """Which cells have no value."""
    mask: NDArray[np.bool_] = cells.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    return mask
