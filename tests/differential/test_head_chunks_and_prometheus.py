"""Head chunk files and snapshots of one program, read by the other: from them alone, and together with the log."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

from differential.test_wal_and_prometheus import MINUTE, SERIES, Answer, Feed, now, open_db, read, read_prometheus
from narthex.instrument.registry import Registry
from narthex.native import wal_frame, wal_records
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from narthex.tsdb.wal import list_segments
from reference.head_chunks import HeadChunk
from reference.head_chunks import read as read_file
from support.clock import FakeClock
from support.process import needs
from support.prometheus import Prometheus

pytestmark = needs("prometheus")
BLOCK = 120 * MINUTE


def chunks_of(data: Path) -> list[HeadChunk]:
    return [c for f in sorted((data / "chunks_head").iterdir()) for c in read_file(f.read_bytes())]


def forget_samples(data: Path) -> None:
    """Leaves the log with its series alone."""
    for segment in list_segments(data / "wal"):
        records = wal_records(segment.path.read_bytes())[0]
        segment.path.write_bytes(wal_frame([r for r in records if r[0] == 1]))


def in_closed_chunks(sent: Answer, data: Path) -> Answer:
    """What should be left of `sent`: of each series the oldest samples. Both programs number series as they come."""
    counts = dict.fromkeys(range(1, len(sent) + 1), 0)
    for c in chunks_of(data):
        counts[c.ref] += int.from_bytes(c.data[:2], "big")
    assert all(counts.values())
    return {labels: samples[:count] for (labels, samples), count in zip(sent.items(), counts.values(), strict=True)}


def assert_undamaged(prometheus: Prometheus) -> None:
    assert prometheus.metric("prometheus_tsdb_mmap_chunk_corruptions_total") == 0
    assert "corrupt" not in prometheus.log().lower()
    assert "out of sequence" not in prometheus.log().lower()


def test_prometheus_reads_our_chunk_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 90 * MINUTE, 15_000)
    db = open_db(data)
    for _ in range(3):
        feed.to_narthex(db, 110)
        db.maintain()
    db.close()
    bare = tmp_path / "bare"
    shutil.copytree(data, bare)
    forget_samples(bare)
    with Prometheus(bare) as prometheus:
        assert read_prometheus(prometheus, feed.now) == in_closed_chunks(feed.sent, bare)
        assert_undamaged(prometheus)
    with Prometheus(data) as prometheus:
        assert read_prometheus(prometheus, feed.now) == feed.sent
        feed.to_prometheus(prometheus, 30)
        assert read_prometheus(prometheus, feed.now) == feed.sent
        assert_undamaged(prometheus)
    db = open_db(data)
    assert read(db, 0, feed.now) == feed.sent
    db.close()


def test_we_read_prometheus_chunk_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # Over the edge of a block, where all chunks end: those open at the end are too small for the limit on bytes, which
    # Prometheus has since 2.43.
    feed = Feed(now() // BLOCK * BLOCK - BLOCK - 80 * MINUTE, 15_000)
    prometheus = Prometheus(data)
    feed.to_prometheus(prometheus, 400)
    prometheus.stop()
    bare = tmp_path / "bare"
    shutil.copytree(data, bare)
    forget_samples(bare)
    db = open_db(bare)
    assert read(db, 0, feed.now) == in_closed_chunks(feed.sent, bare)
    db.close()
    db = open_db(data)
    assert read(db, 0, feed.now) == feed.sent
    assert db.head.counts().chunk_bytes == 0  # nothing had to be closed again
    db.close()


def test_a_killed_server_leaves_chunk_files_to_the_other_many_times(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 110 * MINUTE, 15_000)
    for turn in range(3):
        prometheus = Prometheus(data)
        assert read_prometheus(prometheus, feed.now) == feed.sent
        feed.to_prometheus(prometheus, 60)
        assert_undamaged(prometheus)
        prometheus.stop(signal.SIGKILL)
        db = open_db(data)
        assert read(db, 0, feed.now) == feed.sent
        feed.to_narthex(db, 60, last=SERIES + turn)
        db.maintain()
        feed.to_narthex(db, 5)
        left = tmp_path / f"left-{turn}"
        shutil.copytree(data, left)  # as kill -9 leaves it
        db.close()
        data = left
    assert len({c.ref for c in chunks_of(data)}) >= SERIES
    assert time.time() * 1000 > feed.now


SNAPSHOT = "--enable-feature=memory-snapshot-on-shutdown"


def open_with_snapshots(path: Path) -> DB:
    options = DBOptions(head=HeadSettings(snapshot_on_shutdown=True))
    return DB.open(path, options, Registry(), FakeClock(time.time()))


def test_prometheus_begins_with_our_snapshot(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 90 * MINUTE, 15_000)
    db = open_with_snapshots(data)
    feed.to_narthex(db, 300)
    db.close()
    blank_samples(data)
    with Prometheus(data, SNAPSHOT) as prometheus:
        assert read_prometheus(prometheus, feed.now) == feed.sent
        assert_undamaged(prometheus)
        assert prometheus.metric("prometheus_tsdb_snapshot_replay_error_total") == 0
        feed.to_prometheus(prometheus, 30)
        assert read_prometheus(prometheus, feed.now) == feed.sent


def test_we_begin_with_a_snapshot_of_prometheus(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 110 * MINUTE, 15_000)
    prometheus = Prometheus(data, SNAPSHOT)
    feed.to_prometheus(prometheus, 300)
    prometheus.stop()
    blank_samples(data)
    db = open_with_snapshots(data)
    assert read(db, 0, feed.now) == feed.sent
    feed.to_narthex(db, 50)
    assert read(db, 0, feed.now) == feed.sent
    db.close()
    with Prometheus(data, SNAPSHOT) as prometheus:
        assert read_prometheus(prometheus, feed.now) == feed.sent
        assert_undamaged(prometheus)


def blank_samples(data: Path) -> None:
    """`forget_samples`, but segments keep their length."""
    sizes = {s.path: s.path.stat().st_size for s in list_segments(data / "wal")}
    forget_samples(data)
    for path, size in sizes.items():
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
