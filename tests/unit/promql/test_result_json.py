"""Numbers and times in answers are written as Prometheus writes them."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from narthex.native import format_value, matrix_json, point_json, samples_json, text_json, vector_json
from narthex.promql.result import QueryResult
from narthex.promql.syntax import ValueType
from narthex.promql.workers import Workers
from support.cells import label_sets, matrix_of

CASES = {
    0.0: "0",
    1.0: "1",
    -1234567.0: "-1234567",
    0.1: "0.1",
    -0.000123: "-0.000123",
    1e-6: "0.000001",
    9.99e-7: "9.99e-7",
    1.5e-10: "1.5e-10",
    5e-324: "5e-324",
    1e20: "100000000000000000000",
    1e21: "1e+21",
    1.7976931348623157e308: "1.7976931348623157e+308",
    123456789012345680.0: "123456789012345680",
    0.30000000000000004: "0.30000000000000004",
    math.inf: "+Inf",
    -math.inf: "-Inf",
}


@pytest.mark.parametrize(("value", "text"), CASES.items(), ids=str)
def test_known_numbers(value: float, text: str) -> None:
    assert format_value(value) == text


def test_nan_is_a_word_and_zero_keeps_its_sign() -> None:
    assert format_value(math.nan) == "NaN"
    assert format_value(-0.0) == "-0"


@given(st.one_of(st.floats(allow_nan=False), st.decimals(-(10**7), 10**7, places=5).map(float)))
@example(1e15)
@example(999999.999999)
@example(0.1 + 0.2)
@example(123.4567)
def test_numbers_read_back_and_are_as_short_as_can_be(value: float) -> None:
    text = format_value(value)
    assert float(text.replace("Inf", "inf")) == value
    if math.isfinite(value):
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", text)
        assert ("e" in text) is (value != 0 and not 1e-6 <= abs(value) < 1e21)

        def digits(t: str) -> str:
            return t.lstrip("-").partition("e")[0].replace(".", "").strip("0")

        assert digits(text) == digits(repr(value))


def test_times_have_three_decimals_or_none() -> None:
    assert point_json(1_435_781_430_781, 1.0) == b'[1435781430.781,"1"]'
    assert point_json(1_000, 1.0) == b'[1,"1"]'
    assert point_json(1_050, 1.0) == b'[1.050,"1"]'
    assert point_json(-1_500, 1.0) == b'[-1.500,"1"]'
    assert text_json(0, 'a"b\n\x01') == b'[0,"a\\"b\\n\\u0001"]'


def test_absent_cells_and_empty_rows_are_left_out() -> None:
    rows = label_sets([{"a": "1"}, {"a": "2"}, {"a": "3"}])
    cells = matrix_of([[None, 1.0], [None, None], [2.0, math.nan]], 2)
    assert json.loads(matrix_json(rows, cells, 0, 1000)) == [
        {"metric": {"a": "1"}, "values": [[1, "1"]]},
        {"metric": {"a": "3"}, "values": [[0, "2"], [1, "NaN"]]},
    ]
    assert matrix_json(rows, matrix_of([[None]] * 3, 1), 0, 1000) == b"[]"
    first = np.ascontiguousarray(cells[:, :1])
    assert json.loads(vector_json(rows, first, 5000)) == [{"metric": {"a": "3"}, "value": [5, "2"]}]


@given(st.lists(st.sampled_from([None, 1.0, -0.0, 0.0, 0.25, 1 / 3, math.nan, math.inf, 1e300]), max_size=30))
def test_values_that_come_again_are_written_again(row: list[float | None]) -> None:
    answer = json.loads(matrix_json(label_sets([{"a": "1"}]), matrix_of([row], len(row)), 1000, 1000))
    expected = [[i + 1, format_value(v)] for i, v in enumerate(row) if v is not None]
    assert answer == ([{"metric": {"a": "1"}, "values": expected}] if expected else [])


@given(st.integers(1, 40), st.integers(1, 12))
def test_the_parts_of_a_matrix_make_the_whole(rows: int, pieces: int) -> None:
    labels = label_sets([{"a": str(i)} for i in range(rows)])
    cells = matrix_of([[None, float(i)] for i in range(rows)], 2)
    ends = sorted({rows * k // pieces for k in range(pieces + 1)})
    parts = [matrix_json(labels, cells, 0, 1000, None, first, last) for first, last in pairwise(ends)]
    assert b"".join(parts) == matrix_json(labels, cells, 0, 1000)


def test_large_results_are_written_by_several_threads() -> None:
    labels = label_sets([{"a": str(i)} for i in range(30)])
    cells = np.arange(30 * 400, dtype=np.float64).reshape(30, 400)
    result = QueryResult(ValueType.MATRIX, 0, 1000, labels, cells)
    workers = Workers(3)
    parts = result.result_json(workers)
    workers.close()
    assert len(parts) == 12
    assert b"".join(parts) == b"".join(result.result_json()) == matrix_json(labels, cells, 0, 1000)


def test_raw_samples_keep_their_times_and_rows_without_any_are_left_out() -> None:
    rows = label_sets([{"a": "1"}, {"a": "2"}, {"a": "3"}])
    offsets = np.array([0, 2, 2, 3], dtype=np.uint64)
    times, values = np.array([1, 2500, -7], dtype=np.int64), np.array([0.5, 0.5, math.inf])
    assert samples_json(rows, offsets, times, values) == (
        b'[{"metric":{"a":"1"},"values":[[0.001,"0.5"],[2.500,"0.5"]]},{"metric":{"a":"3"},"values":[[-0.007,"+Inf"]]}]'
    )
    assert samples_json(label_sets([]), np.zeros(1, dtype=np.uint64), times, values) == b"[]"


@pytest.mark.parametrize("offsets", [[0, 1], [0, 1, 1, 4], [0, 2, 1, 3], [0, 1, 2, 3, 3]])
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    rows = label_sets([{"a": "1"}, {"a": "2"}, {"a": "3"}])
    times, values = np.zeros(3, dtype=np.int64), np.zeros(3)
    with pytest.raises(ValueError, match="offsets do not fit"):
        samples_json(rows, np.array(offsets, dtype=np.uint64), times, values)
