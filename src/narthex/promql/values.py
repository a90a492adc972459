"""What an expression evaluates to: a matrix of series x steps, a scalar a step, or a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.native import LabelSets, SampleSource

Cells = NDArray[np.float64]
Flags = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps at start, start + step, ... (milliseconds), `count` of them. `step` is positive."""

    start: int
    step: int
    count: int

    @property
    def last(self) -> int:
        return self.start + (self.count - 1) * self.step

    def shifted(self, ms: int) -> Grid:
        """Every step that many milliseconds later."""
        return Grid(self.start + ms, self.step, self.count)

    def times(self) -> NDArray[np.int64]:
        return self.start + np.arange(self.count, dtype=np.int64) * self.step


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """The bounds of a whole query as they were asked for, milliseconds. `step` is 0 in an instant query."""

    start: int
    end: int
    step: int

    @property
    def is_range(self) -> bool:
        return self.step > 0

    def grid(self) -> Grid:
        if not self.is_range:
            return Grid(self.start, 1, 1)
        return Grid(self.start, self.step, (self.end - self.start) // self.step + 1)


@dataclass(slots=True)
class Matrix:
    """An instant vector at every step. Row i has the labels `labels[i]`; a stale marker in a cell means "no value".

    `drop_name` flags rows whose metric name goes away at the end of the query (delayed name removal); None: no row.
    Cells belong to whoever made the matrix: operators never write into their input.
    """

    labels: LabelSets
    cells: Cells
    drop_name: Flags | None = None

    @property
    def rows(self) -> int:
        return int(self.cells.shape[0])

    @property
    def steps(self) -> int:
        return int(self.cells.shape[1])


@dataclass(slots=True)
class Scalar:
    """One number a step."""

    values: NDArray[np.float64]

    def row(self) -> Cells:
        """The same as a matrix of one row."""
        return self.values.reshape(1, -1)


@dataclass(slots=True)
class Text:
    """A string literal."""

    text: str


@dataclass(slots=True)
class RangeVector:
    """Samples from which windows (t - range, t] are cut, t being the steps of `grid`.

    `shift` is what was taken off the query's steps to get `grid` (the offset), in milliseconds. With a fixed time (@)
    `grid` has a single step that stands for all of the query's. `samples` is about how many there are to look at.
    `reach` is how far samples beyond the window count (milliseconds, 0 for plain windows), before it when anchored, on
    both sides when `smoothed`. `histograms` tells whether there may be native ones.
    """

    source: SampleSource
    labels: LabelSets
    grid: Grid
    range: int
    shift: int
    samples: int
    reach: int = 0
    smoothed: bool = False
    histograms: bool = False
    drop_name: Flags | None = None


Value = Matrix | Scalar | Text
