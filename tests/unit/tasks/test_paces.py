"""Which queries run on the event loop: those that were quick lately."""

from __future__ import annotations

from narthex.tasks.paces import FRESH_SECONDS, MOST_KEYS, QUICK_SECONDS, WINDOW_MS, Paces, shape


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_query_is_quick_after_a_quick_run_and_no_longer_after_a_slow_one() -> None:
    paces = Paces(Seconds())
    assert not paces.quick("a")
    paces.took("a", QUICK_SECONDS)
    assert paces.quick("a") and not paces.quick("b")
    paces.took("a", QUICK_SECONDS * 1.1)
    assert not paces.quick("a")


def test_a_quick_run_counts_for_a_while_only() -> None:
    clock = Seconds()
    paces = Paces(clock)
    paces.took("a", 0)
    clock.now += FRESH_SECONDS - 1
    assert paces.quick("a")
    paces.took("a", 0)
    clock.now += FRESH_SECONDS - 1
    assert paces.quick("a")
    clock.now += 1
    assert not paces.quick("a")


def test_the_queries_asked_longest_ago_are_forgotten() -> None:
    paces = Paces(Seconds())
    for i in range(MOST_KEYS):
        paces.took(i, 0)
    paces.took(0, 0)
    paces.took("new", 0)
    assert paces.quick(0) and paces.quick("new") and not paces.quick(1) and paces.quick(2)


def test_the_shape_tells_apart_numbers_of_steps_and_blocks() -> None:
    at = 10 * WINDOW_MS
    assert shape((at,)) == shape((at + 60_000,)) != shape((at - 1,))
    assert shape((at, at + 600_000, 15_000)) == shape((at + 1, at + 600_001, 15_000))
    assert shape((at, at + 600_000, 15_000)) != shape((at, at + 600_000, 10_000))
