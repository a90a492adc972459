from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from narthex.native import FloatHistogram
from narthex.template.printing import go_float

FIELDS: dict[str, Any] = {
    "schema": 3,
    "zero_threshold": 0.001,
    "zero_count": 2.0,
    "count": 15.0,
    "sum": 7.5,
    "hint": 2,
    "positive": [(-3, 4.0), (-2, 0.0), (5, 6.0)],
    "negative": [(0, 3.0)],
    "bounds": [],
}
CUSTOM: dict[str, Any] = {
    "schema": -53,
    "count": 3.0,
    "sum": 8.0,
    "positive": [(0, 1.0), (2, 2.0)],
    "bounds": [1.0, 5.0],
}


def test_a_value_gives_back_what_it_was_made_of() -> None:
    assert FloatHistogram(**FIELDS).plain() == FIELDS
    defaults = {"zero_threshold": 0.0, "zero_count": 0.0, "hint": 0, "negative": []}
    assert FloatHistogram(**CUSTOM).plain() == defaults | CUSTOM


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 9},
        {"schema": -10},
        {"hint": 4},
        {"positive": [(1, 1.0), (1, 1.0)]},
        {"positive": [(2**31 - 1, 1.0)]},
        {"negative": [(-(2**31) - 1, 1.0)]},
        {"bounds": [1.0]},
        {"schema": -53, "bounds": [1.0, 1.0]},
        {"schema": -53, "bounds": [1.0], "positive": [(2, 1.0)]},
        {"schema": -53, "bounds": [1.0], "zero_count": 1.0},
    ],
)
def test_a_value_that_storage_would_not_give_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        FloatHistogram(**wrong)


def test_compacting_drops_empty_buckets_alone() -> None:
    h = FloatHistogram(**FIELDS)
    h.compact()
    assert h.plain() == {**FIELDS, "positive": [(-3, 4.0), (5, 6.0)]}


def test_a_negative_factor_makes_a_gauge() -> None:
    h = FloatHistogram(**FIELDS)
    h.multiply(-2.0)
    assert h.plain()["negative"] == [(0, -6.0)]
    assert (h.plain()["sum"], h.plain()["zero_count"], h.plain()["hint"]) == (-15.0, -4.0, 3)


def test_division_by_zero_leaves_no_buckets() -> None:
    h = FloatHistogram(**{**FIELDS, "zero_count": 0.0})
    h.divide(0.0)
    got = h.plain()
    assert (got["count"], got["sum"], got["positive"], got["negative"]) == (math.inf, math.inf, [], [])
    assert math.isnan(got["zero_count"])


def test_equality_minds_every_number_but_the_hint() -> None:
    h = FloatHistogram(**FIELDS)
    assert h.equals(FloatHistogram(**{**FIELDS, "hint": 0}))
    for field, other in (("sum", 7.0), ("schema", 2), ("zero_threshold", 0.0), ("negative", [(1, 3.0)])):
        assert not h.equals(FloatHistogram(**{**FIELDS, field: other}))
    nan = FloatHistogram(**{**FIELDS, "sum": math.nan})
    assert nan.equals(nan.copy())


def test_a_value_counts_for_as_many_samples_as_it_has_sixteen_bytes() -> None:
    assert FloatHistogram(count=1.0, sum=1.0).samples == 11
    assert FloatHistogram(**FIELDS).samples == (176 + 8 * (3 + 4)) // 16


def test_the_text_shows_populated_buckets_in_order() -> None:
    h = FloatHistogram(
        schema=0,
        zero_threshold=0.75,
        zero_count=2.0,
        count=1234567.0,
        sum=-0.5,
        positive=[(0, 1e-05), (1, 0.0), (21, 100000.0)],
        negative=[(1, 3.0), (2, 4.5)],
    )
    assert str(h) == (
        "{count:1.234567e+06, sum:-0.5, [-4,-2):4.5, [-2,-1):3, [-0.75,0.75]:2, (0.5,1]:1e-05,"
        " (1.048576e+06,2.097152e+06]:100000}"
    )
    assert str(FloatHistogram(**CUSTOM)) == "{count:3, sum:8, [-Inf,1]:1, (5,+Inf]:2}"
    assert str(FloatHistogram(sum=math.nan)) == "{count:0, sum:NaN}"


@given(st.floats())
@example(1e6)
@example(999999.9)
@example(0.0001)
@example(-0.0)
def test_numbers_in_the_text_are_written_as_go_writes_them(v: float) -> None:
    assert str(FloatHistogram(sum=v)) == f"{{count:0, sum:{go_float(v)}}}"
