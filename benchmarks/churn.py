"""Series that come and go: memory after each two hours of simulated time, and how long a commit waits meanwhile.

    python -m benchmarks.churn [--series 1000000] [--hours 6] [--directory DIR]

Each series lives for ten minutes with a sample a minute; `--series` of them come in two hours, and a tenth as many live
all the time. A second thread commits small batches all the while and notes the longest wait. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from benchmarks.head import anonymous_bytes

from narthex.clock import SystemClock
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import LabelSets
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
LIFE = 10


class Load:
    """Simulated scrapes of one steady and one passing population."""

    def __init__(self, db: DB, series: int) -> None:
        self.db, self.count = db, series * LIFE // 120
        self.minute = 0
        self.steady = self._create("steady", series // 10)
        self.passing = self.steady[:0]

    def _create(self, kind: str, count: int) -> np.ndarray:
        sets = LabelSets()
        for i in range(count):
            pod = f"{kind}-{self.minute:05d}-{i:06d}"
            sets.add(Labels({"__name__": f"m_{i % 50}", "job": kind, "pod": pod, "zone": f"z{i % 7}"}).pairs())
        return self.db.appender().series_many(sets)

    def step(self) -> None:
        """One minute."""
        if self.minute % LIFE == 0:
            self.passing = self._create("passing", self.count)
        appender = self.db.appender()
        for refs in (self.steady, self.passing):
            timestamps = np.full(len(refs), START + self.minute * MINUTE, np.int64)
            appender.append(refs, timestamps, np.arange(len(refs), dtype=np.float64))
        appender.commit()
        self.minute += 1


class Waits:
    """Commits ten samples again and again, as a scrape of a small target would."""

    def __init__(self, db: DB) -> None:
        self._db, self._done = db, threading.Event()
        self.longest = 0.0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Waits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        sets = LabelSets()
        for i in range(10):
            sets.add(Labels({"__name__": "small", "i": str(i)}).pairs())
        while not self._done.wait(0.001):
            started = time.perf_counter()
            appender = self._db.appender()
            refs = appender.series_many(sets)
            newest = max(self._db.head.counts().max_time, START)
            appender.append(refs, np.full(10, newest, np.int64), np.zeros(10))
            appender.commit()
            self.longest = max(self.longest, time.perf_counter() - started)


def run(directory: Path, series: int, hours: int) -> dict[str, object]:
    db = DB.open(directory, DBOptions(retention_time=4 * HOUR), Registry(), SystemClock())
    load = Load(db, series)
    memory, waits, truncations = [], [], []
    for minute in range(hours * 60):
        load.step()
        before = db.head.counts().removed
        with Waits(db) as observed:
            started = time.perf_counter()
            db.maintain()
            seconds = time.perf_counter() - started
        if db.head.counts().removed > before:
            waits.append(observed.longest)
            truncations.append(seconds)
        if minute % 120 == 119:
            ctypes.CDLL(None).malloc_trim(0)
            memory.append(anonymous_bytes())
    counts = db.head.counts()
    db.close()
    return {
        "series_created": counts.created,
        "series_removed": counts.removed,
        "series_left": counts.series,
        "anonymous_MB_by_two_hours": [round(m / 1e6, 1) for m in memory],
        "longest_commit_ms_in_truncation": round(max(waits, default=0) * 1e3, 1),
        "longest_maintenance_s": round(max(truncations, default=0), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--directory", type=Path)
    args = parser.parse_args()
    if args.directory:
        print(json.dumps(run(args.directory, args.series, args.hours), indent=1))
        return
    with tempfile.TemporaryDirectory(prefix="churn-") as directory:
        print(json.dumps(run(Path(directory), args.series, args.hours), indent=1))


if __name__ == "__main__":
    main()
