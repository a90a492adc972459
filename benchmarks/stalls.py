"""How long a commit waits while heavy look-ups run over a head of a million series.

    python -m benchmarks.stalls [--series 1000000] [--seconds 3] [--only TEXT]

One thread commits a scrape of 1000 samples every 10 ms, another does one kind of look-up again and again. Prints
milliseconds a commit took: median, 99th percentile and longest, first with nothing beside it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.labels import END, label_sets, log_of

from narthex.clock import SystemClock
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import LabelSets, rows_json
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from narthex.tsdb.select import Planner

WINDOW = END - 3_600_000, END + 3_600_000
ALL = Matcher(MatchType.NOT_EQUAL, "__name__", "")
SCRAPE = 1000  # samples


def look_ups(db: DB) -> dict[str, Callable[[], object]]:
    querier = db.querier(*WINDOW)
    some = Matcher(MatchType.REGEX, "pod", "(worker|cache)-.*[0-9]{3}")

    def series_json() -> None:
        rows, row = querier.series([ALL]), 0
        while row < len(rows):
            _, row = rows_json(rows, row, len(rows), 256 * 1024)

    return {
        "nothing": lambda: time.sleep(0.01),
        "/series of everything": series_json,
        "select of everything": lambda: querier.select([ALL]),
        "/labels of everything": lambda: querier.label_names([ALL]),
        "/label/pod/values": lambda: querier.label_values("pod"),
        "/label/pod/values of everything": lambda: querier.label_values("pod", [ALL]),
        "a regex on all pods, not cached": lambda: Planner(db.head.core).plan([some]),
        "/status/tsdb": lambda: db.head_stats(),
    }


class Committer(threading.Thread):
    """Commits until told to stop; `took` has milliseconds."""

    def __init__(self, db: DB, at: int) -> None:
        super().__init__()
        self.took: list[float] = []
        self.at = at
        self._db, self._done = db, threading.Event()
        sets = LabelSets()
        for _, labels in zip(range(SCRAPE), label_sets(SCRAPE), strict=True):
            sets.add(sorted(labels.items()))
        appender = db.appender()
        self._refs = appender.series_many(sets)
        appender.rollback()

    def run(self) -> None:
        values = np.zeros(SCRAPE)
        while not self._done.wait(0.01):
            self.at += 1000
            begun = time.perf_counter()
            appender = self._db.appender()
            appender.append(self._refs, np.full(SCRAPE, self.at, np.int64), values)
            appender.commit()
            self.took.append((time.perf_counter() - begun) * 1000)

    def stop(self) -> None:
        self._done.set()
        self.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="look-ups whose name contains this")
    options = parser.parse_args()
    log = log_of(options.series)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        shutil.copytree(log, data)
        db = DB.open(data, DBOptions(), Registry(), SystemClock())
        at = END
        for name, look_up in look_ups(db).items():
            if options.only not in name:
                continue
            committer = Committer(db, at)
            committer.start()
            runs, end = 0, time.monotonic() + options.seconds
            while time.monotonic() < end:
                look_up()
                runs += 1
            committer.stop()
            at = committer.at
            took = sorted(committer.took)
            print(
                f"{name:34} {options.seconds / runs * 1000:8.1f} ms each; commits {len(took):4}: median "
                f"{statistics.median(took):6.2f}, 99% {took[len(took) * 99 // 100]:7.2f}, longest {took[-1]:7.2f} ms",
                flush=True,
            )
        db.close()


if __name__ == "__main__":
    main()
