"""Lives of a database that end by SIGKILL or by the loss of power, one after the other on one directory.

They write floats and native histograms of every kind, in order and late, exemplars and metadata, and delete some of it.

A program: `python -m support.crashes SCRATCH SEED ROUNDS`. It dies at every sync point that any life shows, and beside
that ROUNDS times at random sync points, at random moments and by loss of power. After each round nothing that
was acknowledged is lost (after a loss of power: nothing that had been synced), nothing that was deleted is back, and
everything that is there is right. It prints a JSON line for each round.
"""

from __future__ import annotations

import bisect
import fcntl
import itertools
import json
import logging
import os
import random
import shutil
import signal
import struct
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock
from support.known_histograms import STRETCH
from support.known_samples import (
    ALWAYS,
    ANNOTATED,
    Sample,
    Survivors,
    commit_samples,
    metadata_since,
    read,
    read_exemplars,
)
from support.sync_points import Points

SERIES = 9
STEP = 15_000
MINUTE = 60_000
START = 1_700_000_000_000 // (90 * MINUTE) * (90 * MINUTE)
LIFE = 150 * MINUTE
KEPT = 300 * MINUTE
"""How far back nothing may be lost: less than the retention."""
TORN_WRITE = "write wal/N"
OPTIONS = DBOptions(
    min_block_duration=10 * MINUTE,
    max_block_duration=90 * MINUTE,
    retention_time=480 * MINUTE,
    wal_segment_size=32 * 1024,
    head=HeadSettings(snapshot_on_shutdown=True, max_exemplars=1000),
)


HISTOGRAM_SERIES = (*ANNOTATED, 32)
"""One of each kind; scraped half as often as floats."""
LATE_SERIES = (20, 21)
LATE_HISTOGRAMS = (33, 34, 35)
LATENESS = 30 * MINUTE
WINDOW = 120 * MINUTE
PAUSE = 20 * MINUTE
"""Between two deletions."""
DELETED_SERIES = (2, 31)
DELETED = (10 * MINUTE, 6 * MINUTE)
"""How far back a deletion reaches, and how near; in order."""
DELETED_LATE_SERIES = (21, 33, 34)
DELETED_LATE = (60 * MINUTE, 52 * MINUTE)
"""The same where samples came late, and all have come."""


def open_db(path: Path, now: int) -> DB:
    db = DB.open(path, OPTIONS, Registry(), FakeClock(now / 1000))
    try:
        db.set_out_of_order_window(WINDOW)
    except BaseException:
        db.close()
        raise
    return db


def wanted_series(time: int) -> list[int]:
    """Series come and go."""
    return [s for s in range(SERIES) if s < SERIES - 3 or time // (40 * MINUTE) % 3 == s % 3]


def in_order(now: int) -> list[Sample]:
    late = ((), LATE_SERIES + LATE_HISTOGRAMS, (), LATE_SERIES)[now // STEP % 4]
    series = [*wanted_series(now), *late, *(() if now // STEP % 2 else HISTOGRAM_SERIES)]
    return [(s, now) for s in series]


def out_of_order(now: int) -> list[Sample]:
    """What every other commit brings late."""
    series = (LATE_SERIES + LATE_HISTOGRAMS, (), LATE_SERIES, ())[now // STEP % 4]
    return [(s, now - LATENESS) for s in series]


def delete(db: DB, now: int) -> None:
    """What is not long ago, in head and blocks. Raises StorageError."""
    for series, (far, near) in ((DELETED_SERIES, DELETED), (DELETED_LATE_SERIES, DELETED_LATE)):
        matcher = Matcher(MatchType.REGEX, "series", "|".join(map(str, series)))
        db.delete([matcher], now - far, now - near)


def is_deleted(sample: Sample, deletions: Sequence[int]) -> bool:
    """Whether one of the deletions, named by their times in order, covers a sample."""
    series, time = sample
    if series in DELETED_SERIES:
        far, near = DELETED
    elif series in DELETED_LATE_SERIES:
        far, near = DELETED_LATE
    else:
        return False
    at = bisect.bisect_left(deletions, time + near)
    return at < len(deletions) and deletions[at] <= time + far


@dataclass
class Outcome:
    """What a life said before it ended."""

    tried: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    deletions: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    """Acknowledged."""
    durable: int = 0
    """Commits up to this time were on the disk for good."""
    synced: dict[str, int] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)


def live(directory: Path, first: int, points: Points, say: int, beside: bool) -> None:
    """Writes from `first` on, with maintenance beside it or in between, for ever or for LIFE and a clean stop; deletes
    whenever PAUSE is over.

    Never returns.
    """
    raw_write = os.write
    commits: list[tuple[int, int]] = []  # (time, segment)
    durable = 0

    def tell(kind: bytes, number: int, text: bytes = b"") -> None:
        raw_write(say, kind + struct.pack("<q", number) + text)

    def last_words() -> None:
        words = json.dumps({"synced": points.synced, "seen": points.seen, "durable": durable}).encode()
        tell(b"W", len(words), words)

    points.last_words = last_words
    points.watch()
    db = open_db(directory, first)

    last_deletion = first

    def maintain(now: int) -> None:
        nonlocal last_deletion
        db.maintain()
        if now >= last_deletion + PAUSE:
            tell(b"D", now)
            delete(db, now)
            tell(b"E", now)
            last_deletion = now

    def maintain_for_ever() -> None:
        while True:
            maintain(commits[-1][0] if commits else first)

    if beside:
        threading.Thread(target=maintain_for_ever, daemon=True).start()
    for now in itertools.count(first, STEP):
        tell(b"T", now)
        commit_samples(db, in_order(now) + out_of_order(now))
        tell(b"A", now)
        commits.append((now, db.head.wal.current))
        if not beside and now % (5 * MINUTE) == 0:
            maintain(now)
            durable = max((t for t, segment in commits if segment < db.head.wal.current), default=durable)
        if not beside and now > first + LIFE:
            db.close()
            durable = now
            points.die()


def run_life(directory: Path, first: int, points: Points, kill_after: float | None = None) -> Outcome:
    """Forks a life. With `kill_after` (seconds) maintenance runs beside the writes and the kill comes from outside."""
    listen, say = os.pipe()
    fcntl.fcntl(say, fcntl.F_SETPIPE_SZ, 1 << 20)
    child = os.fork()
    if child == 0:
        try:
            live(directory, first, points, say, kill_after is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(say)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(listen, "rb") as pipe:
        outcome = heard(pipe.read())
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the life ended by an error of its own"
    return outcome


def heard(words: bytes) -> Outcome:
    outcome, at = Outcome(), 0
    times = {b"T": outcome.tried, b"A": outcome.acknowledged, b"D": outcome.deletions, b"E": outcome.deleted}
    while at + 9 <= len(words):
        kind, number = words[at : at + 1], struct.unpack_from("<q", words, at + 1)[0]
        at += 9
        if kind in times:
            times[kind].append(number)
        else:
            told = json.loads(words[at : at + number])
            outcome.synced, outcome.seen, outcome.durable = told["synced"], Counter(told["seen"]), told["durable"]
            at += number
    return outcome


class History:
    """Everything that was ever tried, and what of it must be there. Commits and deletions are named by their times."""

    def __init__(self, directory: Path, scratch: Path) -> None:
        self.directory, self._scratch = directory, scratch
        self.tried: set[int] = set()
        self.required: set[int] = set()
        self.required_late: set[int] = set()
        """Of commits whose out-of-order samples must be there."""
        self.deletions: set[int] = set()
        self.deleted: set[int] = set()
        """Deletions whose samples must not be there."""
        self.next = self._last_start = START
        self._possible: set[Sample] = set()

    def add(self, outcome: Outcome) -> None:
        self._last_start = self.next
        self.tried.update(outcome.tried)
        self._possible.update(sample for t in outcome.tried for sample in in_order(t) + out_of_order(t))
        self.required.update(outcome.acknowledged)
        self.required_late.update(outcome.acknowledged)
        self.deletions.update(outcome.deletions)
        self.deleted.update(outcome.deleted)
        self.next = max(self.tried, default=START - STEP) + STEP

    def lose_after(self, durable: int) -> None:
        """What was written after `durable` in the last life may be there or not from now on."""
        self.required = {t for t in self.required if t <= durable or t < self._last_start}
        self.required_late = {t for t in self.required_late if t < self._last_start}
        self.deleted = {t for t in self.deleted if t < self._last_start}

    def check(self) -> None:
        """Opens a copy, so that the next life meets the directory as the last one left it. Raises AssertionError."""
        copy = self._scratch / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.directory, copy)
        snapshot = next(copy.glob("chunk_snapshot.*"), None)
        db = open_db(copy, self.next)
        try:
            assert not db.block_set.broken, db.block_set.broken
            found, exemplars = read(db.querier(*ALWAYS).select([])), read_exemplars(db)
            since = {s: metadata_since(db, s) for s in ANNOTATED}
            head_begin = db.head.counts().min_valid_time
        finally:
            db.close()
        self._check_samples(found)
        self._check_exemplars(exemplars, head_begin)
        for s in ANNOTATED:
            self._check_metadata(s, since[s], may_lack=snapshot is not None)

    def _check_samples(self, found: Survivors) -> None:
        oldest = self.next - KEPT
        want = {sample for t in self.required if t >= oldest for sample in in_order(t)}
        want |= {sample for t in self.required_late if t >= oldest for sample in out_of_order(t)}
        have = {(s, t) for s, times in found.items() for t in times.tolist()}
        deletions, deleted = sorted(self.deletions), sorted(self.deleted)
        lost = sorted(sample for sample in want - have if not is_deleted(sample, deletions))
        assert not lost, f"{len(lost)} acknowledged samples are lost, such as {lost[0]} and {lost[-1]}"
        back = sorted(sample for sample in have if is_deleted(sample, deleted))
        assert not back, f"{len(back)} deleted samples are back, such as {back[0]} and {back[-1]}"
        strange = sorted(have - self._possible)
        assert not strange, f"{len(strange)} samples that nobody wrote, such as {strange[0]}"

    def _check_exemplars(self, found: Survivors, head_begin: int) -> None:
        """They live as long as the head's samples at the least."""
        have = {(s, t) for s, times in found.items() for t in times.tolist()}
        want = {sample for t in self.required if t >= head_begin for sample in in_order(t) if sample[0] in ANNOTATED}
        lost = sorted(want - have)
        assert not lost, f"{len(lost)} acknowledged exemplars are lost, such as {lost[0]} and {lost[-1]}"
        strange = sorted(have - self._possible)
        assert not strange, f"{len(strange)} exemplars that nobody wrote, such as {strange[0]}"

    def _check_metadata(self, series: int, since: int | None, may_lack: bool) -> None:
        """A snapshot, which takes the place of the log before it, has no room for them."""
        if self.required and not (since is None and may_lack):
            oldest = max(t for t in self.required if t // STEP % 2 == 0) // STRETCH * STRETCH
            assert since is not None and since >= oldest, f"series {series}: metadata since {since}, not {oldest}"
        wrong = since is not None and since not in {t // STRETCH * STRETCH for t in self.tried}
        assert not wrong, f"series {series}: metadata that nobody wrote, since {since}"


def lose_power(directory: Path, synced: dict[str, int], rng: random.Random) -> None:
    """What was written and not synced is cut, or became zeros, as after the loss of power."""
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        size = path.stat().st_size
        safe = min(synced.get(str(path.relative_to(directory)), 0), size)
        if safe == size:
            continue
        end = rng.randrange(safe, size + 1)
        with path.open("r+b") as f:
            f.truncate(end)
            if rng.random() < 0.3:
                f.truncate(size)


class Rounds:
    """Which death comes next."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self._rng = random.Random(seed)
        self._history = History(scratch / "data", scratch)
        self._untried: list[str] = []
        self.seen: Counter[str] = Counter()
        self.died_at: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self.random = 0
        """Rounds that were not the first at their sync point."""

    def first(self) -> None:
        """A life that shows the sync points."""
        self._run(Points(self._history.directory))

    def next(self) -> dict[str, Any]:
        """Runs a round; what it was. Raises AssertionError."""
        rng = self._rng
        if self._untried:
            point = self._untried.pop(0)
            done = self._die_at(point, rng.randrange(1, min(self.seen[point], 10) + 1), False)
            self._attempts[point] += 1
            if not done["reached"] and self._attempts[point] < 3:
                self._untried[:0] = [TORN_WRITE, point]  # perhaps a point of recovery
            return done
        self.random += 1
        if self.random % 3 == 0:
            after = rng.uniform(0.02, 0.4)
            life = self._run(Points(self._history.directory), after)
            return {"after": round(after, 3), "commits": len(life.acknowledged)}
        point = rng.choice(sorted(self.seen))
        return self._die_at(point, rng.randrange(1, self.seen[point] + 1), self.random % 3 == 1)

    def _die_at(self, point: str, occurrence: int, power: bool) -> dict[str, Any]:
        points = Points(self._history.directory, point, occurrence, self._rng.randrange(1 << 30))
        life = self._run(points, power=power)
        reached = life.seen[point] == occurrence
        if reached:
            self.died_at[point] += 1
        return {
            "point": point, "occurrence": occurrence, "reached": reached, "power": power,
            "commits": len(life.acknowledged),
        }  # fmt: skip

    def _run(self, points: Points, kill_after: float | None = None, power: bool = False) -> Outcome:
        history = self._history
        life = run_life(history.directory, history.next, points, kill_after)
        self._untried += sorted(set(life.seen) - set(self.seen))
        self.seen = Counter({p: max(n, self.seen[p]) for p, n in (self.seen | life.seen).items()})
        history.add(life)
        if power:
            lose_power(history.directory, life.synced, self._rng)
            history.lose_after(life.durable)
        history.check()
        return life


def main() -> None:
    scratch, seed, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.getLogger("narthex").addHandler(logging.NullHandler())
    logging.getLogger("narthex").propagate = False
    deaths = Rounds(scratch, seed)
    deaths.first()
    for number in itertools.count():
        try:
            print(json.dumps({"round": number, **deaths.next()}), flush=True)
        except AssertionError as e:
            print(json.dumps({"round": number, "wrong": str(e)}), flush=True)
            return
        if deaths.random >= rounds:
            break
    print(json.dumps({"died_at": deaths.died_at, "seen": deaths.seen}))


if __name__ == "__main__":
    main()
