"""kill -9 under writing, again and again: what was committed is there after every restart."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from narthex.instrument.registry import Registry
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock

SERIES = 500
STEP = 30_000
ROUNDS = 4

WRITER = """
import sys, threading
from pathlib import Path
import numpy as np
from narthex.clock import SystemClock
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

path, (first, series, step) = Path(sys.argv[1]), map(int, sys.argv[2:])
db = DB.open(path, DBOptions(wal_segment_size=256 * 1024), Registry(), SystemClock())

def maintain():
    while True:
        db.maintain()

threading.Thread(target=maintain, daemon=True).start()
appender = db.appender()
refs = np.array([appender.series(Labels({"i": str(i)})) for i in range(series)], np.uint64)
appender.rollback()
k = first
while True:
    appender = db.appender()
    statuses = appender.append(refs, np.full(len(refs), k * step, np.int64), np.full(len(refs), float(k)))
    assert not statuses.any(), statuses
    appender.commit()
    print(k, flush=True)
    k += 1
"""


def has_checkpoint(path: Path) -> bool:
    """Whether a finished one is there: what is being written has a longer name."""
    return any(path.glob("wal/checkpoint.????????"))


def killed_writer(path: Path, first: int, commits: int, to_checkpoint: bool) -> int:
    """Writes until at least `commits` are acknowledged (and a checkpoint is there, when wanted), then kills.

    Gives the last acknowledged number.
    """
    last = first - 1
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), *map(str, (first, SERIES, STEP))], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = int(line)
            if last - first + 1 >= commits and (not to_checkpoint or has_checkpoint(path)):
                break
        process.kill()
        for line in process.stdout:
            last = int(line) if line.endswith(b"\n") else last
    assert last >= first, "the writer died by itself"
    return last


def test_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    rng = random.Random(1)
    first = 1000
    begun = first
    for round_ in range(ROUNDS):
        last = killed_writer(tmp_path, first, rng.randrange(200, 500), to_checkpoint=round_ == ROUNDS - 2)
        db = DB.open(tmp_path, DBOptions(), Registry(), FakeClock())
        batch = db.querier(0, 2**62).select([])
        assert len(batch) == SERIES
        want = np.arange(begun, last + 1) * STEP
        newest = set()
        for row in range(SERIES):
            ts, vs = batch.samples(row, 0, 2**62)
            np.testing.assert_array_equal(ts[: len(want)], want)
            np.testing.assert_array_equal(vs * STEP, ts)
            newest.add(int(ts[-1]))
        # At most the one commit that was under way when the kill came may be there in addition, and then as a whole.
        assert newest in ({last * STEP}, {(last + 1) * STEP})
        first = newest.pop() // STEP + 1
        db.close()
    assert has_checkpoint(tmp_path)
