"""How many samples each step of a query reads, by Prometheus' count: `stats` of the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


class StepReads:
    """A selector reads one sample a series at each step, a range vector all samples of its window, again at each step.

    A subquery's window is made of results, and what these were made of does not count. A value that is the same at all
    steps was read at each of them. A native histogram counts as one sample.
    """

    def __init__(self, steps: int) -> None:
        self.per_step: NDArray[np.int64] = np.zeros(steps, dtype=np.int64)
        self._subqueries = 0

    @contextmanager
    def subquery(self) -> Iterator[None]:
        """What is read in here does not count."""
        self._subqueries += 1
        try:
            yield
        finally:
            self._subqueries -= 1

    def add(self, counts: NDArray[np.int64]) -> None:
        """One number a step, or a single one for all."""
        if not self._subqueries:
            self.per_step += counts
