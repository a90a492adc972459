"""A clean stop leaves a snapshot, and the next start takes it in place of the log, unless something does not fit."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from narthex.instrument.registry import Registry
from narthex.native import wal_frame, wal_records
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from narthex.tsdb.wal import list_segments
from reference.head_snapshot import NO_TOMBSTONES, read_series
from support.clock import FakeClock

from .test_head_chunks import HOUR, START, Answer, Store


class SnapshotStore(Store):
    """With the feature on."""

    snapshot = True

    def open(self) -> None:
        self.registry = Registry()
        settings = HeadSettings(snapshot_on_shutdown=self.snapshot)
        self.db = DB.open(self.path, DBOptions(head=settings), self.registry, FakeClock(START / 1000))

    def snapshots(self) -> list[Path]:
        return sorted(self.path.glob("chunk_snapshot.*"))

    def stop(self) -> list[bytes]:
        """Gives the records of the one snapshot that is left."""
        self.db.close()
        (directory,) = self.snapshots()
        return [r for s in list_segments(directory) for r in wal_records(s.path.read_bytes())[0]]

    def log_without_samples(self) -> None:
        for segment in list_segments(self.path / "wal"):
            records = [r for r in wal_records(segment.path.read_bytes())[0] if r[0] == 1]
            size = segment.path.stat().st_size
            segment.path.write_bytes(wal_frame(records).ljust(size, b"\0"))


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "data")


def test_a_snapshot_holds_each_series_with_its_open_chunk_and_no_tombstones(store: SnapshotStore) -> None:
    store.feed(200)
    *records, last = store.stop()
    assert last == NO_TOMBSTONES
    series = [read_series(r) for r in records]
    assert [(s.ref, s.labels["__name__"]) for s in series] == [(1, "s0"), (2, "s1"), (3, "s2")]
    for s in series:
        want = store.want[s.labels["__name__"]]
        assert (s.mint, s.maxt, s.encoding) == (want[120][0], want[-1][0], 1)
        assert int.from_bytes(s.chunk[:2], "big") == 80
        assert struct.unpack(">d", s.last) == (want[-1][1],)
    (directory,) = store.snapshots()
    newest = list_segments(store.path / "wal")[-1]
    assert directory.name == f"chunk_snapshot.{newest.number:06d}.{newest.path.stat().st_size:010d}"


def test_a_start_needs_only_the_snapshot_and_what_was_logged_after_it(store: SnapshotStore) -> None:
    store.feed(200)
    store.stop()
    store.log_without_samples()
    store.open()
    assert store.answer() == store.want
    store.feed(50)
    store.crash()  # the old snapshot stands, with the log that followed it
    assert store.answer() == store.want
    store.feed(100)
    store.stop()
    store.log_without_samples()
    store.open()
    assert store.answer() == store.want
    assert store.metric("prometheus_tsdb_snapshot_replay_error_total") == 0
    store.db.close()


def test_snapshots_follow_through_blocks_and_checkpoints(store: SnapshotStore) -> None:
    for _ in range(8):
        store.feed(HOUR * 2 // 15_000)
        store.db.maintain()
        store.stop()
        store.open()
        assert store.answer() == store.want
    assert list((store.path / "wal").glob("checkpoint.*"))
    store.crash()
    assert store.answer() == store.want
    store.db.close()


def test_a_snapshot_that_a_checkpoint_overtook_brings_no_series_back(store: SnapshotStore) -> None:
    store.feed(200)
    store.stop()
    store.open()
    names, store.names = store.names, store.names[:2]
    while any(b"s2" in r for s in store.path.rglob("wal/**/0*") if s.is_file() for r in wal_records(s.read_bytes())[0]):
        store.feed(HOUR // 15_000)
        store.db.maintain()
    store.crash()
    assert len(store.snapshots()) == 1
    store.names = names
    store.feed(10)
    store.snapshot = False
    store.crash()  # nobody but the log knows
    assert store.answer() == store.want
    store.db.close()


@pytest.mark.parametrize("where", ["first byte", "middle", "cut", "chunk files", "log is shorter", "log is gone"])
def test_what_does_not_fit_is_left_for_the_log(store: SnapshotStore, where: str) -> None:
    store.feed(300)
    store.stop()
    (directory,) = store.snapshots()
    segment = directory / "00000000"
    data = bytearray(segment.read_bytes())
    want: Answer = store.want
    if where in ("first byte", "middle"):
        data[10 if where == "first byte" else len(data.rstrip(b"\0")) // 2] ^= 0x55
        segment.write_bytes(data)
    elif where == "cut":
        segment.write_bytes(data[: len(data.rstrip(b"\0")) - 70])
    elif where == "chunk files":
        chunk_file = store.path / "chunks_head" / "000001"
        chunk_file.write_bytes(chunk_file.read_bytes()[:-5])
    elif where == "log is shorter":
        directory.rename(directory.with_name("chunk_snapshot.000000.0000327680"))
    else:
        shutil.rmtree(store.path / "wal")
        shutil.rmtree(store.path / "chunks_head")
        want = {}
    store.open()
    assert store.answer() == want
    broken = where in ("first byte", "middle", "cut")
    assert store.metric("prometheus_tsdb_snapshot_replay_error_total") == broken
    store.db.close()


def test_without_the_feature_snapshots_are_removed_and_the_log_is_replayed(store: SnapshotStore) -> None:
    store.feed(200)
    store.stop()
    store.snapshot = False
    store.open()
    assert store.answer() == store.want
    assert store.snapshots() == []
    store.db.close()
    assert store.snapshots() == []
