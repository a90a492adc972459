"""The thread that stops queries at their deadlines."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from narthex.native import QueryBudget
from narthex.promql.watchdog import Watchdog


@pytest.fixture
def dog() -> Iterator[Watchdog]:
    made = Watchdog()
    yield made
    made.close()


def _canceled_soon(budget: QueryBudget) -> bool:
    deadline = time.monotonic() + 5
    while not budget.canceled and time.monotonic() < deadline:
        threading.Event().wait(0.002)
    return budget.canceled


def test_a_query_is_stopped_at_its_deadline(dog: Watchdog) -> None:
    budget = QueryBudget(1)
    with dog.watch(budget, 0.01) as watch:
        assert _canceled_soon(budget)
    assert watch.expired


def test_an_earlier_deadline_wakes_the_thread_that_waits_for_a_later_one(dog: Watchdog) -> None:
    early, late = QueryBudget(1), QueryBudget(1)
    with dog.watch(late, 60) as late_watch, dog.watch(early, 0.01) as early_watch:
        assert _canceled_soon(early)
    assert early_watch.expired and not late_watch.expired and not late.canceled


def test_a_deadline_after_many_that_passed_in_time_still_counts(dog: Watchdog) -> None:
    done = QueryBudget(1)
    for _ in range(50):
        with dog.watch(done, 0.02):
            pass
    budget = QueryBudget(1)
    with dog.watch(budget, 0.03) as watch:
        assert _canceled_soon(budget)
    assert watch.expired and not done.canceled


def test_closing_ends_the_thread(dog: Watchdog) -> None:
    before = set(threading.enumerate())
    with dog.watch(QueryBudget(1), 60):
        (own,) = set(threading.enumerate()) - before
    dog.close()
    assert own.name == "promql-watchdog" and not own.is_alive()
