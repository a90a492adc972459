"""What an engine answers, in plain values: a test looks at every sample, so columns would not help it."""

from __future__ import annotations

from dataclasses import dataclass, field

from narthex.model.labels import Labels
from narthex.promql.syntax.histogram_literal import HistogramLiteral

SampleValue = float | HistogramLiteral


@dataclass(frozen=True, slots=True)
class Scalar:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """In the order of the answer."""

    samples: tuple[tuple[Labels, SampleValue], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series in the order of the answer; points are (milliseconds, value), ascending."""

    series: tuple[tuple[Labels, tuple[tuple[int, SampleValue], ...]], ...]


Value = Scalar | Text | Vector | Matrix


@dataclass(frozen=True, slots=True)
class Outcome:
    """A value with its annotations, worded as the HTTP API words them."""

    value: Value
    warnings: tuple[str, ...] = field(default=())
    infos: tuple[str, ...] = field(default=())
