"""A disk that becomes full at every point where a database touches its files, one after the other, and empty again.

A program: `python -m support.full_disk MOUNT`, which is a small file system of its own. Each round is a forked life on
one directory: at its point the disk becomes full and stays so for a while; writes may fail then and nothing else.
Prints a JSON line for each round.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from narthex.errors import StorageError
from narthex.tsdb.db import DB
from support.crashes import KEPT, MINUTE, START, STEP, in_order, open_db, out_of_order
from support.known_samples import ALWAYS, commit_samples, read
from support.sync_points import Points

LIFE = 80 * MINUTE  # of simulated time
FULL = 20 * MINUTE


class Ballast:
    """What fills the disk."""

    def __init__(self, mount: Path) -> None:
        self._path = mount / "ballast"

    def load(self) -> None:
        with self._path.open("wb", buffering=0) as f:
            for piece in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(bytes(piece))
                except OSError:
                    continue

    def drop(self) -> None:
        self._path.unlink(missing_ok=True)


class Life:
    """Writes, maintains and asks, for LIFE of simulated time, while the disk is full for a part of it."""

    def __init__(self, directory: Path, stored: list[int], points: Points, ballast: Ballast) -> None:
        """`stored`: what is there already."""
        self._directory, self._points, self._ballast = directory, points, ballast
        self._full_since: int | None = None
        self._first = self._now = max(stored, default=START - STEP) // MINUTE * MINUTE + MINUTE
        self.stored = stored
        self.failed: Counter[str] = Counter()

    def run(self) -> None:
        self._points.act = self._fill
        self._points.watch()
        db = self._opened()
        for now in range(self._first, self._first + LIFE, STEP):
            self._now = now
            if self._full_since is not None and self._now > self._full_since + FULL:
                self._ballast.drop()
                self._full_since = None
            self._commit(db)
            if self._now % (5 * MINUTE) == 0:
                self._maintain(db)
                self._ask(db)
        self._ballast.drop()
        self._full_since = None
        for _ in range(2):
            self._maintain(db)
        assert self.failed.total() < 3 * FULL // STEP, self.failed
        db.close()
        left = list(self._directory.rglob("*tmp*"))
        assert not left, f"left behind: {left}"

    def _fill(self) -> None:
        self._ballast.load()
        self._full_since = self._now

    def _opened(self) -> DB:
        try:
            return open_db(self._directory, self._first)
        except StorageError:
            self._permit("open")
            self._ballast.drop()
            self._full_since = None
            return open_db(self._directory, self._first)

    def _commit(self, db: DB) -> None:
        try:
            commit_samples(db, in_order(self._now) + out_of_order(self._now))
            self.stored.append(self._now)
        except StorageError:
            self._permit("commit")

    def _maintain(self, db: DB) -> None:
        try:
            db.maintain()
        except StorageError:
            self._permit("maintain")

    def _permit(self, what: str) -> None:
        """Called for an error that is being handled: only a full disk excuses it."""
        if self._full_since is None:
            raise
        self.failed[what] += 1

    def _ask(self, db: DB) -> None:
        check(db, self.stored, self._now)


def check(db: DB, stored: list[int], now: int) -> None:
    """All that was stored is there, and nothing of what was refused."""
    assert not db.block_set.broken, db.block_set.broken
    found = read(db.querier(*ALWAYS).select([]))
    oldest = max(stored[0], now - KEPT) if stored else now
    want = {s for t in stored if t >= oldest for s in in_order(t) + out_of_order(t) if s[1] >= oldest}
    have = {(s, t) for s, times in found.items() for t in times[times >= oldest].tolist()}
    assert have == want, f"{len(want - have)} samples are missing, {len(have - want)} were refused and are there"


def run_round(directory: Path, stored: list[int], points: Points, ballast: Ballast) -> dict[str, Any]:
    """Forks a life and tells how it went."""
    listen, say = os.pipe()
    child = os.fork()
    if child == 0:
        life, wrong = Life(directory, stored, points, ballast), ""
        try:
            life.run()
        except BaseException:
            wrong = traceback.format_exc()
        told = {"seen": points.seen, "failed": life.failed, "stored": life.stored, "wrong": wrong}
        with os.fdopen(say, "wb") as pipe:
            pipe.write(json.dumps(told).encode())
        os._exit(0)
    os.close(say)
    with os.fdopen(listen, "rb") as pipe:
        told = json.loads(pipe.read() or b'{"wrong": "the life ended without a word"}')
    os.waitpid(child, 0)
    ballast.drop()
    return dict(told)


def main() -> None:
    mount = Path(sys.argv[1])
    logging.getLogger("narthex").addHandler(logging.NullHandler())
    logging.getLogger("narthex").propagate = False
    directory, ballast = mount / "data", Ballast(mount)
    told = run_round(directory, [], Points(directory), ballast)
    stored, seen = told.get("stored", []), told.get("seen", {})
    print(json.dumps({"point": "", "reached": True, "failed": {}, "wrong": told["wrong"]}), flush=True)
    for n, (point, count) in enumerate(sorted(seen.items())):
        told = run_round(directory, stored, Points(directory, point, 1 + n % min(count, 3)), ballast)
        stored, reached = told.get("stored", [])[-KEPT // STEP :], point in told.get("seen", {})
        summary = {"point": point, "reached": reached, "failed": told.get("failed"), "wrong": told["wrong"]}
        print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
