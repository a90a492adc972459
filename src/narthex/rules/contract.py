"""What rules ask of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from narthex.native import FloatHistogram


class Sample(NamedTuple):
    """One element of an instant vector; `labels` include the metric name when the expression kept it."""

    labels: Mapping[str, str]
    value: float
    histogram: FloatHistogram | None = None
    """A native histogram; `value` is 0 then, which is what alerts on histograms show."""


Vector = Sequence[Sample]

Evaluate = Callable[[str, int], Vector]
"""Evaluates an expression at a time (milliseconds). Blocks; called from worker threads.

A scalar is one sample without labels. Raises PromQLError, QueryError or StorageError. The number of elements is what a
rule yields: it is bounded by the engine's sample limit.
"""
