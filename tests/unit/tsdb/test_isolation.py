"""A selection sees all of a commit or nothing of it, whatever kinds of samples it brings."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from reference.chunk_histogram import Histogram, Layout
from support.chunks import histograms_of_row
from support.clock import FakeClock
from support.histograms import batch_of_histograms

ALL = (-(2**62), 2**62)
SERIES = 50
COMMITS = 200
STEP = 1000
START = 1_700_000_000_000
KINDS = ("in order", "late", "histogram", "late histogram")


def commit(db: DB, refs: dict[str, np.ndarray], k: int) -> None:
    """One sample a series: half of the kinds at the front, the others far behind it, at times that nobody has yet."""
    appender = db.appender()
    for kind in KINDS:
        t = START + k * STEP + (-50_000_000 + k if "late" in kind and k else 0)
        times = np.full(SERIES, t, np.int64)
        if "histogram" in kind:
            one = Histogram(Layout(0, 0.5, ((0, 1),)), k, 0, float(k), {0: k}, {}, 0)
            statuses = appender.append_histograms(refs[kind], times, batch_of_histograms([one] * SERIES))
        else:
            statuses = appender.append(refs[kind], times, np.full(SERIES, float(k)))
        assert not statuses.any()
    appender.commit()


def commits_seen(db: DB) -> set[tuple[float, ...]]:
    """What the series show: one entry when all show the same commits."""
    batch = db.querier(*ALL).select([])
    seen = set()
    for row in range(len(batch)):
        _, vs = batch.samples(row, *ALL)
        sums = [h.sum for _, _, h in histograms_of_row(batch, row, *ALL)]
        seen.add(tuple(sorted({*vs.tolist(), *sums})))
    assert len(batch) in (0, len(KINDS) * SERIES)
    return seen


def test_selections_during_commits_see_whole_commits(tmp_path: Path) -> None:
    db = DB.open(tmp_path, DBOptions(), Registry(), FakeClock(START / 1000))
    db.set_out_of_order_window(100_000_000)
    appender = db.appender()
    refs = {
        kind: np.array([appender.series(Labels({"kind": kind, "i": str(i)})) for i in range(SERIES)], np.uint64)
        for kind in KINDS
    }
    appender.commit()
    done = threading.Event()
    torn: list[set[tuple[float, ...]]] = []
    selections = [0, 0]

    def read(reader: int) -> None:
        while not done.is_set():
            seen = commits_seen(db)
            selections[reader] += 1
            if len(seen) > 1:
                torn.append(seen)
                return

    readers = [threading.Thread(target=read, args=(i,)) for i in range(2)]
    for reader in readers:
        reader.start()
    k = 0
    while k < COMMITS or (min(selections) < 5 and k < 20 * COMMITS and not torn):
        commit(db, refs, k)
        k += 1
    done.set()
    for reader in readers:
        reader.join()
    assert not torn
    assert min(selections) >= 5
    assert commits_seen(db) == {tuple(float(n) for n in range(k))}
    db.close()
