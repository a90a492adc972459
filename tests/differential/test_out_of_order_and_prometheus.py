"""Late samples: the same ones to both programs, then one data directory through the hands of both."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.storage.contract import AppendStatus
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock
from support.process import needs
from support.prometheus import Prometheus, label_text

Answer = dict[str, list[tuple[int, float]]]
Batch = list[tuple[str, list[tuple[int, float]]]]
MINUTE = 60_000
HOUR = 60 * MINUTE
WINDOW = "storage: {tsdb: {out_of_order_time_window: 12h}}\n"
SERIES = [f"s{i}" for i in range(8)]
pytestmark = needs("prometheus")


def labels(name: str) -> dict[str, str]:
    return {"__name__": "m", "i": name}


def open_db(path: Path, window: int = 12 * HOUR) -> DB:
    db = DB.open(path, DBOptions(), Registry(), FakeClock(time.time()))
    db.set_out_of_order_window(window)
    return db


def to_narthex(db: DB, batch: Batch) -> None:
    appender = db.appender()
    for name, samples in batch:
        refs = np.full(len(samples), appender.series(Labels(labels(name))), np.uint64)
        ts, vs = np.array([t for t, _ in samples], np.int64), np.array([v for _, v in samples], np.float64)
        assert set(appender.append(refs, ts, vs).tolist()) <= {AppendStatus.OK, AppendStatus.DUPLICATE_SAME}
    appender.commit()


def to_prometheus(prometheus: Prometheus, batch: Batch) -> None:
    prometheus.write((labels(name), samples) for name, samples in batch)


def read(db: DB) -> Answer:
    mint, maxt = -(2**62), 2**62
    batch = db.querier(mint, maxt).select([])
    out = {}
    for row in range(len(batch)):
        ts, vs = batch.samples(row, mint, maxt)
        out[label_text(batch.labels[row])] = list(zip(ts.tolist(), vs.tolist(), strict=True))
    return out


def read_prometheus(prometheus: Prometheus, end: int) -> Answer:
    return prometheus.samples(end, 48 * 3600)


def points(answer: Answer) -> set[tuple[str, int, float]]:
    return {(series, *sample) for series, samples in answer.items() for sample in samples}


def feed(start: int, end: int, seed: int, step: int = MINUTE) -> list[Batch]:
    """Samples in order, four of five at each step; the others come late, shuffled, some of them twice."""
    rng = random.Random(seed)
    batches: list[Batch] = []
    late: list[tuple[str, int, float]] = []
    for t in range(start, end, step):
        now = []
        for k, name in enumerate(SERIES):
            value = round(rng.random(), 3)
            if rng.random() < 0.2:
                late.append((name, t + k, value))
            else:
                now.append((name, [(t + k, value)]))
        batches.append(now)
        if rng.random() < 0.1:
            rng.shuffle(late)
            batches += [[(name, [(t, v)])] for name, t, v in late + late[:2]]
            late = []
    return [b for b in batches if b]


def now() -> int:
    return round(time.time() * 1000)


def test_both_take_the_same_late_samples_and_choose_the_same_of_equal_times(tmp_path: Path) -> None:
    """Where several late chunks clash at one time the choice is not compared: it depends on the version of the peer."""
    end = now()
    start = end // (2 * HOUR) * 2 * HOUR - 2 * HOUR  # one chunk a series
    rng = random.Random(5)

    def clash(count: int, value: float) -> Batch:
        return [(name, [(start + k * MINUTE, k + value) for k in rng.sample(range(79), count)]) for name in SERIES]

    in_order: Batch = [(s, [(start + k * MINUTE, float(k)) for k in range(80)]) for s in SERIES]
    db = open_db(tmp_path / "ours")
    with Prometheus(tmp_path / "theirs", config=WINDOW) as prometheus:

        def both(batch: Batch) -> tuple[Answer, Answer]:
            to_narthex(db, batch)
            to_prometheus(prometheus, batch)
            return read(db), read_prometheus(prometheus, end)

        both(in_order)
        ours, theirs = both(clash(30, 0.5))
        assert ours == theirs
        both(clash(45, 0.25))
        ours, theirs = both(clash(70, 0.125))
        assert {name: [t for t, _ in samples] for name, samples in ours.items()} == {
            name: [t for t, _ in samples] for name, samples in theirs.items()
        }
        taken = prometheus.metric("prometheus_tsdb_head_out_of_order_samples_appended_total")
    assert db.head.counts().out_of_order_appended == taken
    db.close()


def test_late_samples_go_from_a_killed_prometheus_to_narthex_and_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    end = now()
    start = end - 110 * MINUTE
    prometheus = Prometheus(data, config=WINDOW)
    for batch in feed(start, start + HOUR, 1):
        to_prometheus(prometheus, batch)
    want = read_prometheus(prometheus, end)
    prometheus.stop(signal.SIGKILL)

    db = open_db(data)
    assert read(db) == want
    for batch in feed(start + HOUR, start + 80 * MINUTE, 2):
        to_narthex(db, batch)
    for batch in feed(start + 500, start + HOUR, 3, 7 * MINUTE):  # late as a whole
        to_narthex(db, batch)
    want = read(db)
    assert sum(map(len, want.values())) > 600
    shutil.copytree(data, tmp_path / "killed")
    db.close()

    for directory in (data, tmp_path / "killed"):
        with Prometheus(directory, config=WINDOW) as prometheus:
            assert read_prometheus(prometheus, end) == want
            assert "corrupt" not in prometheus.log().lower()
            extra: Batch = [("s0", [(start + 5 * MINUTE + 1, 5.0), (start + 90 * MINUTE, 6.0)])]
            to_prometheus(prometheus, extra)
        db = open_db(directory)
        name = label_text(labels("s0"))
        assert read(db) == {**want, name: sorted(want[name] + extra[0][1])}
        db.close()


def test_prometheus_answers_from_late_blocks_of_narthex(tmp_path: Path) -> None:
    data = tmp_path / "data"
    end = now()
    start = end - 5 * HOUR
    db = open_db(data)
    for batch in feed(start, end - HOUR, 4):
        to_narthex(db, batch)
    want = read(db)
    db.block_set.compact = lambda *_, **__: 0  # type: ignore[method-assign]  # leave the merging to the other
    db.maintain()
    assert sum(bool(b.meta.hints) for b in db.blocks()) >= 2
    assert read(db) == want
    for batch in feed(end - HOUR, end - HOUR // 2, 6):
        to_narthex(db, batch)
    want = read(db)
    db.close()
    with Prometheus(data, config=WINDOW) as prometheus:
        assert read_prometheus(prometheus, end) == want
    db = open_db(data)
    db.maintain()
    assert read(db) == want
    db.close()


@pytest.mark.parametrize("merged", [False, True])
def test_narthex_answers_from_late_blocks_of_prometheus(tmp_path: Path, merged: bool) -> None:
    """All that Prometheus still has when it starts again, and nothing that was not sent.

    It may have lost some: before 3.14 it forgets that a block is late when it merges two of them, and skips what the
    log has of their time; and killed while it writes a late block, it does not find all of what was mapped before.
    """
    data = tmp_path / "data"
    end = now()
    start = end - 5 * HOUR
    prometheus = Prometheus(data, config=WINDOW)
    first, later = feed(start, end - HOUR, 7), feed(start + HOUR + 500, start + 2 * HOUR, 8, 9 * MINUTE)
    for batch in first:
        to_prometheus(prometheus, batch)
    prometheus.wait(lambda: prometheus.metric("prometheus_tsdb_compactions_total") >= 2)
    for batch in later:
        to_prometheus(prometheus, batch)
    if merged:
        prometheus.wait(lambda: prometheus.metric("prometheus_tsdb_vertical_compactions_total") >= 1)
    prometheus.stop(signal.SIGKILL)
    shutil.copytree(data, tmp_path / "again")
    with Prometheus(tmp_path / "again", config=WINDOW) as again:
        want = points(read_prometheus(again, end))
    sent = {(label_text(labels(name)), *sample) for batch in first + later for name, own in batch for sample in own}
    db = open_db(data)
    assert len(db.blocks()) >= 2
    assert want <= points(read(db)) <= sent
    db.maintain()
    assert want <= points(read(db)) <= sent
    db.close()


def test_deletions_in_the_head_go_both_ways(tmp_path: Path) -> None:
    data = tmp_path / "data"
    end = now()
    start = end // (2 * HOUR) * 2 * HOUR - 2 * HOUR
    prometheus = Prometheus(data, "--web.enable-admin-api", config=WINDOW)
    to_prometheus(prometheus, [(s, [(start + k * MINUTE, float(k)) for k in range(60)]) for s in SERIES])
    status, _ = prometheus.request(
        "/api/v1/admin/tsdb/delete_series", "POST", **{"match[]": '{i=~"s[0-3]"}'},
        start=(start + 10 * MINUTE) / 1000, end=(start + 20 * MINUTE) / 1000,
    )  # fmt: skip
    assert status == 204
    want = read_prometheus(prometheus, end)
    assert len(want[label_text(labels("s1"))]) == 49
    prometheus.stop(signal.SIGKILL)

    db = open_db(data)
    assert read(db) == want
    db.delete([Matcher(MatchType.EQUAL, "i", "s2")], start + 40 * MINUTE, start + 90 * MINUTE)
    db.delete([Matcher(MatchType.EQUAL, "i", "s5")], -(2**62), 2**62)
    to_narthex(db, [("s2", [(start + 60 * MINUTE, 60.0)])])
    del want[label_text(labels("s5"))]
    want[label_text(labels("s2"))] = [
        (start + k * MINUTE, float(k)) for k in range(61) if not (10 <= k <= 20 or 40 <= k < 60)
    ]
    assert read(db) == want
    shutil.copytree(data, tmp_path / "killed")
    db.close()
    for directory in (data, tmp_path / "killed"):
        with Prometheus(directory, config=WINDOW) as prometheus:
            assert read_prometheus(prometheus, end) == want
