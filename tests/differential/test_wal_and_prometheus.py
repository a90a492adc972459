"""One data directory, two programs: what one wrote the other answers, back and forth."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock
from support.process import needs
from support.prometheus import Prometheus, label_text

Answer = dict[str, list[tuple[int, float]]]
MINUTE = 60_000
HOUR = 60 * MINUTE
SERIES = 40
pytestmark = needs("prometheus", "promtool")


class Feed:
    """The same samples for either program: many series, one sample each a step, values of several shapes."""

    def __init__(self, start: int, step: int) -> None:
        self.now, self.step = start, step
        self._random = random.Random(7)
        self._counters = [0.0] * (2 * SERIES)
        self.sent: Answer = {}

    def labels(self, i: int) -> dict[str, str]:
        return {
            "__name__": f"metric_{i % 4}",
            "instance": f"host-{i}:9100",
            "job": "test",
            "path": "/ä€😀" if i % 3 == 0 else f"/{'x' * (i * 7 % 300)}",
        }

    def steps(self, count: int, first: int = 0, last: int = SERIES) -> Iterator[list[tuple[int, int, float]]]:
        """(series, t, value) for each step."""
        for _ in range(count):
            rows = []
            for i in range(first, last):
                self._counters[i] += self._random.choice([0, 1, 7, 0.25])
                value = [self._counters[i], self._random.random(), float(i), self._random.uniform(-1e9, 1e9)][i % 4]
                t = self.now + i % 5
                rows.append((i, t, value))
                self.sent.setdefault(label_text(self.labels(i)), []).append((t, value))
            self.now += self.step
            yield rows

    def to_narthex(self, db: DB, count: int, first: int = 0, last: int = SERIES) -> None:
        for rows in self.steps(count, first, last):
            appender = db.appender()
            refs = [appender.series(Labels(self.labels(i))) for i, _, _ in rows]
            statuses = appender.append(
                np.array(refs, np.uint64),
                np.array([t for _, t, _ in rows], np.int64),
                np.array([v for _, _, v in rows], np.float64),
            )
            assert not statuses.any()
            appender.commit()

    def to_prometheus(self, prometheus: Prometheus, count: int, first: int = 0, last: int = SERIES) -> None:
        steps = list(self.steps(count, first, last))
        for at in range(0, len(steps), 60):
            part = steps[at : at + 60]
            prometheus.write(
                (self.labels(i), [(rows[k][1], rows[k][2]) for rows in part]) for k, i in enumerate(range(first, last))
            )


def now() -> int:
    return round(time.time() * 1000)


def open_db(path: Path) -> DB:
    return DB.open(path, DBOptions(), Registry(), FakeClock(time.time()))


def read(db: DB, mint: int, maxt: int) -> Answer:
    batch = db.querier(mint, maxt).select([])
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, mint, maxt)
        out[label_text(batch.labels[row])] = list(zip(ts.tolist(), vs.tolist(), strict=True))
    return out


def _head_span(prometheus: Prometheus) -> float:
    return prometheus.metric("prometheus_tsdb_head_max_time") - prometheus.metric("prometheus_tsdb_head_min_time")


def read_prometheus(prometheus: Prometheus, end: int) -> Answer:
    return prometheus.samples(end, 24 * 3600)


def test_prometheus_answers_from_a_log_that_a_killed_narthex_left(tmp_path: Path) -> None:
    feed = Feed(now() - 40 * MINUTE, 10_000)
    db = open_db(tmp_path / "live")
    feed.to_narthex(db, 200)
    shutil.copytree(tmp_path / "live", tmp_path / "data")  # as kill -9 leaves it: not closed, page not filled
    db.close()
    with Prometheus(tmp_path / "data") as prometheus:
        assert read_prometheus(prometheus, feed.now) == feed.sent
        assert "corrupt" not in prometheus.log().lower()


def test_prometheus_reads_on_behind_damage_that_was_repaired(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 80 * MINUTE, 10_000)
    options = DBOptions(wal_segment_size=32 * 1024)
    db = DB.open(data, options, Registry(), FakeClock(time.time()))
    feed.to_narthex(db, 450)
    db.close()
    shutil.rmtree(data / "chunks_head", ignore_errors=True)
    segments = sorted((data / "wal").iterdir())
    assert len(segments) > 3
    damaged = bytearray(segments[1].read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    segments[1].write_bytes(damaged)
    segments[2].unlink()
    db = DB.open(data, options, Registry(), FakeClock(time.time()))
    kept = read(db, 0, feed.now)
    db.close()
    assert {s: samples[-1] for s, samples in kept.items()} == {s: samples[-1] for s, samples in feed.sent.items()}
    assert 100 < min(map(len, kept.values())) < 450
    with Prometheus(data) as prometheus:
        assert read_prometheus(prometheus, feed.now) == kept
        assert "corrupt" not in prometheus.log().lower()


def test_a_log_goes_from_prometheus_to_narthex_and_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 110 * MINUTE, 15_000)
    prometheus = Prometheus(data)
    feed.to_prometheus(prometheus, 300)
    assert list((data / "chunks_head").iterdir()), "closed chunks should have been mapped from disk by now"
    prometheus.stop(signal.SIGKILL)

    db = open_db(data)
    assert read(db, 0, feed.now) == feed.sent
    feed.to_narthex(db, 50, first=5, last=SERIES + 10)  # some series go on, some pause, ten are new
    assert read(db, 0, feed.now) == feed.sent
    db.close()

    prometheus = Prometheus(data)
    assert read_prometheus(prometheus, feed.now) == feed.sent
    feed.to_prometheus(prometheus, 30, last=SERIES + 20)
    prometheus.stop()

    db = open_db(data)
    assert read(db, 0, feed.now) == feed.sent
    db.close()


def test_blocks_and_log_go_from_narthex_to_prometheus_and_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 13 * HOUR, 60_000)
    db = open_db(data)
    for _ in range(12):
        feed.to_narthex(db, 60)
        db.maintain()
    assert len(db.blocks()) >= 2
    assert list(data.glob("wal/checkpoint.*"))
    assert read(db, 0, feed.now) == feed.sent
    feed.to_narthex(db, 20, first=5, last=SERIES + 10)
    assert read(db, 0, feed.now) == feed.sent
    db.close()
    listed = subprocess.run(["promtool", "tsdb", "list", str(data)], capture_output=True, text=True, check=True)
    assert all(block.meta.ulid in listed.stdout for block in db.blocks())

    prometheus = Prometheus(data)
    assert read_prometheus(prometheus, feed.now) == feed.sent
    feed.to_prometheus(prometheus, 30)
    assert read_prometheus(prometheus, feed.now) == feed.sent
    prometheus.stop()

    db = open_db(data)
    assert read(db, 0, feed.now) == feed.sent
    db.close()


def test_blocks_and_log_go_from_prometheus_to_narthex(tmp_path: Path) -> None:
    data = tmp_path / "data"
    feed = Feed(now() - 17 * HOUR, 60_000)
    prometheus = Prometheus(data)
    while not list(data.glob("wal/checkpoint.*")):
        assert feed.now < now(), "five blocks or so should have brought a checkpoint"
        feed.to_prometheus(prometheus, 60)
        prometheus.wait(lambda: _head_span(prometheus) <= 3 * HOUR)  # else it writes all its blocks in one go
    want = read_prometheus(prometheus, feed.now)
    assert want == feed.sent
    prometheus.stop(signal.SIGKILL)

    db = open_db(data)
    assert len(db.blocks()) >= 2
    assert read(db, 0, feed.now) == want
    feed.to_narthex(db, 60)
    db.maintain()
    assert read(db, 0, feed.now) == feed.sent
    db.close()
    with Prometheus(data) as prometheus:
        assert read_prometheus(prometheus, feed.now) == feed.sent
