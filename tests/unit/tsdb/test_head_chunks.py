"""Closed chunks of the head go to files and come back; damage costs nothing that the log still has."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.storage.contract import AppendStatus
from narthex.tsdb import head_chunks
from narthex.tsdb.db import DB
from narthex.tsdb.head_chunks import chunk_files
from narthex.tsdb.options import DBOptions
from reference.head_chunks import HeadChunk, read, write
from support.clock import FakeClock

HOUR = 3_600_000
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
STEP = 15_000
ALL = (-(2**62), 2**62)
Answer = dict[str, list[tuple[int, float]]]


class Store:
    """A database with what it should answer. Series `i` has a sample every STEP, its own value each time."""

    def __init__(self, path: Path, names: int = 3) -> None:
        self.path, self.names = path, [f"s{i}" for i in range(names)]
        self.now = START
        self.want: Answer = {n: [] for n in self.names}
        self.registry = Registry()
        self.open()

    def open(self) -> None:
        self.registry = Registry()
        self.db = DB.open(self.path, DBOptions(), self.registry, FakeClock(START / 1000))

    def feed(self, count: int) -> None:
        for _ in range(count):
            appender = self.db.appender()
            refs = [appender.series(Labels({"__name__": n})) for n in self.names]
            values = [float(self.now // 7 % 1000 + i) for i in range(len(refs))]
            ts = np.full(len(refs), self.now, np.int64)
            assert not appender.append(np.array(refs, np.uint64), ts, np.array(values)).any()
            appender.commit()
            for name, value in zip(self.names, values, strict=True):
                self.want[name].append((self.now, value))
            self.now += STEP

    def answer(self) -> Answer:
        batch = self.db.querier(*ALL).select([])
        out = {}
        for row in range(len(batch)):
            ts, vs = batch.samples(row, *ALL)
            out[batch.labels[row]["__name__"]] = list(zip(ts.tolist(), vs.tolist(), strict=True))
        return out

    def metric(self, name: str) -> float:
        for line in self.registry.expose().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(name)

    def crash(self) -> None:
        """What kill -9 leaves is opened again."""
        copy = self.path.with_name(self.path.name + "+")
        shutil.copytree(self.path, copy)
        self.db.close()
        self.path = copy
        self.open()

    def files(self) -> list[Path]:
        return [path for _, path in sorted(chunk_files(self.path / "chunks_head").items())]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.db.close()


def test_maintenance_moves_closed_chunks_to_a_file_that_the_plain_reader_understands(store: Store) -> None:
    store.feed(300)
    assert store.db.head.counts().chunk_bytes > 0
    store.db.maintain()
    assert store.db.head.counts().chunk_bytes == 0
    (file,) = store.files()
    chunks = read(file.read_bytes())
    assert len(chunks) == 6 == store.metric("prometheus_tsdb_mmap_chunks_total")
    assert {c.ref for c in chunks} == {1, 2, 3}
    assert {(c.mint, c.maxt) for c in chunks} == {
        (START, START + 119 * STEP),
        (START + 120 * STEP, START + 239 * STEP),
    }
    assert {c.encoding for c in chunks} == {1}
    assert not any(c.out_of_order for c in chunks)
    assert store.metric("prometheus_tsdb_head_chunks_storage_size_bytes") == file.stat().st_size
    assert store.answer() == store.want


def test_a_file_grows_by_each_tick_and_a_selection_outlives_its_mappings(store: Store) -> None:
    store.feed(130)
    store.db.maintain()
    before = store.db.querier(*ALL).select([])
    want = [v for _, v in store.want["s1"]]
    for _ in range(3):
        store.feed(120)
        store.db.maintain()
    assert len(store.files()) == 1
    assert store.answer() == store.want
    for hour in range(3, 8):
        store.feed(HOUR // STEP)
        store.db.maintain()
        assert store.answer() == store.want, hour
    assert before.samples(1, *ALL)[1].tolist() == want


def test_files_go_when_blocks_hold_their_samples(store: Store) -> None:
    for _ in range(24):
        store.feed(HOUR // STEP // 2)
        store.db.maintain()
    numbers = [int(f.name) for f in store.files()]
    assert numbers[0] > 1
    assert len(numbers) <= 3
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert store.answer() == store.want
    store.crash()
    assert store.answer() == store.want


def test_a_restart_takes_chunks_from_files_and_the_rest_from_the_log(store: Store) -> None:
    store.feed(250)
    store.db.maintain()
    store.feed(200)
    store.crash()
    assert store.answer() == store.want
    assert store.db.head.counts().chunk_bytes > 0  # what closed after the tick was replayed
    store.feed(100)
    store.db.maintain()
    assert store.answer() == store.want
    assert [int(f.name) for f in store.files()] == [1, 2]
    store.crash()
    assert store.answer() == store.want
    assert store.metric("prometheus_tsdb_mmap_chunk_corruptions_total") == 0


def test_a_series_whose_newest_sample_is_in_a_file_knows_duplicates_and_goes_on(store: Store) -> None:
    store.feed(121)
    store.db.maintain()
    path = store.path
    store.db.close()
    for segment in (path / "wal").iterdir():  # the log lost its last commit
        data = segment.read_bytes()
        if data:
            segment.write_bytes(data[: len(data.rstrip(b"\0")) - 1])
    store.open()
    newest = store.want["s0"][-2]
    assert all(store.answer()[n] == store.want[n][:-1] for n in store.names)
    appender = store.db.appender()
    ref = np.array([appender.series(Labels({"__name__": "s0"}))] * 3, np.uint64)
    times = np.array([newest[0], newest[0], newest[0] - 1], np.int64)
    statuses = appender.append(ref, times, np.array([newest[1], newest[1] + 1, 0.0]))
    assert statuses.tolist() == [AppendStatus.DUPLICATE_SAME, AppendStatus.DUPLICATE, AppendStatus.OUT_OF_ORDER]
    appender.rollback()
    store.want = {n: v[:-1] for n, v in store.want.items()}
    store.now -= STEP
    store.feed(10)
    assert store.answer() == store.want


@pytest.mark.parametrize("where", ["header", "first entry", "middle", "last byte", "cut", "empty", "zeros", "missing"])
def test_damage_is_cut_off_and_the_log_fills_the_hole(store: Store, where: str) -> None:
    for _ in range(4):
        store.feed(125)
        store.db.maintain()
        store.db.head._chunk_files._end_file()  # the next tick begins a file
    store.feed(60)
    store.db.close()
    files = store.files()
    assert len(files) >= 4
    damaged = files[1]
    data = bytearray(damaged.read_bytes())
    at = {"header": 0, "first entry": 20, "middle": len(data) // 2, "last byte": len(data) - 1}
    if where in at:
        data[at[where]] ^= 0x55
        damaged.write_bytes(data)
    elif where == "cut":
        damaged.write_bytes(data[:-9])
    elif where == "missing":
        damaged.unlink()
    else:
        damaged = files[-1]
        damaged.write_bytes(b"" if where == "empty" else bytes(100))
    store.open()
    assert store.answer() == store.want
    silent = where in ("empty", "zeros")  # a crash before the header reached the disk
    assert store.metric("prometheus_tsdb_mmap_chunk_corruptions_total") == (0 if silent else 1)
    kept = store.files()
    assert len(kept) == (len(files) - 1 if silent else 2 if where not in ("header", "missing", "first entry") else 1)
    for file in kept:
        read(file.read_bytes())
    store.feed(200)
    store.db.maintain()
    assert store.answer() == store.want
    store.crash()
    assert store.answer() == store.want
    assert store.metric("prometheus_tsdb_mmap_chunk_corruptions_total") == 0


def test_a_full_disk_keeps_chunks_in_memory_until_there_is_room(store: Store) -> None:
    store.feed(130)
    store.db.maintain()
    store.feed(240)
    held = store.db.head.counts().chunk_bytes
    with full_disk(after=100):
        store.db.maintain()
    assert store.metric("narthex_tsdb_head_chunk_write_failures_total") == 1
    assert store.db.head.counts().chunk_bytes == held
    assert store.answer() == store.want
    store.crash()  # nothing half-written was left
    assert store.metric("prometheus_tsdb_mmap_chunk_corruptions_total") == 0
    assert store.answer() == store.want
    store.db.maintain()
    assert store.db.head.counts().chunk_bytes == 0
    assert store.answer() == store.want


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """Chunk files take `after` bytes more, then the disk is full."""
    real, left = os.write, after

    def write_some(fd: int, data: bytes | memoryview) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = real(fd, memoryview(data)[:left])
        left -= n
        return n

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_chunks.os, "write", write_some)
        yield


def test_chunks_that_the_replay_cannot_use_are_left_out_and_their_samples_come_from_the_log(store: Store) -> None:
    store.feed(250)
    store.db.maintain()
    store.db.close()
    (file,) = store.files()
    first, *rest = chunks = read(file.read_bytes())
    strange = [
        HeadChunk(first.ref, first.mint + 5, first.maxt + 5, 1, first.data),  # overlaps
        HeadChunk(first.ref, first.maxt + 1, first.maxt + 2, 77, b"??"),  # unknown encoding
        HeadChunk(first.ref, first.maxt + 9, first.maxt + 1, 1, first.data),  # ends before it begins
        HeadChunk(1 << 40, START, START + 1, 1, first.data),  # nobody's
    ]
    missing = next(c for c in rest if c.ref == 2)
    file.write_bytes(write([first, *strange, *(c for c in rest if c is not missing)]))
    store.open()
    assert store.answer() == store.want
    assert len(chunks) == 6


def test_out_of_order_chunks_are_passed_over_as_their_samples_have_a_log(store: Store) -> None:
    store.feed(130)
    store.db.maintain()
    store.db.close()
    (file,) = store.files()
    chunks = read(file.read_bytes())
    late = HeadChunk(1, START - HOUR, START - HOUR + 1000, 1, chunks[0].data, out_of_order=True)
    file.write_bytes(write([late, *chunks]))
    store.open()
    assert store.answer() == store.want
    for _ in range(10):
        store.feed(HOUR // STEP // 2)
        store.db.maintain()
    assert not file.exists()
