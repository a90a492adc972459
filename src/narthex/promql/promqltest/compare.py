"""Holds an answer against what a script expects. Every function gives the reason of a mismatch, or None."""

from __future__ import annotations

import math
from collections.abc import Sequence

from narthex.model.labels import METRIC_NAME, Labels, is_metric_name
from narthex.model.number import format_float, is_stale
from narthex.promql.promqltest.commands import Eval, Expectation, ExpectationKind
from narthex.promql.promqltest.outcome import Matrix, Outcome, SampleValue, Scalar, Text, Value, Vector
from narthex.promql.syntax.histogram_literal import CUSTOM_BUCKETS, HistogramLiteral
from narthex.promql.syntax.series import SequenceValue

_EPSILON = 1e-6
_MIN_NORMAL = 2.2250738585072014e-308
_MAX_FLOAT = 1.7976931348623157e308


def almost_equal(a: float, b: float) -> bool:
    """Equal up to a relative error of 1e-6. NaN equals NaN, a stale marker only a stale marker."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b) and is_stale(a) == is_stale(b)
    if a == b:
        return True
    total, difference = abs(a) + abs(b), abs(a - b)
    if a == 0 or b == 0 or total < _MIN_NORMAL:
        return difference < _EPSILON * _MIN_NORMAL
    return difference / min(total, _MAX_FLOAT) < _EPSILON


def same_histogram(expected: HistogramLiteral, got: HistogramLiteral) -> bool:
    """Layout exact after empty buckets are dropped, numbers almost equal; the hint only where the script gives one."""
    return (
        expected.schema == got.schema
        and expected.zero_threshold == got.zero_threshold
        and (expected.schema != CUSTOM_BUCKETS or expected.custom_values == got.custom_values)
        and almost_equal(expected.count, got.count)
        and almost_equal(expected.sum, got.sum)
        and almost_equal(expected.zero_count, got.zero_count)
        and _same_buckets(expected.positive, got.positive)
        and _same_buckets(expected.negative, got.negative)
        and (not expected.hint_written or expected.hint == got.hint)
    )


def _same_buckets(expected: Sequence[tuple[int, float]], got: Sequence[tuple[int, float]]) -> bool:
    left, right = {i: n for i, n in expected if n != 0}, {i: n for i, n in got if n != 0}
    return left.keys() == right.keys() and all(almost_equal(n, right[i]) for i, n in left.items())


def compare_annotations(command: Eval, outcome: Outcome) -> str | None:
    for expected_kind, forbidden_kind, texts in (
        (ExpectationKind.WARN, ExpectationKind.NO_WARN, outcome.warnings),
        (ExpectationKind.INFO, ExpectationKind.NO_INFO, outcome.infos),
    ):
        problem = _compare_texts(expected_kind.value, command.expects(expected_kind), texts)
        if problem is not None:
            return problem
        if command.expects(forbidden_kind) and texts:
            return f"unexpected {expected_kind.value} annotations: {_listed(texts)}"
    return None


def _compare_texts(kind: str, expected: Sequence[Expectation], texts: Sequence[str]) -> str | None:
    if not expected:
        return None
    if not texts:
        return f"expected {kind} annotations but none were found"
    for expectation in expected:
        if not any(expectation.matches(text) for text in texts):
            return f"expected {kind} annotation matching {expectation}, found: {_listed(texts)}"
    for text in texts:
        if not any(expectation.matches(text) for expectation in expected):
            return f"unexpected {kind} annotation {text!r}"
    return None


def _listed(texts: Sequence[str]) -> str:
    return "; ".join(texts)


def compare_value(command: Eval, value: Value) -> str | None:
    match value:
        case Matrix():
            return _compare_matrix(command, value)
        case Vector():
            return _compare_vector(command, value)
        case Scalar():
            if command.scalar is None:
                return f"expected a vector or matrix, got scalar {format_float(value.value)}"
            if not almost_equal(command.scalar, value.value):
                return f"expected scalar {format_float(command.scalar)}, got {format_float(value.value)}"
        case Text():
            if command.string != value.value:
                return f"expected string {command.string!r}, got {value.value!r}"
    return None


def _compare_vector(command: Eval, vector: Vector) -> str | None:
    if command.scalar is not None:
        return "expected a scalar, got a vector"
    if command.string is not None:
        return "expected a string, got a vector"
    expected = {series.labels: series for series in command.series}
    ordered = bool(command.expects(ExpectationKind.ORDERED))
    seen: set[Labels] = set()
    for position, (labels, value) in enumerate(vector.samples, 1):
        series = expected.get(labels)
        if series is None:
            return f"unexpected series {show_labels(labels)} with value {show_value(value)}"
        if labels in seen:
            return f"series {show_labels(labels)} occurs twice"
        if ordered and series.position != position:
            return f"expected {show_labels(labels)} at position {series.position} but it was at {position}"
        want = series.values[0] if series.values else None
        if not same_value(0.0 if want is None else want, value):
            return f"expected {show_value(want)} for {show_labels(labels)}, got {show_value(value)}"
        seen.add(labels)
    missing = next((labels for labels in expected if labels not in seen), None)
    return None if missing is None else f"expected series {show_labels(missing)} not found"


def _compare_matrix(command: Eval, matrix: Matrix) -> str | None:
    if command.scalar is not None:
        return "expected a scalar, got a matrix"
    if command.string is not None:
        return "expected a string, got a matrix"
    if command.expects(ExpectationKind.ORDERED):
        return "expected an ordered result, got a matrix"
    if not command.is_range and not command.range_vector and (matrix.series or command.series):
        return "got a range vector where the script has no `expect range vector` line"
    problem = check_sorted(matrix)
    if problem is not None:
        return problem
    expected = {series.labels: series for series in command.series}
    seen: set[Labels] = set()
    for labels, points in matrix.series:
        series = expected.get(labels)
        if series is None:
            return f"unexpected series {show_labels(labels)} with {_show_points(points)}"
        seen.add(labels)
        steps = [command.start_ms + i * command.step_ms for i in range(len(series.values))]
        if steps and steps[-1] > command.end_ms:
            return f"{len(steps)} points expected for {show_labels(labels)}, more than the time range can give"
        want = [(t, v) for t, v in zip(steps, series.values, strict=True) if v is not None]
        problem = _compare_points(want, points)
        if problem is not None:
            return f"{show_labels(labels)}: {problem}"
    missing = next((labels for labels in expected if labels not in seen), None)
    return None if missing is None else f"expected series {show_labels(missing)} not found"


def _compare_points(want: Sequence[tuple[int, SampleValue]], got: Sequence[tuple[int, SampleValue]]) -> str | None:
    if [t for t, _ in want] != [t for t, _ in got]:
        return f"expected {_show_points(want)}, got {_show_points(got)}"
    for (t, expected), (_, value) in zip(want, got, strict=True):
        if not same_value(expected, value):
            return f"expected {show_value(expected)} at t={t}ms, got {show_value(value)} (all: {_show_points(got)})"
    return None


def same_value(expected: SampleValue, got: SampleValue) -> bool:
    if isinstance(expected, HistogramLiteral):
        return isinstance(got, HistogramLiteral) and same_histogram(expected, got)
    return not isinstance(got, HistogramLiteral) and almost_equal(expected, got)


def check_sorted(matrix: Matrix) -> str | None:
    """Range results are sorted by labels and hold each series once."""
    for (left, _), (right, _) in zip(matrix.series, matrix.series[1:], strict=False):
        if left == right:
            return f"series {show_labels(left)} occurs twice"
        if not left < right:
            return f"matrix is not sorted by labels: {show_labels(left)} stands before {show_labels(right)}"
    return None


def show_labels(labels: Labels) -> str:
    name = labels.get(METRIC_NAME, "")
    if not name or not is_metric_name(name):
        return str(labels)
    rest = labels.without(METRIC_NAME)
    return f"{name}{rest}" if rest else name


def show_value(value: SequenceValue) -> str:
    if value is None:
        return "_"
    if isinstance(value, HistogramLiteral):
        return f"histogram (schema {value.schema}, count {value.count}, sum {value.sum}, {len(value.positive)} buckets)"
    return "stale" if is_stale(value) else format_float(value)


def _show_points(points: Sequence[tuple[int, SampleValue]]) -> str:
    shown = " ".join(f"{show_value(v)}@{t}" for t, v in points[:12])
    return f"{len(points)} points [{shown}{' ...' if len(points) > 12 else ''}]"
