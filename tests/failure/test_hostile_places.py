"""Directories that cannot be used, files that vanish, clocks that jump: a clear error or a counted drop."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.storage.contract import AppendStatus
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.api_server import narthex_server
from support.clock import FakeClock
from support.known_samples import ALWAYS, commit, labels, read, values

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
NOBODY = 65534


def open_db(path: Path, registry: Registry | None = None, retention: int = 15 * DAY) -> DB:
    options = DBOptions(retention_time=retention)
    return DB.open(path, options, registry or Registry(), FakeClock(START / 1000))


def samples(db: DB) -> int:
    return sum(map(len, read(db.querier(*ALWAYS).select([])).values()))


def metric(registry: Registry, name: str) -> float:
    lines = registry.expose().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


@contextmanager
def without_privileges(path: Path) -> Iterator[None]:
    """Nobody's rights, with the way to `path` open."""
    if os.geteuid() != 0:
        yield
        return
    for parent in path.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o055)
    for inside in (path, *path.rglob("*")):
        os.chown(inside, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_path_that_is_no_directory_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(StorageError, match=f"{path}: cannot make the data directory"):
            open_db(path)
    for name in ("wal", "lock"):
        data = tmp_path / f"with-{name}"
        data.mkdir()
        (data / name).touch() if name == "wal" else (data / name).mkdir()
        with pytest.raises(StorageError, match=f"{data / name}: cannot open"):
            open_db(data)


@pytest.mark.parametrize(("forbidden", "mode"), [(".", 0o555), ("wal", 0o555), ("wal/00000000", 0)])
def test_missing_rights_are_an_error_that_names_the_file_and_leave_all_as_it_was(
    tmp_path: Path, forbidden: str, mode: int
) -> None:
    data = tmp_path / "data"
    db = open_db(data)
    commit(db, [1, 2], START)
    db.close()
    before = {p: p.read_bytes() for p in data.rglob("*") if p.is_file()}
    with without_privileges(data):
        kept = (data / forbidden).stat().st_mode
        (data / forbidden).chmod(mode)
        with pytest.raises(StorageError, match=f"{data / forbidden}.*[Pp]ermission denied"):
            open_db(data)
        (data / forbidden).chmod(kept)
        assert {p: p.read_bytes() for p in data.rglob("*") if p.is_file()} == before
        db = open_db(data)
        assert samples(db) == 2
        db.close()


def test_a_disk_that_can_only_be_read_is_a_clear_error(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("8m")
    db = open_db(disk / "data")
    commit(db, [1], START)
    db.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match="Read-only file system"):
        open_db(disk / "data")
    (tmp_path / "prometheus.yml").touch()
    with narthex_server(tmp_path / "prometheus.yml", disk / "data") as server:
        assert server.process.wait(30) == 1
        assert "Read-only file system" in server.log()
        assert "Traceback" not in server.log()
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    db = open_db(disk / "data")
    assert samples(db) == 1
    db.close()


def test_a_second_server_on_the_directory_ends_and_does_no_harm(tmp_path: Path) -> None:
    config, data = tmp_path / "prometheus.yml", tmp_path / "data"
    config.touch()
    with narthex_server(config, data) as first:
        first.ready()
        log = first.log()
        with narthex_server(config, data) as second:
            assert second.process.wait(30) == 1
        assert "the data directory is in use by" in first.log().removeprefix(log)
        assert first.request("/-/ready")[0] == 200
        assert first.stop() == 0
        assert not (data / "lock").exists()


@pytest.mark.parametrize("gone", ["wal", "."])
def test_a_directory_that_vanishes_is_told_at_each_maintenance_and_queries_go_on(tmp_path: Path, gone: str) -> None:
    data = tmp_path / "data"
    db = open_db(data)
    for minute in range(300):
        commit(db, [1, 2], START + minute * MINUTE)
    shutil.rmtree(data / gone)
    for _ in range(2):
        with pytest.raises(StorageError, match=f"{data}.*No such file or directory"):
            db.maintain()
        assert samples(db) == 600
    with pytest.raises(StorageError):
        db.close()


def statuses(db: DB, time: int) -> list[int]:
    appender = db.appender()
    times = np.array([time], np.int64)
    found = appender.append(np.array([appender.series(labels(1))], np.uint64), times, values(1, times)).tolist()
    appender.commit()
    return [int(status) for status in found]


def test_a_wall_clock_that_jumps_a_day_ahead_and_back_costs_what_came_meanwhile_too_late(tmp_path: Path) -> None:
    registry = Registry()
    db = open_db(tmp_path, registry)
    for minute in range(200):
        commit(db, [1], START + minute * MINUTE)
    assert statuses(db, START + 200 * MINUTE + DAY) == [AppendStatus.OK]
    db.maintain()
    for minute in range(201, 260):
        assert statuses(db, START + minute * MINUTE) == [AppendStatus.OUT_OF_BOUNDS]
    assert metric(registry, "prometheus_tsdb_out_of_bound_samples_total") == 59
    assert statuses(db, START + 201 * MINUTE + DAY) == [AppendStatus.OK]
    db.maintain()
    assert samples(db) == 202
    db.close()
    db = open_db(tmp_path)
    assert samples(db) == 202
    db.close()


def test_one_sample_of_the_far_future_brings_no_block_under_the_retention(tmp_path: Path) -> None:
    """Retention counts back from the newest block, and the future is still in the head."""
    db = open_db(tmp_path, retention=DAY)
    for minute in range(600):
        commit(db, [1], START + minute * MINUTE)
    db.maintain()
    blocks = len(db.blocks())
    assert blocks > 0
    assert statuses(db, START + 1000 * DAY) == [AppendStatus.OK]
    for _ in range(3):
        db.maintain()
    assert samples(db) == 601
    assert max(b.meta.max_time for b in db.blocks()) <= START + 12 * HOUR
    db.close()


@pytest.mark.parametrize("time", [2**63 - 1, 2**62, -(2**62), -(2**63)])
def test_times_at_the_edge_of_what_fits_are_kept(tmp_path: Path, time: int) -> None:
    db = open_db(tmp_path)
    appender = db.appender()
    ref = np.array([appender.series(labels(1))], np.uint64)
    assert appender.append(ref, np.array([time]), np.array([7.0])).tolist() == [AppendStatus.OK]
    appender.commit()
    db.maintain()
    db.close()
    db = open_db(tmp_path)
    db.maintain()
    batch = db.querier(-(2**63), 2**63 - 1).select([])
    times, found = batch.samples(0, -(2**63), 2**63 - 1)
    assert (times.tolist(), found.tolist()) == ([time], [7.0])
    db.close()
