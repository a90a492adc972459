"""Samples of zero at start times: what the head and the agent take, keep and log."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.storage.contract import AppendStatus
from narthex.tsdb.agent import AgentDB, AgentOptions
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.read_only import ReadOnlyDB
from reference.chunk_histogram import Histogram, Layout
from support.chunks import histograms_of_row
from support.clock import FakeClock
from support.histograms import batch_of_histograms

RANGE = 7_200_000
ALL = (-(2**62), 2**62)
Row = tuple[str, int, float, int]  # name, time, value, start
Samples = dict[str, list[tuple[int, float]]]


def opened(path: Path, window: int = 0) -> Head:
    head = Head.open(path, Registry(), RANGE, 1 << 24, settings=HeadSettings(start_zeros=True))[0]
    head.set_out_of_order_window(window)
    return head


def append(store: Head | AgentDB, rows: list[Row]) -> list[AppendStatus]:
    appender = store.appender()
    refs = np.array([appender.series(Labels({"__name__": name})) for name, *_ in rows], np.uint64)
    times, starts = (np.array([row[k] for row in rows], np.int64) for k in (1, 3))
    statuses = appender.append(refs, times, np.array([float(row[2]) for row in rows]), starts)
    appender.commit()
    return [AppendStatus(s) for s in statuses.tolist()]


def stored(head: Head) -> Samples:
    batch = head.querier(*ALL).select([])
    out = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        out[batch.labels[row]["__name__"]] = list(zip(times.tolist(), values.tolist(), strict=True))
    return out


def test_a_start_before_the_first_sample_brings_a_zero_and_the_same_start_brings_no_other(tmp_path: Path) -> None:
    head = opened(tmp_path)
    for t in (10_000, 20_000, 30_000):
        assert append(head, [("a", t, t / 1000, 4_000), ("b", t, 1.0, 0)]) == [AppendStatus.OK] * 2
    assert stored(head) == {
        "a": [(4_000, 0.0), (10_000, 10.0), (20_000, 20.0), (30_000, 30.0)],
        "b": [(10_000, 1.0), (20_000, 1.0), (30_000, 1.0)],
    }
    head.close()
    again = opened(tmp_path)
    assert stored(again)["a"][0] == (4_000, 0.0)
    again.close()


def test_a_restarted_counter_begins_again_with_a_zero_between_its_samples(tmp_path: Path) -> None:
    head = opened(tmp_path)
    append(head, [("a", 10_000, 7.0, 4_000)])
    append(head, [("a", 20_000, 2.0, 15_000)])
    assert stored(head)["a"] == [(4_000, 0.0), (10_000, 7.0), (15_000, 0.0), (20_000, 2.0)]
    head.close()


@pytest.mark.parametrize("start", [0, 10_000, 10_001, 20_000, 20_001, -5])
def test_a_start_that_is_unknown_not_after_the_last_sample_or_not_before_its_own_brings_none(
    tmp_path: Path, start: int
) -> None:
    head = opened(tmp_path)
    append(head, [("a", 10_000, 7.0, 0)])
    assert append(head, [("a", 20_000, 8.0, start)]) == [AppendStatus.OK]
    expected = [(10_000, 7.0), *([(10_001, 0.0)] if start == 10_001 else []), (20_000, 8.0)]
    assert stored(head)["a"] == expected
    head.close()


def test_a_start_older_than_the_head_takes_brings_none_and_does_no_harm(tmp_path: Path) -> None:
    head = opened(tmp_path)
    append(head, [("a", 10 * RANGE, 1.0, 0)])
    oldest = 10 * RANGE - RANGE // 2
    assert append(head, [("b", 10 * RANGE, 1.0, oldest - 1), ("c", 10 * RANGE, 1.0, oldest)]) == [AppendStatus.OK] * 2
    assert stored(head)["b"] == [(10 * RANGE, 1.0)]
    assert stored(head)["c"] == [(oldest, 0.0), (10 * RANGE, 1.0)]
    head.close()


def test_a_start_before_the_last_sample_brings_none_inside_the_out_of_order_window_either(tmp_path: Path) -> None:
    head = opened(tmp_path, window=60_000)
    append(head, [("a", 30_000, 1.0, 0)])
    assert append(head, [("a", 40_000, 2.0, 20_000), ("a", 25_000, 1.5, 22_000)]) == [AppendStatus.OK] * 2
    assert sorted(stored(head)["a"]) == [(25_000, 1.5), (30_000, 1.0), (40_000, 2.0)]
    head.close()


def test_a_zero_that_another_commit_overtook_is_left_out(tmp_path: Path) -> None:
    head = opened(tmp_path)
    first, second = head.appender(), head.appender()
    for appender, (t, value, start) in ((first, (30_000, 3.0, 5_000)), (second, (20_000, 2.0, 0))):
        ref = np.array([appender.series(Labels({"__name__": "a"}))], np.uint64)
        appender.append(ref, np.array([t]), np.array([value]), np.array([start]))
    second.commit()
    first.commit()
    assert stored(head)["a"] == [(20_000, 2.0), (30_000, 3.0)]
    head.close()


def zero_of(h: Histogram) -> tuple[int, float, tuple[float, ...], float, float]:
    return h.layout.schema, h.layout.zero_threshold, tuple(h.layout.bounds), h.count, h.sum


@pytest.mark.parametrize("agent", [False, True])
def test_a_histogram_begins_with_an_empty_one_of_its_kind(tmp_path: Path, agent: bool) -> None:
    exponential = Histogram(Layout(3, 0.25, ((0, 1),), ()), 5, 2, 7.5, {0: 3}, {})
    floats = Histogram(Layout(1, 0.5, ((0, 1),), ()), 5.0, 2.0, 7.5, {0: 3.0}, {})
    custom = Histogram(Layout(-53, 0.0, ((0, 2),), (), (1.0, 2.0)), 5, 0, 7.5, {0: 3, 1: 2}, {})
    wanted = [exponential, floats, custom]
    store = agent_db(tmp_path) if agent else opened(tmp_path)
    appender = store.appender()
    refs = np.array([appender.series(Labels({"__name__": f"h{i}"})) for i in range(3)], np.uint64)
    at, starts = np.full(3, 10_000), np.full(3, 4_000)
    assert not appender.append_histograms(refs, at, batch_of_histograms(wanted), starts).any()
    appender.commit()
    store.close()
    with ReadOnlyDB.open(tmp_path).querier(*ALL) as querier:
        batch = querier.select([])
    for row in range(3):
        (t0, _, first), (t1, _, second) = histograms_of_row(batch, row)
        assert (t0, t1) == (4_000, 10_000)
        assert zero_of(first)[:3] == zero_of(second)[:3] == zero_of(wanted[row])[:3]
        assert zero_of(first)[3:] == (0, 0)
        assert (second.count, second.sum) == (wanted[row].count, wanted[row].sum)
        assert isinstance(first.count, float) == isinstance(wanted[row].count, float)


def agent_db(path: Path) -> AgentDB:
    return AgentDB.open(path, AgentOptions(wal_segment_size=32 * 1024, start_zeros=True), Registry(), FakeClock())


def test_an_agent_logs_the_zero_before_its_sample(tmp_path: Path) -> None:
    db = agent_db(tmp_path)
    for t in (10_000, 20_000):
        assert append(db, [("a", t, 3.0, 4_000)]) == [AppendStatus.OK]
    append(db, [("a", 30_000, 1.0, 25_000)])
    db.close()
    with ReadOnlyDB.open(tmp_path).querier(*ALL) as querier:
        times, values = querier.select([]).samples(0, *ALL)
    assert times.tolist() == [4_000, 10_000, 20_000, 25_000, 30_000]
    assert values.tolist() == [0.0, 3.0, 3.0, 0.0, 1.0]


def plainly(commits: list[list[Row]]) -> Samples:
    """The rule, a sample at a time."""
    out: Samples = {}
    for name, t, value, start in (row for rows in commits for row in rows):
        kept = out.setdefault(name, [])
        newest = kept[-1][0] if kept else -1
        if start and newest < start < t:
            kept.append((start, 0.0))
        if t > newest:
            kept.append((t, value))
    return {name: kept for name, kept in out.items() if kept}


ROWS = st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.sampled_from([0.0, 1.0, 2.0]), st.integers(0, 60))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(ROWS, max_size=8), max_size=5))
def test_zeros_stand_where_the_plain_rule_puts_them_also_after_a_replay(commits: list[list[Row]]) -> None:
    with TemporaryDirectory() as path:
        head = opened(Path(path))
        for rows in commits:
            append(head, rows)
        assert stored(head) == plainly(commits)
        head.close()
        again = opened(Path(path))
        assert stored(again) == plainly(commits)
        again.close()
