"""`explain`: what each part of an expression took, and how it was evaluated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from narthex.instrument.registry import Registry
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.result import Explained, QueryResult
from narthex.promql.syntax import ParserOptions
from support.memory_series import MemorySeries


@pytest.fixture(scope="module")
def series() -> MemorySeries:
    data = MemorySeries()
    for i in range(4):
        labels = {"__name__": "a_total", "i": str(i), "job": "x" if i else "y"}
        data.add_every(labels, 15_000, [float(k * (i + 1)) for k in range(200)])
    return data


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(parser=ParserOptions.everything()), Registry())
    yield made
    made.close()


def explained(engine: Engine, series: MemorySeries, text: str) -> tuple[Explained, QueryResult]:
    result = engine.range(series, text, 600_000, 1_200_000, 60_000, explain=True)
    assert result.explained is not None
    return result.explained, result


def shape(part: Explained) -> list[object]:
    return [part.head, *(shape(below) for below in part.below)]


def parts(part: Explained) -> Iterator[Explained]:
    yield part
    for below in part.below:
        yield from parts(below)


def test_the_tree_is_that_of_the_expression_without_parentheses_and_literals(
    engine: Engine, series: MemorySeries
) -> None:
    text = "(-(sum by (job) (rate(a_total[5m] offset 1m))) / 2 * max_over_time((abs(a_total))[5m:1m] @ end()) > 1)"
    part, _ = explained(engine, series, text)
    selector = ["a_total[5m] offset 1m"]
    assert shape(part) == [
        ">",
        ["*", ["/", ["-", ["sum by (job)", ["rate", selector]]]],
         ["max_over_time", ["[5m:1m] @ end()", ["abs", ["a_total"]]]]],
    ]  # fmt: skip


def test_figures_are_those_of_the_query(engine: Engine, series: MemorySeries) -> None:
    part, result = explained(engine, series, "abs(rate(a_total[5m])) + max_over_time(a_total[10m])")
    assert part.samples == result.stats.samples_read > 0
    assert (part.series, part.steps, part.evaluations, part.kind) == (4, 11, 1, "vector")
    assert 0 < part.seconds <= result.stats.inner_eval_s
    for whole in parts(part):
        assert sum(below.seconds for below in whole.below) <= whole.seconds
        assert sum(below.samples for below in whole.below) <= whole.samples


def test_work_that_a_parents_kernel_does_is_told(engine: Engine, series: MemorySeries) -> None:
    part, _ = explained(engine, series, "sum(rate(a_total[5m]))")
    rate = part.below[0]
    assert (part.evaluations, part.series, rate.evaluations, rate.reused) == (1, 1, 0, 0)
    lines = list(part.lines())
    assert lines[1].endswith("with the part above") and "samples" in lines[0]


def test_parts_that_repeat_or_stand_still_are_told(engine: Engine, series: MemorySeries) -> None:
    part, _ = explained(engine, series, "sum(a_total) / (sum(a_total) + max(a_total @ 900))")
    first, rest = part.below
    again, fixed = rest.below
    assert (first.evaluations, first.reused, again.evaluations, again.reused) == (1, 0, 0, 1)
    assert again.below == () and next(again.lines()).endswith("reused")
    assert (first.steps, fixed.steps) == (11, 1)


def test_it_changes_nothing_of_the_answer_and_is_absent_unless_asked_for(engine: Engine, series: MemorySeries) -> None:
    text = "topk(2, rate(a_total[5m])) or a_total @ 700 > 3"
    _, result = explained(engine, series, text)
    plain = engine.range(series, text, 600_000, 1_200_000, 60_000)
    assert plain.json() == result.json() and plain.explained is None


def test_instant_queries_of_every_kind_are_explained(engine: Engine, series: MemorySeries) -> None:
    for text, kind in (("1 + time()", "scalar"), ("'x'", "string"), ("a_total[5m]", "matrix"), ("a_total", "vector")):
        result = engine.instant(series, text, 600_000, explain=True)
        assert result.explained is not None and result.explained.kind == kind
        assert result.explained.fields()["node"]
