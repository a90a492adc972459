"""Storage in agent mode: what it takes, what the log keeps, what a restart finds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import LabelSets, wal_records
from narthex.storage.contract import AppendStatus
from narthex.tsdb.agent import AgentDB, AgentOptions
from narthex.tsdb.read_only import ReadOnlyDB
from reference.chunk_histogram import Histogram, Layout
from support.chunks import histograms_of_row
from support.clock import FakeClock
from support.histograms import batch_of_histograms

HOUR = 3_600_000
NOW = 1_700_000_000_000
SMALL = AgentOptions(wal_segment_size=32 * 1024)
Samples = dict[str, list[tuple[int, float]]]


def opened(path: Path, options: AgentOptions = SMALL, clock: FakeClock | None = None) -> AgentDB:
    return AgentDB.open(path, options, Registry(), clock or FakeClock())


def append(db: AgentDB, samples: list[tuple[str, int, float]], commit: bool = True) -> list[AppendStatus]:
    appender = db.appender()
    refs = np.array([appender.series(Labels({"__name__": name})) for name, _, _ in samples], dtype=np.uint64)
    times, values = np.array([t for _, t, _ in samples]), np.array([v for _, _, v in samples])
    statuses = appender.append(refs, times, values)
    appender.commit() if commit else appender.rollback()
    return [AppendStatus(s) for s in statuses.tolist()]


def logged(path: Path) -> Samples:
    """What a server would find in the log."""
    with ReadOnlyDB.open(path).querier(-(2**62), 2**62) as querier:
        batch = querier.select([])
    out = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, -(2**63), 2**63 - 1)
        out[batch.labels[row]["__name__"]] = list(zip(times.tolist(), values.tolist(), strict=True))
    return out


def pass_time(clock: FakeClock, seconds: float) -> None:
    asyncio.run(clock.advance(seconds))


def test_commits_are_in_the_log_and_a_server_can_read_it(tmp_path: Path) -> None:
    db = opened(tmp_path)
    assert append(db, [("a", 1000, 1.0), ("b", 1000, 2.0)]) == [AppendStatus.OK] * 2
    append(db, [("a", 2000, 3.0)])
    assert logged(tmp_path) == {"a": [(1000, 1.0), (2000, 3.0)], "b": [(1000, 2.0)]}
    db.close()
    assert not (tmp_path / "chunks_head").exists()


def test_what_is_rolled_back_is_not_logged_but_its_series_are_with_the_next_commit(tmp_path: Path) -> None:
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0)], commit=False)
    assert append(db, [("a", 500, 2.0)]) == [AppendStatus.OK]
    assert logged(tmp_path) == {"a": [(500, 2.0)]}
    db.close()


def test_samples_that_are_not_newer_are_out_of_order(tmp_path: Path) -> None:
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0)])
    for t, value in ((1000, 1.0), (1000, 2.0), (999, 1.0)):
        assert append(db, [("a", t, value)]) == [AppendStatus.OUT_OF_ORDER]
    assert db.core.counts().out_of_order == 3
    assert logged(tmp_path) == {"a": [(1000, 1.0)]}
    db.close()


def test_a_window_lets_older_samples_in(tmp_path: Path) -> None:
    db = opened(tmp_path, AgentOptions(out_of_order_window=100))
    append(db, [("a", 1000, 1.0)])
    assert append(db, [("a", 901, 1.0)]) == [AppendStatus.OK]
    assert append(db, [("a", 900, 1.0)]) == [AppendStatus.OUT_OF_ORDER]
    db.close()


def test_histograms_are_logged(tmp_path: Path) -> None:
    db = opened(tmp_path)
    appender = db.appender()
    ref = np.array([appender.series(Labels({"__name__": "h"}))], dtype=np.uint64)
    value = Histogram(Layout(1, 0.001, ((0, 2),)), 5, 1, 2.5, {0: 3, 1: 1})
    assert appender.append_histograms(ref, np.array([1000]), batch_of_histograms([value])).tolist() == [0]
    appender.commit()
    with ReadOnlyDB.open(tmp_path).querier(0, 2000) as querier:
        ((t, _, found),) = histograms_of_row(querier.select([]), 0)
    assert (t, found.count, found.sum, found.positive) == (1000, 5, 2.5, {0: 3, 1: 1})
    assert db.metrics.histograms.value == 1
    db.close()


def test_exemplars_are_logged_unless_they_repeat_or_are_too_long(tmp_path: Path) -> None:
    db = opened(tmp_path)
    appender = db.appender()
    ref = appender.series(Labels({"__name__": "a"}))
    refs = np.array([ref, ref, ref + 9], dtype=np.uint64)
    labels = LabelSets()
    for text in ("x", "é" * 121, "x"):
        labels.add([("trace_id", text)])
    at = np.array([1000, 1000, 1000])
    first = appender.append_exemplars(refs, at, np.ones(3), labels).tolist()
    assert first == [AppendStatus.OK, AppendStatus.EXEMPLAR_LABEL_LENGTH, AppendStatus.UNKNOWN_REF]
    appender.commit()
    appender = db.appender()
    again = appender.append_exemplars(refs, at, np.ones(3), labels).tolist()
    assert again[0] == AppendStatus.EXEMPLAR_DUPLICATE
    appender.commit()
    assert db.metrics.exemplars.value == 1
    records, _, fault = wal_records((tmp_path / "wal" / "00000000").read_bytes())
    assert [record[0] for record in records] == [1, 4] and not fault
    db.close()


def test_a_restart_knows_series_and_their_newest_times(tmp_path: Path) -> None:
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0), ("b", 1000, 1.0)])
    ref = db.appender().series(Labels({"__name__": "b"}))
    db._lock.release() if db._lock else None  # killed: nothing is closed
    again = opened(tmp_path)
    assert again.core.counts().series == 2
    appender = again.appender()
    assert appender.series(Labels({"__name__": "b"})) == ref
    assert appender.series(Labels({"__name__": "c"})) > ref
    appender.rollback()
    assert append(again, [("a", 1000, 1.0), ("b", 1001, 2.0)]) == [AppendStatus.OUT_OF_ORDER, AppendStatus.OK]
    again.close()


def test_old_samples_and_series_without_new_ones_leave_the_log(tmp_path: Path) -> None:
    clock = FakeClock(NOW / 1000)
    db = opened(tmp_path, clock=clock)
    filler = [(f"filler_{k}", 0.5) for k in range(100)]
    append(db, [("old", NOW, 1.0)])
    for hour in range(9):
        at = NOW + hour * HOUR
        append(db, [("live", at, float(hour)), *((name, at, v) for name, v in filler)])
        db.wal.cut()
        pass_time(clock, 3600)
        db.maintain()
    assert db.core.counts().series == 101
    found = logged(tmp_path)
    assert "old" not in found
    assert found["live"][-1] == (NOW + 8 * HOUR, 8.0)
    assert found["live"][0][0] > NOW
    assert list((tmp_path / "wal").glob("checkpoint.*"))
    db.close()
    again = opened(tmp_path)
    assert append(again, [("live", NOW + 8 * HOUR, 1.0)]) == [AppendStatus.OUT_OF_ORDER]
    again.close()


def test_what_was_sent_may_go_earlier_but_not_before_the_least_age(tmp_path: Path) -> None:
    db = opened(tmp_path, clock=FakeClock(NOW / 1000))
    assert db._keep_from() == NOW - 4 * HOUR
    db.lowest_sent = lambda: NOW
    assert db._keep_from() == NOW - 300_000
    db.lowest_sent = lambda: NOW - 9 * HOUR
    assert db._keep_from() == NOW - 4 * HOUR
    db.close()


def test_the_longest_age_is_never_below_the_others() -> None:
    assert AgentOptions(max_wal_time=1, min_wal_time=5, truncate_frequency=3).longest() == 5
    assert AgentOptions(max_wal_time=1, min_wal_time=2, truncate_frequency=3).longest() == 3


def test_a_dropped_series_is_asked_for_again_and_its_reference_is_not_reused(tmp_path: Path) -> None:
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0)])
    appender = db.appender()
    ref = appender.series(Labels({"__name__": "a"}))
    appender.rollback()
    db.core.truncate(5000)
    assert db.core.truncate(5000).tolist() == [ref]
    appender = db.appender()
    statuses = appender.append(np.array([ref], dtype=np.uint64), np.array([6000]), np.array([1.0]))
    assert statuses.tolist() == [AppendStatus.UNKNOWN_REF]
    assert appender.series(Labels({"__name__": "a"})) != ref
    appender.rollback()
    db.close()


def test_a_series_that_a_transaction_asked_for_outlives_truncations(tmp_path: Path) -> None:
    db = opened(tmp_path)
    appender = db.appender()
    ref = appender.series(Labels({"__name__": "a"}))
    for _ in range(4):
        assert len(db.core.truncate(10**15)) == 0
    assert appender.append(np.array([ref], dtype=np.uint64), np.array([1]), np.array([1.0])).tolist() == [0]
    appender.commit()
    assert logged(tmp_path) == {"a": [(1, 1.0)]}
    db.close()


def test_a_full_disk_loses_the_commit_alone(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0)])
    real = os.dup(db.wal._fd)
    os.dup2(os.open("/dev/full", os.O_WRONLY), db.wal._fd)
    with pytest.raises(StorageError, match="cannot write the log"):
        append(db, [("a", 2000, 2.0), ("new", 2000, 2.0)])
    os.close(real)
    assert append(db, [("a", 2000, 3.0), ("new", 2000, 4.0)]) == [AppendStatus.OK] * 2
    assert logged(tmp_path) == {"a": [(1000, 1.0), (2000, 3.0)], "new": [(2000, 4.0)]}
    db.close()


def test_a_cut_log_is_repaired(tmp_path: Path) -> None:
    db = opened(tmp_path)
    append(db, [("a", 1000, 1.0)])
    append(db, [("a", 2000, 2.0)])
    db._lock.release() if db._lock else None
    (segment,) = (tmp_path / "wal").iterdir()
    segment.write_bytes(segment.read_bytes()[:-3])
    again = opened(tmp_path)
    assert append(again, [("a", 1001, 5.0)]) == [AppendStatus.OK]
    again.close()
    assert logged(tmp_path) == {"a": [(1000, 1.0), (1001, 5.0)]}


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_every_compression_reads_back(tmp_path: Path, compression: str) -> None:
    db = opened(tmp_path, AgentOptions(wal_compression=compression))
    append(db, [(f"series_with_a_long_name_{k}", 1000, 1.0) for k in range(50)])
    db.close()
    again = opened(tmp_path)
    assert again.core.counts().series == 50
    again.close()


def test_a_second_agent_on_the_directory_is_refused(tmp_path: Path) -> None:
    db = opened(tmp_path)
    with pytest.raises(StorageError):
        opened(tmp_path)
    db.close()
    opened(tmp_path).close()


def test_metrics_have_the_names_of_the_peer(tmp_path: Path) -> None:
    registry = Registry()
    db = AgentDB.open(tmp_path, SMALL, registry, FakeClock())
    append(db, [("a", 1, 1.0), ("a", 1, 1.0)])
    append(db, [("a", 1, 1.0)])
    text = registry.expose().decode()
    for line in (
        "prometheus_agent_active_series 1",
        "prometheus_agent_deleted_series 0",
        'prometheus_agent_samples_appended_total{type="float"} 2',
        "prometheus_agent_out_of_order_samples_total 1",
        "prometheus_agent_corruptions_total 0",
        "prometheus_agent_checkpoint_creations_total 0",
        "prometheus_agent_truncate_duration_seconds_count 0",
        "prometheus_agent_clean_start 1",
        "prometheus_tsdb_wal_segment_current 0",
    ):
        assert f"\n{line}\n" in text, line
    assert "prometheus_tsdb_checkpoint" not in text and "prometheus_tsdb_head" not in text
    db.close()
