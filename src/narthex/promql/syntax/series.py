"""Series descriptions of test scripts and rule unit tests: `name{label="x"} 1 2+3x4 _ stale {{sum:1}}x2`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from narthex.errors import PromQLError
from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.number import STALE_NAN
from narthex.promql.syntax.cursor import Cursor
from narthex.promql.syntax.histogram_literal import HistogramLiteral, parse_histogram
from narthex.promql.syntax.lexer import EOF, IDENTIFIER, METRIC_IDENTIFIER, STRING, series_head_end
from narthex.promql.syntax.literals import LiteralError, parse_number
from narthex.promql.syntax.words import METRIC_WORDS

SequenceValue = float | HistogramLiteral | None
"""One step of a sequence; None is a gap."""

MAX_VALUES = 10_000_000
"""Values that one description may stand for."""

_NUMBER = r"(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[iI][nN][fF]|[nN][aA][nN])"
_ITEM = re.compile(
    r"(?:(?P<gap>_)|(?P<stale>stale)"
    rf"|(?P<value>[+-]?{_NUMBER})(?P<step>[+-]{_NUMBER})?"
    r"|\{\{(?P<histogram>[^{}]*)\}\}(?:(?P<sign>[+-])\{\{(?P<increment>[^{}]*)\}\})?)"
    r"(?:x(?P<times>[0-9]+))?(?=\s|$)"
)
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class SeriesDescription:
    """`values[i]` belongs to step i."""

    labels: Labels
    values: tuple[SequenceValue, ...]


def parse_series(text: str) -> SeriesDescription:
    """Raises PromQLError with positions in `text`."""
    head = series_head_end(text)
    return SeriesDescription(_parse_labels(text, head), parse_sequence(text, head))


def parse_metric(text: str) -> Labels:
    """A label set: `name{a="b"}`, either part alone, or quoted names in the braces. Raises PromQLError."""
    return _parse_labels(text, len(text))


def _parse_labels(text: str, end: int) -> Labels:
    cursor = Cursor(text[:end])
    pairs: dict[str, str] = {}
    if cursor.kind in (IDENTIFIER, METRIC_IDENTIFIER) or cursor.kind in METRIC_WORDS:
        pairs[METRIC_NAME] = cursor.take().text
    if cursor.accept("{"):
        while cursor.kind != "}":
            _parse_pair(cursor, pairs)
            if not cursor.accept(",") and cursor.kind != "}":
                cursor.unexpected("label set", '"," or "}"')
        cursor.index += 1
    if cursor.kind != EOF:
        cursor.unexpected()
    return Labels(pairs)


def _parse_pair(cursor: Cursor, pairs: dict[str, str]) -> None:
    if cursor.kind not in (IDENTIFIER, STRING):
        cursor.unexpected("label set", 'identifier or "}"')
    name = cursor.take()
    if not cursor.accept("="):
        if name.kind == IDENTIFIER:
            cursor.unexpected("label set", '"="')
        pairs[METRIC_NAME] = name.text
        return
    pairs[name.text] = cursor.expect(STRING, "label set", "string").text


def parse_sequence(text: str, start: int = 0) -> tuple[SequenceValue, ...]:
    """The values from `start` on. Raises PromQLError."""
    out: list[SequenceValue] = []
    at = start
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches always
        if at == len(text):
            return tuple(out)
        item = _ITEM.match(text, at)
        if item is None:
            raise PromQLError("not a value of a series: see the sequence notation", text, at, len(text))
        try:
            out += _expand(item, MAX_VALUES - len(out))
        except LiteralError as e:
            raise PromQLError(str(e), text, at, item.end()) from None
        at = item.end()


def _expand(item: re.Match[str], room: int) -> list[SequenceValue]:
    times = int(item["times"][:12]) if item["times"] else 0
    if times >= room:
        raise LiteralError(f"series stands for more than {MAX_VALUES} values")
    if item["gap"]:
        return [None] * (times if item["times"] else 1)
    if item["stale"]:
        return [STALE_NAN] * (times + 1)
    if item["value"]:
        return _numbers(_signed(item["value"]), _signed(item["step"]) if item["step"] else 0.0, times)
    first = parse_histogram(item["histogram"])
    if item["increment"] is None:
        return [first] * (times + 1)
    step = parse_histogram(item["increment"])
    first = replace(first, hint_written=step.hint_written)
    return _histograms(first, step, 1.0 if item["sign"] == "+" else -1.0, times)


def _numbers(value: float, step: float, times: int) -> list[SequenceValue]:
    out: list[SequenceValue] = [value]
    for _ in range(times):
        value += step
        out.append(value)
    return out


def _histograms(value: HistogramLiteral, step: HistogramLiteral, sign: float, times: int) -> list[SequenceValue]:
    out: list[SequenceValue] = [value]
    for _ in range(times):
        value = value.plus(step, sign)
        out.append(value)
    return out


def _signed(text: str) -> float:
    value = parse_number(text[1:] if text[0] in "+-" else text)
    return -value if text[0] == "-" else value
