"""What operators and functions need of the evaluator that calls them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.promql.context import QueryContext
from narthex.promql.syntax import Expr
from narthex.promql.values import Grid, Matrix, RangeVector, Value


class Evaluation(Protocol):
    """See Evaluator."""

    context: QueryContext

    def eval(self, expr: Expr, grid: Grid) -> Value: ...
    def matrix(self, expr: Expr, grid: Grid) -> Matrix: ...
    def scalar(self, expr: Expr, grid: Grid) -> NDArray[np.float64]: ...
    def text(self, expr: Expr) -> str: ...
    def range_vector(self, expr: Expr, grid: Grid) -> RangeVector: ...
    def invariant(self, expr: Expr) -> bool: ...
    def repeats(self, expr: Expr) -> bool: ...
