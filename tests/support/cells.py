"""Matrices of cells and what tests say about them: None stands for "no value"."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from narthex.model.number import STALE_NAN, STALE_NAN_BITS
from narthex.native import LabelSets

Cell = float | None


def matrix_of(rows: Sequence[Sequence[Cell]], steps: int) -> NDArray[np.float64]:
    cells = [[STALE_NAN if v is None else v for v in row] for row in rows]
    return np.array(cells, dtype=np.float64).reshape(len(rows), steps)


def cells_of(matrix: NDArray[np.float64]) -> list[list[Cell]]:
    bits = matrix.view(np.uint64)
    return [
        [None if bits[i, k] == STALE_NAN_BITS else float(matrix[i, k]) for k in range(matrix.shape[1])]
        for i in range(matrix.shape[0])
    ]


def label_sets(rows: Sequence[Mapping[str, str]]) -> LabelSets:
    out = LabelSets()
    for row in rows:
        out.add(list(row.items()))
    return out


def assert_same(got: Cell, expected: Cell, tolerance: float = 0.0) -> None:
    """Both nothing, both NaN, or equal to 1e-9 of the value or `tolerance`."""
    if expected is None or got is None:
        assert got is expected
    elif math.isnan(expected):
        assert math.isnan(got)
    else:
        assert got == expected or got == pytest.approx(expected, rel=1e-9, abs=tolerance)
