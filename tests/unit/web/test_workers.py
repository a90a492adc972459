"""The pool for queries, and what is answered without a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from narthex.errors import QueryCanceled, QueryError
from narthex.web.sources import QueryAnswer
from narthex.web.workers import Workers

ANSWER = QueryAnswer("scalar", (b"1",))


class Query:
    """A query that notes where it ran."""

    def __init__(self, quick: QueryAnswer | Exception | None = None, hold: threading.Event | None = None) -> None:
        self._quick, self._hold = quick, hold
        self.asked = False
        self.started = threading.Event()
        self.ran_in = ""

    def quick(self) -> QueryAnswer | None:
        self.asked = True
        if isinstance(self._quick, Exception):
            raise self._quick
        return self._quick

    def run(self) -> QueryAnswer:
        self.ran_in = threading.current_thread().name
        self.started.set()
        if self._hold is not None:
            assert self._hold.wait(10)
        return ANSWER

    def cancel(self) -> None:
        pass


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(2, 1)
    yield made
    made.stop()


async def test_a_quick_query_needs_no_thread(workers: Workers) -> None:
    query = Query(quick=QueryAnswer("scalar", (b"2",)))
    answer = workers.quick_query(query)
    assert answer is not None
    assert answer.result == (b"2",)
    assert query.ran_in == ""


async def test_any_other_query_runs_in_a_thread(workers: Workers) -> None:
    query = Query()
    assert await workers.query(query, 10) is ANSWER
    assert query.ran_in.startswith("query")


async def test_the_mistake_of_a_quick_query_is_raised(workers: Workers) -> None:
    with pytest.raises(QueryError, match="no"):
        workers.quick_query(Query(quick=QueryError("no")))


async def test_a_quick_query_waits_for_its_turn_like_any_other(workers: Workers) -> None:
    hold = threading.Event()
    holding = Query(hold=hold)
    first = asyncio.create_task(workers.query(holding, 10))
    assert await asyncio.to_thread(holding.started.wait, 5)
    second = Query(quick=ANSWER)
    assert workers.quick_query(second) is None
    assert not second.asked
    hold.set()
    assert await first is ANSWER
    assert workers.quick_query(second) is ANSWER


async def test_after_stopping_even_quick_queries_are_refused(workers: Workers) -> None:
    workers.stop()
    assert workers.quick_query(Query(quick=ANSWER)) is None
    with pytest.raises(QueryCanceled):
        await workers.query(Query(quick=ANSWER), 10)


async def test_a_look_up_that_was_quick_lately_needs_no_thread_and_a_slow_one_does(workers: Workers) -> None:
    def where() -> str:
        return threading.current_thread().name

    here = threading.current_thread().name
    assert workers.quick_look_up("a", where) is None
    assert (await workers.look_up("a", where)).startswith("lookup")
    assert workers.quick_look_up("a", where) == here
    assert workers.quick_look_up("b", where) is None
    ticks = iter(range(100))
    workers._paces.now = lambda: float(next(ticks))
    assert (await workers.look_up("c", where)).startswith("lookup")
    assert workers.quick_look_up("c", where) is None
