"""Queries of the API over a real engine: when they may run on the event loop."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from narthex.app.server.queries import Queries
from narthex.errors import QueryError
from narthex.instrument import Registry
from narthex.promql.engine import INLINE_SAMPLES
from narthex.promql.options import EngineOptions
from narthex.tasks.paces import QUICK_SECONDS
from narthex.web.sources import QueryOptions
from support.memory_series import MemorySeries

NOW = 7_000_000_000
OPTIONS = QueryOptions()


@pytest.fixture
def series() -> MemorySeries:
    data = MemorySeries()
    for i in range(3):
        data.add_every({"__name__": "x", "i": str(i)}, 15_000, [float(v) for v in range(40)], start=NOW - 600_000)
    return data


@pytest.fixture
def queries(series: MemorySeries) -> Iterator[Queries]:
    made = Queries(EngineOptions(), series, Registry())
    made.paces.now = lambda: 5.0
    yield made
    made.close()


def test_a_query_that_was_quick_is_answered_at_once_with_the_same_answer(queries: Queries) -> None:
    first = queries.instant("sum(x)", NOW, OPTIONS)
    assert first.quick() is None
    answer = first.run()
    assert queries.instant("sum(x)", NOW, OPTIONS).quick() == answer
    assert queries.instant("sum(x)", NOW - 10**9, OPTIONS).quick() is None
    assert queries.instant("sum(x)", NOW, QueryOptions(lookback=60_000)).quick() is None


def test_a_query_is_explained_when_that_is_asked_for(queries: Queries) -> None:
    answer = queries.instant("sum(x)", NOW, QueryOptions(explain=True)).run()
    part = json.loads(answer.explain)
    assert (part["node"], part["samplesRead"], part["series"]) == ("sum", 3 * 19, 1)  # of five minutes
    assert [below["node"] for below in part["children"]] == ["x"]
    assert queries.instant("sum(x)", NOW, OPTIONS).run().explain == b""


def test_a_range_query_of_as_many_steps_counts_as_the_same(queries: Queries) -> None:
    queries.range("x", NOW - 600_000, NOW, 60_000, OPTIONS).run()
    assert queries.range("x", NOW - 599_000, NOW + 1_000, 60_000, OPTIONS).quick() is not None
    assert queries.range("x", NOW - 600_000, NOW, 30_000, OPTIONS).quick() is None


def test_a_slow_run_sends_the_query_back_to_the_threads(queries: Queries) -> None:
    queries.instant("x", NOW, OPTIONS).run()
    ticks = iter(range(100))
    queries.paces.now = lambda: 5.0 + next(ticks) * QUICK_SECONDS * 1.1
    assert queries.instant("x", NOW, OPTIONS).quick() is not None
    assert queries.instant("x", NOW, OPTIONS).quick() is None


def test_a_query_that_has_grown_too_large_goes_to_a_thread(queries: Queries, series: MemorySeries) -> None:
    queries.instant("x", NOW, OPTIONS).run()
    for i in range(INLINE_SAMPLES + 1):
        series.add({"__name__": "x", "many": str(i)}, [NOW], [1.0])
    grown = queries.instant("x", NOW, OPTIONS)
    assert grown.quick() is None
    assert b"".join(grown.run().result).count(b'"metric"') == INLINE_SAMPLES + 4


def test_mistakes_are_answered_at_once_too(queries: Queries, series: MemorySeries) -> None:
    text = "x / on() group_left x"
    series.data.clear()
    queries.instant(text, NOW, OPTIONS).run()
    for i in range(3):
        series.add({"__name__": "x", "i": str(i)}, [NOW], [1.0])
    with pytest.raises(QueryError):
        queries.instant(text, NOW, OPTIONS).quick()
