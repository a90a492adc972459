"""rate, increase, irate and resets over samples that have start times; start_timestamp()."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.app.promqltest import run_files
from narthex.instrument.registry import Registry
from narthex.model.number import STALE_NAN, is_stale
from narthex.native import QueryBudget, SampleSource, SeriesBatch, range_rows
from narthex.promql.engine import Engine
from narthex.promql.functions.over_time import RANGE_FUNCTIONS
from narthex.promql.histogram_notes import Note
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions
from reference.chunk_xor2 import write_xor2
from reference.start_times import Point, count_resets, increase, last_rate, overlaps


@st.composite
def counters(draw: st.DrawFn) -> list[Point]:
    """Values grow or fall; start times are right, unknown, impossible, those of deltas, or overlap."""
    t, value, start = 1_000, float(draw(st.integers(0, 100))), 0
    out: list[Point] = []
    for _ in range(draw(st.integers(1, 40))):
        before = out[-1][0] if out else 0
        choices = [0, start, before, before - 1, before + 1, t - 1, t, t + 1, draw(st.integers(1, t))]
        start = max(0, draw(st.sampled_from(choices)))
        out.append((t, start, value))
        t += draw(st.sampled_from([1_000, 15_000, 15_000, 15_001, 90_000]))
        value = float(draw(st.integers(0, 50))) if draw(st.integers(0, 4)) == 0 else value + draw(st.integers(0, 50))
    return out


def batch_of(points: Sequence[Point], cut: int, stale: Sequence[int] = ()) -> SeriesBatch:
    """Two chunks, the second begins with sample `cut`; stale markers behind the samples at the given positions."""
    batch = SeriesBatch()
    chunks = []
    for part in (range(cut), range(cut, len(points))):
        samples: list[tuple[int, int, float]] = []
        for i in part:
            samples.append(points[i])
            if i in stale:
                samples.append((points[i][0] + 1, 0, STALE_NAN))
        if samples:
            chunks.append((samples[0][0], samples[-1][0], 4, write_xor2(samples)))
    batch.add_chunks([("__name__", "x")], chunks)
    return batch


_TWINS: dict[str, Callable[[Sequence[Point], int, int], float | None]] = {
    "increase": increase,
    "rate": lambda points, t, span: None if (v := increase(points, t, span)) is None else v / (span / 1000),
    "irate": lambda points, t, span: last_rate(points),
    "resets": lambda points, t, span: count_resets(points),
}


@settings(max_examples=150)
@given(
    points=counters(),
    name=st.sampled_from(list(_TWINS)),
    step=st.sampled_from([1_000, 15_000, 70_000]),
    span=st.sampled_from([1, 15_000, 45_001, 600_000]),
    data=st.data(),
)
def test_kernels_agree_with_their_twins(
    points: list[Point], name: str, step: int, span: int, data: st.DataObject
) -> None:
    stale = data.draw(st.lists(st.integers(0, len(points)), max_size=3))
    source = SampleSource.batch(batch_of(points, data.draw(st.integers(0, len(points))), stale))
    begin = data.draw(st.integers(0, 200_000))
    budget = QueryBudget(10**6)
    out, notes = budget.cells(1, 25), np.zeros(1, np.uint32)
    op = RANGE_FUNCTIONS[name]
    range_rows(source, 0, 1, op, begin, step, 25, span, 0, None, None, budget, out, start_times=True, notes=notes)
    overlap = False
    for k, got in enumerate(out[0].tolist()):
        t = begin + k * step
        window = [p for p in points if t - span < p[0] <= t]
        wanted = _TWINS[name](window, t, span)
        overlap |= any(overlaps(*pair) for pair in pairwise(window))
        if wanted is None:
            assert is_stale(got), f"step {k}: {got} instead of nothing"
        else:
            assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"step {k}"
    assert notes[0] == (Note.START_OVERLAP if overlap and name in ("rate", "increase") else 0)


class _Stored:
    """One series with start times, as a queryable."""

    warnings = ()

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def querier(self, mint: int, maxt: int) -> _Stored:
        return self

    def select(self, matchers: Any) -> SeriesBatch:
        return batch_of(self._points, 0)

    def close(self) -> None: ...


_DELTAS: list[Point] = [(60_000, 30_000, 5.0), (120_000, 60_000, 5.0), (180_000, 120_000, 5.0)]


@pytest.mark.parametrize(
    ("query", "used", "unused"),
    [
        ("increase(x[3m])", 15.0, 0.0),
        ("sum(increase(x[3m]))", 15.0, 0.0),
        ("resets(x[3m])", 2.0, 0.0),
        ("irate(x[3m])", 5 / 60, 0.0),
        ("increase((x)[3m:1m])", 0.0, 0.0),
        ("start_timestamp(x)", 120.0, None),
        ("start_timestamp((x))", 120.0, None),
        ("start_timestamp(x + 0)", None, None),
        ("start_timestamp(x @ 60)", 30.0, None),
    ],
)
def test_start_times_count_where_that_is_switched_on(query: str, used: float, unused: float) -> None:
    for switch, wanted in ((True, used), (False, unused)):
        options = EngineOptions(use_start_timestamps=switch, parser=ParserOptions.everything())
        engine = Engine(options, Registry())
        result = engine.instant(_Stored(_DELTAS), query, 180_000)
        engine.close()
        found = [float(v) for v in result.cells[:, 0]]
        assert found == ([] if wanted is None else [pytest.approx(wanted)]), f"{query} with {switch}"


@pytest.mark.parametrize("query", ["rate(x[3m])", "sum(rate(x[3m]))"])
def test_overlapping_start_times_are_told_once_a_metric(query: str) -> None:
    engine = Engine(EngineOptions(use_start_timestamps=True), Registry())
    overlapping = [(t, t - 90_000, v) for t, _, v in _DELTAS]
    result = engine.instant(_Stored(overlapping), query, 180_000)
    engine.close()
    at = query.index("x[") + 1
    text = 'sample has start time that overlaps with previous sample timestamp for metric "x"'
    assert result.warnings == [f"PromQL warning: {text} (1:{at})"]


def test_the_script_of_start_timestamps_holds(conformance: Path) -> None:
    (report,) = run_files([conformance / "promqltest" / "start_timestamps.test"])
    assert not report.error
    assert len(report.verdicts) > 20 and not [v for v in report.verdicts if not v.passed]
