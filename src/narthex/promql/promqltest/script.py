"""Script text to commands. A line whose first character is # is a comment; a blank or comment line ends a block."""

from __future__ import annotations

import re

from narthex.errors import MatcherError, PromQLError, PromQLScriptError
from narthex.model.duration import parse_duration
from narthex.model.regex import compile_regex
from narthex.promql.promqltest.commands import (
    Clear,
    Command,
    Eval,
    ExpectationKind,
    ExpectedSeries,
    Load,
    LoadedSeries,
)
from narthex.promql.promqltest.expectations import Expectation, parse_expectation
from narthex.promql.promqltest.start_times import is_start_time_line, parse_start_offsets
from narthex.promql.syntax.literals import LiteralError, parse_number, scan_string
from narthex.promql.syntax.series import SeriesDescription, parse_metric, parse_series

_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(.+?)")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)")
_RANGE_VECTOR = re.compile(r"expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)")
_NUMBER = re.compile(r"[+-]?(?:[0-9.][0-9A-Za-z_.+-]*|inf|nan)", re.IGNORECASE)
_STRING_PREFIX = "expect string"


def parse_script(text: str, file: str = "script") -> list[Command]:
    """Raises PromQLScriptError with file and line."""
    return _Script(text, file).commands()


class _Script:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = ["" if line.strip().startswith("#") else line.strip() for line in text.split("\n")]
        self.index = 0

    def fail(self, message: str, line: int | None = None) -> PromQLScriptError:
        return PromQLScriptError(self.file, self.index + 1 if line is None else line, message)

    def commands(self) -> list[Command]:
        out: list[Command] = []
        while self.index < len(self.lines):
            line = self.lines[self.index]
            if line:
                out.append(self.command(line))
            self.index += 1
        return out

    def command(self, line: str) -> Command:
        word = line.split(maxsplit=1)[0].lower()
        if word == "clear":
            return Clear(self.index + 1)
        if word.startswith("load"):
            return self.load(line)
        if word.startswith("eval"):
            return self.eval(line)
        raise self.fail(f"invalid command {line!r}: expected load, clear or eval")

    def block(self) -> list[tuple[int, str]]:
        """The lines that follow, up to a blank one: numbers and texts. Afterwards the index is on the last of them."""
        out = []
        while self.index + 1 < len(self.lines) and self.lines[self.index + 1]:
            self.index += 1
            out.append((self.index + 1, self.lines[self.index]))
        return out

    def load(self, line: str) -> Load:
        start = self.index + 1
        m = _LOAD.fullmatch(line)
        if m is None:
            raise self.fail("invalid load command, expected: load[_with_nhcb] <step>")
        step = self.duration(m[2], "step")
        series: list[LoadedSeries] = []
        pending: tuple[int, SeriesDescription, tuple[int | None, ...]] | None = None
        for number, text in self.block():
            if is_start_time_line(text):
                if pending is not None:
                    raise self.fail("@st line has no following sample line", pending[0])
                pending = self.start_times(number, text)
                continue
            description = self.series(number, text)
            offsets = None
            if pending is not None:
                offsets = pending[2]
                if pending[1].labels != description.labels:
                    raise self.fail("@st metric does not match the following sample line metric", pending[0])
                if len(offsets) != len(description.values):
                    counts = f"{len(offsets)} values but sample line has {len(description.values)}"
                    raise self.fail(f"@st line has {counts}", pending[0])
                pending = None
            series.append(LoadedSeries(number, description.labels, description.values, offsets))
        if pending is not None:
            raise self.fail("@st line has no following sample line", pending[0])
        return Load(start, step, tuple(series), m[1] is not None)

    def start_times(self, number: int, text: str) -> tuple[int, SeriesDescription, tuple[int | None, ...]]:
        head, offsets = text.split(maxsplit=1)
        try:
            labels = parse_metric(head.removesuffix("@st"))
            return number, SeriesDescription(labels, ()), parse_start_offsets(offsets)
        except PromQLError as e:
            raise self.fail(f"invalid @st line: {e.message}", number) from None

    def series(self, number: int, text: str) -> SeriesDescription:
        try:
            return parse_series(text)
        except PromQLError as e:
            raise self.fail(f"{e.column}: {e.message}", number) from None

    def duration(self, text: str, what: str) -> int:
        try:
            return parse_duration(text)
        except ValueError as e:
            raise self.fail(f"invalid {what} definition {text!r}: {e}") from None

    def times(self, start: str, end: str, step: str) -> tuple[int, int, int]:
        first, last = self.duration(start, "start timestamp"), self.duration(end, "end timestamp")
        if last < first:
            raise self.fail(f"end timestamp ({end}) is before start timestamp ({start})")
        return first, last, self.duration(step, "step")

    def eval(self, line: str) -> Eval:
        number = self.index + 1
        instant = _INSTANT.fullmatch(line)
        if instant is not None:
            at = self.duration(instant[2], "timestamp") if instant[2] else 0
            return self.expected(_Eval(number, instant[3], False, at, at, 0), instant[1])
        m = _RANGE.fullmatch(line)
        if m is None:
            raise self.fail(
                "invalid eval command, expected: eval instant [at <time>] <query>"
                " or eval range from <time> to <time> step <step> <query>"
            )
        return self.expected(_Eval(number, m[5], True, *self.times(m[2], m[3], m[4])), m[1])

    def expected(self, eval_: _Eval, suffix: str | None) -> Eval:
        """Reads the lines below an eval."""
        if suffix is not None:
            eval_.expectations.append(Expectation(ExpectationKind(suffix)))
        position = 0
        for number, text in self.block():
            if text.split(maxsplit=1)[0] == "expect" or text.startswith("expected_fail_"):
                self.expectation(eval_, number, text, suffix == "fail")
                continue
            position += 1
            if _NUMBER.fullmatch(text):
                eval_.scalar = self.number(number, text)
                continue
            description = self.series(number, text)
            if len(description.values) > 1 and not eval_.is_range and not eval_.range_vector:
                raise self.fail("several values for an instant evaluation need an `expect range vector` line", number)
            eval_.series.append(ExpectedSeries(number, position, description.labels, description.values))
        return eval_.frozen()

    def number(self, line: int, text: str) -> float:
        try:
            value = parse_number(text.lstrip("+-"))
        except LiteralError as e:
            raise self.fail(str(e), line) from None
        return -value if text.startswith("-") else value

    def expectation(self, eval_: _Eval, number: int, text: str, deprecated_fail: bool) -> None:
        if text.startswith("expected_fail_"):
            self.deprecated_fail(eval_, number, text, deprecated_fail)
        elif text.startswith("expect range vector"):
            m = _RANGE_VECTOR.fullmatch(text)
            if m is None:
                raise self.fail(f"invalid range vector definition {text!r}", number)
            eval_.start_ms, eval_.end_ms, eval_.step_ms = self.times(m[1], m[2], m[3])
            eval_.range_vector = True
        elif text.startswith(_STRING_PREFIX):
            eval_.string = self.string(number, text.removeprefix(_STRING_PREFIX).strip())
        else:
            try:
                eval_.expectations.append(parse_expectation(text))
                eval_.check_expectations()
            except (ValueError, MatcherError) as e:
                raise self.fail(str(e), number) from None

    def string(self, number: int, text: str) -> str:
        try:
            if text[:1] in ('"', "'", "`"):
                end, value = scan_string(text, 0)
                if end == len(text):
                    return value
        except LiteralError:
            pass
        raise self.fail("expected string literal not valid: a quoted string is required", number)

    def deprecated_fail(self, eval_: _Eval, number: int, text: str, allowed: bool) -> None:
        word, _, rest = text.partition(" ")
        if not allowed or word not in ("expected_fail_message", "expected_fail_regexp"):
            raise self.fail(f"{word} belongs below an eval_fail", number)
        try:
            if word == "expected_fail_message":
                expectation = Expectation(ExpectationKind.FAIL, message=rest.strip())
            else:
                pattern = compile_regex(f".*(?:{rest.strip()}).*")
                expectation = Expectation(ExpectationKind.FAIL, pattern=pattern)
        except MatcherError as e:
            raise self.fail(str(e), number) from None
        eval_.expectations[:] = [expectation]


class _Eval:
    """An eval while its block is read."""

    def __init__(self, line: int, expr: str, is_range: bool, start_ms: int, end_ms: int, step_ms: int) -> None:
        self.line, self.expr, self.is_range = line, expr, is_range
        self.start_ms, self.end_ms, self.step_ms = start_ms, end_ms, step_ms
        self.series: list[ExpectedSeries] = []
        self.scalar: float | None = None
        self.string: str | None = None
        self.range_vector = False
        self.expectations: list[Expectation] = []

    def check_expectations(self) -> None:
        kinds = [e.kind for e in self.expectations]
        if ExpectationKind.INFO in kinds and ExpectationKind.NO_INFO in kinds:
            raise ValueError("invalid expect lines, info and no_info cannot be used together")
        if ExpectationKind.WARN in kinds and ExpectationKind.NO_WARN in kinds:
            raise ValueError("invalid expect lines, warn and no_warn cannot be used together")
        if kinds.count(ExpectationKind.FAIL) > 1:
            raise ValueError("invalid expect lines, multiple expect fail lines are not allowed")

    def frozen(self) -> Eval:
        return Eval(
            self.line,
            self.expr,
            self.is_range,
            self.start_ms,
            self.end_ms,
            self.step_ms,
            tuple(self.series),
            self.scalar,
            self.string,
            self.range_vector,
            tuple(self.expectations),
        )
