from __future__ import annotations

import math

import pytest

from narthex.errors import PromQLError
from narthex.model.labels import Labels
from narthex.model.number import is_stale
from narthex.promql.syntax.histogram_literal import HistogramLiteral
from narthex.promql.syntax.literals import LiteralError
from narthex.promql.syntax.series import parse_metric, parse_sequence, parse_series


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2 3", [1, 2, 3]),
        ("1x2", [1, 1, 1]),
        ("0+10x3", [0, 10, 20, 30]),
        ("10-2.5x2", [10, 7.5, 5]),
        ("-1-1x1 +5", [-1, -2, 5]),
        ("_ 1 _x3 2", [None, 1, None, None, None, 2]),
        ("1e3 .5 Inf -inf", [1000, 0.5, math.inf, -math.inf]),
        ("", []),
    ],
)
def test_sequences_expand(text: str, values: list[float | None]) -> None:
    assert list(parse_sequence(text)) == values


def test_stale_is_the_marker_and_nan_is_not() -> None:
    stale, nan = parse_sequence("stale NaN")
    assert isinstance(stale, float)
    assert isinstance(nan, float)
    assert is_stale(stale)
    assert math.isnan(nan)
    assert not is_stale(nan)


def test_series_have_labels_and_values() -> None:
    description = parse_series('http_requests{job="a b", path="/x{}"}  1 2')
    assert description.labels == Labels({"__name__": "http_requests", "job": "a b", "path": "/x{}"})
    assert description.values == (1.0, 2.0)
    assert parse_series("{} 5").labels == Labels()
    assert parse_series('{"utf8 name", "l.x"="1"} 5').labels == Labels({"__name__": "utf8 name", "l.x": "1"})


def test_histograms_have_buckets_by_index() -> None:
    (value,) = parse_series(
        "foo {{schema:1 sum:-3.5 count:9 z_bucket:2 z_bucket_w:0.5 buckets:[1 0 2] offset:-1"
        " n_buckets:[3] n_offset:4 counter_reset_hint:gauge}}"
    ).values
    assert value == HistogramLiteral(
        schema=1,
        sum=-3.5,
        count=9,
        zero_count=2,
        zero_threshold=0.5,
        positive=((-1, 1.0), (0, 0.0), (1, 2.0)),
        negative=((4, 3.0),),
        hint="gauge",
        hint_written=True,
    )


def test_histogram_sequences_add_up() -> None:
    values = parse_sequence("{{count:1 buckets:[1]}}+{{count:2 sum:1 buckets:[1 1]}}x2 {{}}x1")
    assert [v.count for v in values if isinstance(v, HistogramLiteral)] == [1, 3, 5, 0, 0]
    last = values[2]
    assert isinstance(last, HistogramLiteral)
    assert last.positive == ((0, 3.0), (1, 2.0))


def test_hints_of_a_sequence_are_those_of_its_sums() -> None:
    gauge, more = parse_sequence("{{counter_reset_hint:gauge}}+{{count:1}}x1")
    assert isinstance(gauge, HistogramLiteral)
    assert isinstance(more, HistogramLiteral)
    assert (gauge.hint, gauge.hint_written) == (more.hint, more.hint_written) == ("gauge", False)
    _, unsure = parse_sequence("{{counter_reset_hint:reset}}+{{counter_reset_hint:not_reset}}x1")
    assert isinstance(unsure, HistogramLiteral)
    assert (unsure.hint, unsure.hint_written) == ("unknown", True)


def test_increments_of_finer_schema_are_reduced() -> None:
    coarse = HistogramLiteral(schema=0, positive=((1, 1.0),))
    fine = HistogramLiteral(schema=1, positive=((1, 1.0), (2, 1.0), (3, 1.0)))
    assert coarse.plus(fine).positive == ((1, 3.0), (2, 1.0))
    with pytest.raises(LiteralError, match="cannot merge from schema 0 to 1"):
        fine.plus(coarse)


@pytest.mark.parametrize(
    "text",
    [
        "foo 1 x",
        "foo 1y",
        "foo 1x",
        "foo{a=1} 1",
        "foo{a='1' 1",
        "foo} 1",
        "5 foo",
        "foo {{bogus:1}}",
        "foo {{sum:1 sum:2}}",
        "foo {{sum:1",
        "foo 0+1x99999999999",
        "foo {{counter_reset_hint:maybe}}",
        "foo {{schema:1.5}}",
    ],
)
def test_malformed_series_are_refused(text: str) -> None:
    with pytest.raises(PromQLError):
        parse_series(text)


def test_metric_alone_has_no_values() -> None:
    assert parse_metric('foo{a="1"}') == Labels({"__name__": "foo", "a": "1"})
    with pytest.raises(PromQLError):
        parse_metric("foo 1")
