"""The commands of a script. Lines count from 1; times are milliseconds from the script's epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from narthex.model.labels import Labels
from narthex.model.regex import Regex
from narthex.promql.syntax.series import SequenceValue


class ExpectationKind(Enum):
    FAIL = "fail"
    WARN = "warn"
    INFO = "info"
    NO_WARN = "no_warn"
    NO_INFO = "no_info"
    ORDERED = "ordered"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an eval must or must not produce. Without `message` and `pattern` any text is meant."""

    kind: ExpectationKind
    message: str | None = None
    pattern: Regex | None = None

    def matches(self, text: str) -> bool:
        if self.message is not None:
            return self.message == text
        return self.pattern is None or self.pattern.fullmatch(text)

    def __str__(self) -> str:
        if self.message is not None:
            return f"message {self.message!r}"
        return f"pattern {self.pattern.pattern!r}" if self.pattern is not None else "any text"


@dataclass(frozen=True, slots=True)
class LoadedSeries:
    """`values[i]` is the sample at i steps. `start_offsets`, when given, are milliseconds to add to each sample's own
    time for its start timestamp; None where a sample has none."""

    line: int
    labels: Labels
    values: tuple[SequenceValue, ...]
    start_offsets: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    line: int
    step_ms: int
    series: tuple[LoadedSeries, ...]
    with_nhcb: bool  # also make native histograms with custom buckets out of classic ones


@dataclass(frozen=True, slots=True)
class Clear:
    line: int


@dataclass(frozen=True, slots=True)
class ExpectedSeries:
    """`position` is the place among the expected lines, from 1."""

    line: int
    position: int
    labels: Labels
    values: tuple[SequenceValue, ...]


@dataclass(frozen=True, slots=True)
class Eval:
    """An instant evaluation at `end_ms`, or a range evaluation over [start, end].

    `series` are expected unless `scalar` or `string` is set. With `range_vector` an instant evaluation must give a
    matrix on the steps of start, end and step.
    """

    line: int
    expr: str
    is_range: bool
    start_ms: int
    end_ms: int
    step_ms: int
    series: tuple[ExpectedSeries, ...] = ()
    scalar: float | None = None
    string: str | None = None
    range_vector: bool = False
    expectations: tuple[Expectation, ...] = ()

    def expects(self, kind: ExpectationKind) -> tuple[Expectation, ...]:
        return tuple(e for e in self.expectations if e.kind is kind)


Command = Load | Clear | Eval
