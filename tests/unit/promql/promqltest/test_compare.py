from __future__ import annotations

from dataclasses import replace

import pytest

from narthex.model.labels import Labels
from narthex.model.number import STALE_NAN
from narthex.promql.promqltest.commands import Eval
from narthex.promql.promqltest.compare import (
    almost_equal,
    compare_annotations,
    compare_value,
    same_histogram,
)
from narthex.promql.promqltest.outcome import Matrix, Outcome, Scalar, Text, Value, Vector
from narthex.promql.promqltest.script import parse_script
from narthex.promql.syntax.histogram_literal import HistogramLiteral

NAN = float("nan")
INF = float("inf")
A, B = Labels({"l": "a"}), Labels({"l": "b"})


def command(text: str) -> Eval:
    (only,) = parse_script(text)
    assert isinstance(only, Eval)
    return only


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1.0, 1.0, True),
        (1.0, 1.0 + 1e-6, True),
        (1.0, 1.00001, False),
        (0.0, 1e-300, False),
        (0.0, 1e-320, True),
        (NAN, NAN, True),
        (STALE_NAN, STALE_NAN, True),
        (STALE_NAN, NAN, False),
        (INF, INF, True),
        (INF, -INF, False),
        (1.7e308, 1.6e308, False),
        (NAN, 1.0, False),
    ],
)
def test_tolerance(a: float, b: float, equal: bool) -> None:
    assert almost_equal(a, b) is equal
    assert almost_equal(b, a) is equal


VECTOR = 'eval instant at 0 foo\n  {l="a"} 1\n  {l="b"} 2'
ORDERED = VECTOR.replace("foo\n", "foo\n  expect ordered\n")
RANGE = 'eval range from 0 to 2m step 1m foo\n  {l="a"} 1 _ 3\n  {l="b"} _ 5'


@pytest.mark.parametrize(
    ("text", "value", "problem"),
    [
        (VECTOR, Vector(((B, 2.0), (A, 1.0))), None),
        (VECTOR, Vector(((A, 1.0),)), "not found"),
        (VECTOR, Vector(((A, 1.0), (B, 3.0))), "expected 2 for"),
        (VECTOR, Vector(((A, 1.0), (B, 2.0), (Labels(), 1.0))), "unexpected series"),
        (VECTOR, Vector(((A, 1.0), (A, 1.0), (B, 2.0))), "twice"),
        (VECTOR, Scalar(1.0), "got scalar"),
        (VECTOR, Vector(((A, HistogramLiteral()), (B, 2.0))), "histogram"),
        (ORDERED, Vector(((A, 1.0), (B, 2.0))), None),
        (ORDERED, Vector(((B, 2.0), (A, 1.0))), "position"),
        ("eval instant at 0 1\n  5", Scalar(5.0), None),
        ("eval instant at 0 1\n  5", Scalar(6.0), "expected scalar"),
        ("eval instant at 0 1\n  5", Vector(()), "expected a scalar"),
        ("eval instant at 0 1\n  expect string 'x'", Text("x"), None),
        ("eval instant at 0 1\n  expect string 'x'", Text("y"), "expected string"),
        ("eval instant at 0 1\n  expect string 'x'", Vector(()), "expected a string"),
        (RANGE, Matrix(((A, ((0, 1.0), (120_000, 3.0))), (B, ((60_000, 5.0),)))), None),
        (RANGE, Matrix(((B, ((60_000, 5.0),)), (A, ((0, 1.0), (120_000, 3.0))))), "not sorted"),
        (RANGE, Matrix(((A, ((0, 1.0), (60_000, 3.0))), (B, ((60_000, 5.0),)))), "expected 2 points"),
        (RANGE, Matrix(((A, ((0, 1.0), (120_000, 4.0))), (B, ((60_000, 5.0),)))), "expected 3 at t=120000ms"),
        (RANGE, Matrix(((A, ((0, 1.0), (120_000, 3.0))),)), "not found"),
        (VECTOR, Matrix(((A, ((0, 1.0),)),)), "expect range vector"),
    ],
)
def test_values_are_held_against_the_script(text: str, value: Value, problem: str | None) -> None:
    got = compare_value(command(text), value)
    assert got is None if problem is None else got is not None and problem in got


@pytest.mark.parametrize(
    ("lines", "warnings", "problem"),
    [
        ("", ("stray",), None),
        ("  expect warn\n", (), "none were found"),
        ("  expect warn\n", ("any", "other"), None),
        ("  expect warn msg: any\n", ("any", "other"), "unexpected warn annotation 'other'"),
        ("  expect warn msg: any\n  expect warn msg: more\n", ("any",), "matching message 'more'"),
        ("  expect warn regex: a.y\n", ("many",), None),
        ("  expect no_warn\n", ("any",), "unexpected warn annotations"),
        ("  expect no_warn\n", (), None),
    ],
)
def test_annotations_are_held_against_the_script(lines: str, warnings: tuple[str, ...], problem: str | None) -> None:
    got = compare_annotations(command(f"eval instant at 0 foo\n{lines}"), Outcome(Vector(()), warnings))
    assert got is None if problem is None else got is not None and problem in got


def test_histograms_compare_layout_exactly_and_numbers_almost() -> None:
    one = HistogramLiteral(schema=0, sum=5, count=3, positive=((1, 1.0), (2, 0.0), (3, 2.0)))
    assert same_histogram(one, replace(one, positive=((1, 1.0), (3, 2.0 + 1e-7)), hint="gauge"))
    assert not same_histogram(one, replace(one, schema=1))
    assert not same_histogram(one, replace(one, positive=((1, 1.0), (4, 2.0))))
    assert not same_histogram(one, replace(one, zero_threshold=0.1))
    assert not same_histogram(replace(one, hint="reset", hint_written=True), replace(one, hint="gauge"))
    assert not same_histogram(replace(one, hint_written=True), replace(one, hint="gauge"))
    custom = HistogramLiteral(schema=-53, custom_values=(1.0, 2.0))
    assert not same_histogram(custom, replace(custom, custom_values=(1.0, 3.0)))
