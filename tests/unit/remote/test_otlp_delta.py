"""Totals of deltas against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narthex.remote.otlp_delta import SILENCE_MS, DeltaTotals

Sample = tuple[int, int, int, int]
"""(series, time, start, delta)"""


def columns(samples: list[Sample]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    refs, times, starts, deltas = zip(*samples, strict=True)
    return np.array(refs, np.uint64), np.array(times), np.array(starts), np.array(deltas, np.float64)


def send(totals: DeltaTotals, *samples: Sample) -> list[tuple[float, int] | None]:
    made = totals.convert(*columns(list(samples)))
    totals.take(made)
    rows = zip(made.keep.tolist(), made.values.tolist(), made.starts.tolist(), strict=True)
    return [(value, start) if keep else None for keep, value, start in rows]


def test_deltas_add_up_and_begin_with_the_first() -> None:
    totals = DeltaTotals()
    assert send(totals, (7, 1000, 500, 3), (9, 1000, 500, 1)) == [(3, 500), (1, 500)]
    assert send(totals, (7, 2000, 1000, 4)) == [(7, 500)]


def test_samples_of_a_series_in_one_request_follow_their_times() -> None:
    assert send(DeltaTotals(), (7, 2000, 1000, 4), (7, 1000, 1000, 3)) == [(7, 1000), (3, 1000)]


def test_old_and_repeated_samples_are_dropped() -> None:
    totals = DeltaTotals()
    send(totals, (7, 1000, 500, 3))
    assert send(totals, (7, 1000, 500, 3), (7, 2000, 400, 9)) == [None, None]
    assert send(totals, (7, 3000, 500, 1)) == [(4, 500)]


def test_a_series_that_was_silent_begins_anew() -> None:
    totals = DeltaTotals()
    send(totals, (7, 1000, 500, 3))
    later = 1000 + SILENCE_MS + 1
    assert send(totals, (7, later, later - 10, 2)) == [(2, later - 10)]


def test_what_was_not_stored_does_not_count() -> None:
    totals = DeltaTotals()
    totals.convert(*columns([(7, 1000, 500, 3)]))
    assert send(totals, (7, 1000, 500, 3)) == [(3, 500)]


def test_silent_series_are_forgotten() -> None:
    totals = DeltaTotals()
    send(totals, *((ref, 1000, 0, 1) for ref in range(100)))
    send(totals, (1000, 1001 + SILENCE_MS, 0, 1))
    assert len(totals) == 1


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(1, 2 * SILENCE_MS), st.integers(0, 3), st.integers(0, 9)),
            min_size=1,
            max_size=8,
        ),
        max_size=5,
    )
)
def test_totals_equal_those_of_a_dictionary(requests: list[list[Sample]]) -> None:
    totals = DeltaTotals()
    state: dict[int, tuple[int, int, int]] = {}
    for request in requests:
        expected: dict[int, tuple[float, int] | None] = {}
        new = {ref for ref, *_ in request} - state.keys()
        oldest = {ref: min(t for r, t, *_ in request if r == ref) for ref, *_ in request}
        for ref, t in oldest.items():
            if ref in state and t - state[ref][2] > SILENCE_MS:
                del state[ref]
        for i in sorted(range(len(request)), key=lambda i: (request[i][0], request[i][1])):
            ref, t, start, delta = request[i]
            counted, begun, newest = state.get(ref, (0, start, -1))
            if t <= newest or start < begun:
                expected[i] = None
                continue
            state[ref] = (counted + delta, begun, t)
            expected[i] = (counted + delta, begun)
        assert send(totals, *request) == [expected[i] for i in range(len(request))]
        latest = max(state[ref][2] for ref in oldest)
        if new:
            state = {ref: s for ref, s in state.items() if s[2] >= latest - SILENCE_MS or ref in new}
