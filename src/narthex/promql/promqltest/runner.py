"""Runs a script: loads into a storage, evaluates, compares. Nothing counts as passed that was not compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from narthex.errors import NarthexError, PromQLError
from narthex.promql.promqltest.commands import Clear, Command, Eval, ExpectationKind, Load
from narthex.promql.promqltest.compare import check_sorted, compare_annotations, compare_value
from narthex.promql.promqltest.forms import depends_on_query_range, pinned_forms
from narthex.promql.promqltest.loading import load
from narthex.promql.promqltest.outcome import Matrix, Outcome, Scalar, Text, Vector
from narthex.promql.syntax import ParserOptions, parse_expr
from narthex.storage.contract import Appendable, Queryable

LOOKBACK_MS = 300_000
MAX_SAMPLES = 10_000
SUBQUERY_STEP_MS = 60_000
OPTIONS = ParserOptions.everything()
"""Settings of the engine that scripts are written for; besides, metric names are dropped at the end of evaluation."""

_AROUND_MS = 60_000


class Storage(Appendable, Queryable, Protocol):
    """An empty storage made for one script."""

    def close(self) -> None: ...


class Engine(Protocol):
    """Times in milliseconds. Errors of evaluation and parsing are NarthexErrors whose text is what users see."""

    def instant(self, storage: Queryable, expr: str, time_ms: int) -> Outcome: ...

    def range(self, storage: Queryable, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one eval. `reason` is empty when it passed."""

    line: int
    expr: str
    reason: str

    @property
    def passed(self) -> bool:
        return not self.reason


def run_script(commands: list[Command], engine: Engine, new_storage: Callable[[], Storage]) -> Iterator[Verdict]:
    """Gives a verdict for each eval, in order of the script."""
    run = _Run(engine, new_storage)
    try:
        for command in commands:
            match command:
                case Clear():
                    run.clear()
                case Load():
                    run.load(command)
                case Eval():
                    yield Verdict(command.line, command.expr, run.eval(command) or "")
    finally:
        run.storage.close()


class _Run:
    def __init__(self, engine: Engine, new_storage: Callable[[], Storage]) -> None:
        self.engine, self.new_storage = engine, new_storage
        self.storage = new_storage()
        self.broken = ""

    def clear(self) -> None:
        self.storage.close()
        self.storage = self.new_storage()
        self.broken = ""

    def load(self, command: Load) -> None:
        """A load that fails makes every eval fail until the next clear."""
        try:
            load(command, self.storage)
        except NarthexError as e:
            self.broken = f"the load on line {command.line} failed: {e}"

    def eval(self, command: Eval) -> str | None:
        if self.broken:
            return self.broken
        try:
            expr = parse_expr(command.expr, OPTIONS)
        except PromQLError as e:
            return f"does not parse: {e}"
        if command.is_range:
            outcome, failure = self.answer(command, command.expr, None)
            return failure if outcome is None else self.compare(command, outcome)
        forms = [(command.expr, command.end_ms), *pinned_forms(expr, command.end_ms)]
        for text, time_ms in forms:
            problem = self.instant(command, text, time_ms)
            if problem is not None:
                same = text == command.expr and time_ms == command.end_ms
                return problem if same else f"as {text} at {time_ms} ms: {problem}"
        return None

    def answer(self, command: Eval, text: str, time_ms: int | None) -> tuple[Outcome | None, str | None]:
        """The outcome, or None and why there is none; no reason when failing was expected."""
        failing = command.expects(ExpectationKind.FAIL)
        try:
            if time_ms is None:
                outcome = self.engine.range(self.storage, text, command.start_ms, command.end_ms, command.step_ms)
            else:
                outcome = self.engine.instant(self.storage, text, time_ms)
        except NarthexError as e:
            if not failing:
                return None, f"evaluation failed: {e}"
            if not failing[0].matches(str(e)):
                return None, f"expected an error with {failing[0]}, got: {e}"
            return None, None
        except Exception as e:  # a bug of the engine is a failed eval, not the end of the run
            return None, f"the engine broke: {type(e).__name__}: {e}"
        if failing:
            return None, "expected an error but got a result"
        return outcome, None

    def compare(self, command: Eval, outcome: Outcome) -> str | None:
        return compare_annotations(command, outcome) or compare_value(command, outcome.value)

    def instant(self, command: Eval, text: str, time_ms: int) -> str | None:
        outcome, failure = self.answer(command, text, time_ms)
        if outcome is None:
            return failure
        problem = self.compare(command, outcome)
        excluded = command.range_vector or command.string is not None or depends_on_query_range(text)
        if problem is not None or excluded or isinstance(outcome.value, Text | Matrix):
            return problem
        problem = self.in_range(command, text, time_ms, isinstance(outcome.value, Scalar))
        return None if problem is None else f"as a range query: {problem}"

    def in_range(self, command: Eval, text: str, time_ms: int, scalar: bool) -> str | None:
        """The same as the middle step of a range query."""
        try:
            outcome = self.engine.range(self.storage, text, time_ms - _AROUND_MS, time_ms + _AROUND_MS, _AROUND_MS)
        except NarthexError as e:
            return f"evaluation failed: {e}"
        except Exception as e:
            return f"the engine broke: {type(e).__name__}: {e}"
        if command.expects(ExpectationKind.ORDERED):
            return None
        matrix = outcome.value
        if not isinstance(matrix, Matrix):
            return f"gave a {type(matrix).__name__.lower()}, not a matrix"
        problem = check_sorted(matrix)
        if problem is not None:
            return problem
        samples = [(labels, value) for labels, points in matrix.series for t, value in points if t == time_ms]
        if not scalar:
            return compare_value(command, Vector(tuple(samples)))
        if len(samples) != 1 or not isinstance(samples[0][1], float):
            return f"a scalar gave {len(samples)} samples"
        return compare_value(command, Scalar(samples[0][1]))
