"""Totals of native histograms' deltas against a dictionary of plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narthex.native import DeltaHistograms, HistogramBatch

SILENCE_MS = 300_000


@dataclass
class Sample:
    ref: int
    time: int
    start: int
    buckets: dict[int, int] = field(default_factory=dict)
    schema: int = 0
    zero: int = 0
    threshold: float = 0.0
    bounds: tuple[float, ...] = ()
    delta: bool = True

    @property
    def count(self) -> int:
        return self.zero + sum(self.buckets.values())


def batch_of(samples: list[Sample]) -> HistogramBatch:
    batch = HistogramBatch()
    for s in samples:
        spans, end = [], 0
        for index in sorted(s.buckets):
            spans.append((index - end, 1))
            end = index + 1
        batch.add(
            floats=False,
            schema=s.schema,
            zero_threshold=s.threshold,
            positive_spans=spans,
            bounds=s.bounds,
            counts=np.array([s.count], np.uint64),
            zero_counts=np.array([s.zero], np.uint64),
            sums=np.array([float(s.count)]),
            hints=np.zeros(1, np.uint8),
            buckets=np.array([[s.buckets[i] for i in sorted(s.buckets)]], np.int64).reshape(1, -1),
        )
    return batch


@dataclass
class Made:
    row: int
    start: int
    count: int
    schema: int
    buckets: dict[int, int]
    zero: int = 0
    threshold: float = 0.0


def convert(totals: DeltaHistograms, samples: list[Sample]) -> list[Made]:
    refs, times, starts, deltas = zip(*((s.ref, s.time, s.start, s.delta) for s in samples), strict=True)
    kept, begun, batch = totals.convert(
        np.array(refs, np.uint64), np.array(times), np.array(starts), batch_of(samples), np.array(deltas)
    )
    out: list[Made] = []
    for run in batch.runs():
        indices, at = [], 0
        for offset, length in run["positive_spans"]:
            at += offset
            indices += range(at, at + length)
            at += length
        assert not run["floats"]
        for k in range(len(run["counts"])):
            counts = run["buckets"][k].tolist()
            buckets = {i: n for i, n in zip(indices, counts, strict=True) if n}
            row = len(out)
            count, zero = int(run["counts"][k]), int(run["zero_counts"][k])
            made = Made(int(kept[row]), int(begun[row]), count, run["schema"], buckets, zero, run["zero_threshold"])
            out.append(made)
    assert len(out) == len(kept) == len(begun)
    return out


def send(totals: DeltaHistograms, *samples: Sample) -> list[Made]:
    made = convert(totals, list(samples))
    totals.take()
    return made


def test_deltas_add_up_and_begin_with_the_first() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {1: 3}), Sample(9, 1000, 500, {4: 1}))
    assert send(totals, Sample(7, 2000, 1000, {1: 1, 2: 5})) == [Made(0, 500, 9, 0, {1: 4, 2: 5})]
    assert len(totals) == 2


def test_what_is_no_delta_stays_as_it_is() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {1: 3}))
    assert send(totals, Sample(7, 2000, 1000, {1: 1}, delta=False)) == [Made(0, 1000, 1, 0, {1: 1})]
    assert send(totals, Sample(7, 3000, 1000, {1: 1})) == [Made(0, 500, 4, 0, {1: 4})]


def test_old_and_repeated_deltas_are_dropped() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {1: 3}))
    assert send(totals, Sample(7, 1000, 500, {1: 3}), Sample(7, 2000, 400, {1: 9}), Sample(7, 3000, 500, {1: 1})) == [
        Made(2, 500, 4, 0, {1: 4})
    ]


def test_a_series_that_was_silent_begins_anew_and_is_forgotten_when_others_come() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, *(Sample(ref, 1000, 500, {1: 3}) for ref in range(50)))
    later = 1001 + SILENCE_MS
    assert send(totals, Sample(7, later, later - 10, {1: 2})) == [Made(0, later - 10, 2, 0, {1: 2})]
    send(totals, Sample(1000, later, 0, {1: 1}))
    assert len(totals) == 2


def test_what_was_not_stored_does_not_count() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    convert(totals, [Sample(7, 1000, 500, {1: 3})])
    assert send(totals, Sample(7, 1000, 500, {1: 3})) == [Made(0, 500, 3, 0, {1: 3})]


def test_the_coarser_schema_and_the_wider_zero_bucket_count() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {1: 1, 4: 2}, schema=1))
    assert send(totals, Sample(7, 2000, 500, {2: 1}, schema=0, zero=1, threshold=0.5)) == [
        Made(0, 500, 5, 0, {1: 1, 2: 3}, 1, 0.5)
    ]


def test_a_total_of_too_many_buckets_gets_coarser() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {1: 1}, schema=3))
    assert send(totals, Sample(7, 2000, 500, {400: 1}, schema=3)) == [Made(0, 500, 2, 1, {1: 1, 100: 1})]


def test_other_custom_bounds_begin_anew() -> None:
    totals = DeltaHistograms(SILENCE_MS)
    send(totals, Sample(7, 1000, 500, {0: 1}, schema=-53, bounds=(1.0, 2.0)))
    grown = send(totals, Sample(7, 2000, 500, {0: 1, 1: 1}, schema=-53, bounds=(1.0, 2.0)))
    assert grown == [Made(0, 500, 3, -53, {0: 2, 1: 1})]
    assert send(totals, Sample(7, 3000, 2500, {0: 4}, schema=-53, bounds=(1.0, 3.0))) == [Made(0, 2500, 4, -53, {0: 4})]


SAMPLES = st.builds(
    Sample,
    st.integers(0, 3),
    st.integers(1, 12).map(lambda t: t * 100_000),
    st.sampled_from([0, 150_000, 700_000]),
    st.dictionaries(st.integers(-3, 3), st.integers(1, 9), max_size=4),
    delta=st.booleans(),
)


@given(st.lists(st.lists(SAMPLES, min_size=1, max_size=8), max_size=6))
def test_totals_are_those_of_a_dictionary(requests: list[list[Sample]]) -> None:
    totals = DeltaHistograms(SILENCE_MS)
    known: dict[int, tuple[int, int, dict[int, int]]] = {}  # start, newest, buckets
    for samples in requests:
        want: dict[int, Made] = {}
        came: dict[int, tuple[int, int, dict[int, int]]] = {}
        for row, s in sorted(enumerate(samples), key=lambda pair: pair[1].time):
            if not s.delta:
                want[row] = Made(row, s.start, s.count, 0, s.buckets)
                continue
            if s.ref not in came:
                came[s.ref] = (s.start, -1, {})
                if s.ref in known and s.time - known[s.ref][1] <= SILENCE_MS:
                    came[s.ref] = known[s.ref]
            start, newest, buckets = came[s.ref]
            if s.time <= newest or s.start < start:
                continue
            buckets = {i: buckets.get(i, 0) + s.buckets.get(i, 0) for i in {*buckets, *s.buckets}}
            came[s.ref] = (start, s.time, buckets)
            want[row] = Made(row, start, sum(buckets.values()), 0, buckets)
        assert send(totals, *samples) == [want[row] for row in sorted(want)]
        if not came.keys() <= known.keys():
            last = max(newest for _, newest, _ in came.values())
            known = {ref: total for ref, total in known.items() if last - total[1] <= SILENCE_MS}
        known |= came
