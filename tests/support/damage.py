"""Damages a data directory in one place at a time, opens it and compares what it answers with what was written.

A program: `python -m support.damage SCRATCH SEED COUNT` makes a directory below SCRATCH with every kind of file, tries
about COUNT damages and prints one JSON line for each that was not survived, and a last one with the totals. A crash or
a hang ends the process; SCRATCH/current then says on what.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from narthex.errors import NarthexError
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import wal_records
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from support.clock import FakeClock
from support.known_samples import ALWAYS, Survivors, commit, commit_samples, invented, missing, read

SERIES = 12
LATE = 20  # a series with samples out of order
STEP = 60_000
HOUR = 3_600_000
START = 1_700_000_000_000 // (18 * HOUR) * (18 * HOUR)
HOURS = 13
PAGE = 32 * 1024
HANG_SECONDS = 20.0
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


class Damage(NamedTuple):
    path: str
    action: str
    offset: int
    amount: int

    def of(self, data: bytes) -> bytes:
        """The damaged content; removal is up to the caller."""
        at, n = self.offset, self.amount
        match self.action:
            case "flip":
                return data[:at] + bytes([data[at] ^ n]) + data[at + 1 :]
            case "cut":
                return data[:at]
            case "zero":
                return data[:at] + bytes(len(data[at : at + n])) + data[at + n :]
            case "repeat":  # a page written to the wrong place
                return data[:at] + data[: len(data[at : at + n])] + data[at + n :]
            case "remove":
                return b""
            case "garbage":
                return data + random.Random(n).randbytes(n)
        raise ValueError(self.action)


def open_db(path: Path, snapshots: bool = False) -> DB:
    head = HeadSettings(snapshot_on_shutdown=snapshots)
    options = DBOptions(wal_segment_size=2 * PAGE, retention_time=0, head=head)
    return DB.open(path, options, Registry(), FakeClock((START + HOURS * HOUR) / 1000))


def build(path: Path) -> tuple[Survivors, Survivors]:
    """A directory as a killed server leaves it, with blocks of two levels, deleted samples, a checkpoint, a log.

    Gives what it answers, and what was ever written.
    """
    db = open_db(path)
    db.set_out_of_order_window(2 * HOUR)
    written: Survivors = {}
    for minute in range(HOURS * 60):
        series = [s for s in range(SERIES) if s < SERIES - 2 or minute // 180 % 2 == s % 2]
        samples = [(s, START + minute * STEP) for s in series]
        if minute % 2 == 0 and minute > 60:
            samples.append((LATE, START + (minute - 45) * STEP))
        elif minute % 2:
            samples.append((LATE, START + minute * STEP))
        commit_samples(db, samples)
        for s, t in samples:
            merge(written, {s: np.array([t], np.int64)})
        if minute == 300:
            db.block_set.delete([Matcher(MatchType.EQUAL, "series", "3")], START + HOUR, START + 2 * HOUR)
        if minute % 60 == 59:
            db.maintain()
    db.block_set.delete([Matcher(MatchType.REGEX, "series", "[45]")], START + 7 * HOUR, START + 8 * HOUR)
    db.head.wal.sync_finished()
    return read(db.querier(*ALWAYS).select([])), written


def kind(path: str) -> str:
    """wal/00000007 and wal/00000008 are of one kind."""
    return re.sub(r"\d+", "N", _ULID.sub("ULID", path))


def damages(files: dict[str, bytes], count: int, rng: random.Random) -> Iterator[Damage]:
    """About `count`, as many for each kind of file; every byte of a small file is flipped once."""
    kinds = Counter(kind(path) for path in files)
    for path, data in sorted(files.items()):
        size, share = len(data), count // len(kinds) // kinds[kind(path)] + 1
        if size == 0:
            continue
        flips = share * 3 // 4
        for at in range(size) if size <= flips else sorted(rng.sample(range(size), flips)):
            yield Damage(path, "flip", at, rng.choice([1 << rng.randrange(8), 0xFF]))
        for _ in range(share // 8):
            yield Damage(path, "cut", rng.randrange(size), 0)
        for _ in range(share // 16):
            page = rng.choice([512, 4096, PAGE])
            yield Damage(path, rng.choice(["zero", "repeat"]), rng.randrange(size) // page * page, page)
        yield Damage(path, "remove", 0, 0)
        for n in (1, 7, 100, 5000):
            yield Damage(path, "garbage", size, n)


class Reports(logging.Handler):
    """What the program under test says about damage."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Trial:
    """A copy of a directory, damaged and healed again and again."""

    def __init__(self, origin: Path, want: Survivors, written: Survivors, snapshots: bool) -> None:
        """`snapshots`: the server begins with a head snapshot and leaves one."""
        found = {str(p.relative_to(origin)): p for p in origin.rglob("*") if p.is_file() and p.name != "lock"}
        self.files = {name: path.read_bytes() for name, path in found.items()}
        self.directory, self.want, self.written = origin.with_name(f"trial-of-{origin.name}"), want, written
        self._snapshots = snapshots
        self.reports = Reports()
        logging.getLogger("narthex").addHandler(self.reports)
        logging.getLogger("narthex").propagate = False
        self._nothing = np.empty(1, np.int64)
        self._last_segments = {max(p for p in found if kind(p) == log) for log in ("wal/N", "wbl/N")}
        self._known: dict[str, tuple[int, ...] | None] = {}
        self.restore()

    def restore(self) -> None:
        """Puts back what differs from the beginning."""
        for root, _, names in os.walk(self.directory, topdown=False):
            for name in names:
                path = Path(root) / name
                if str(path.relative_to(self.directory)) not in self.files:
                    path.unlink()
            if not any(Path(root).iterdir()):
                Path(root).rmdir()
        for name, data in self.files.items():
            path = self.directory / name
            if (state := self._state(path)) is None or self._known.get(name) != state:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                self._known[name] = self._state(path)

    @staticmethod
    def _state(path: Path) -> tuple[int, ...] | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def run(self, damage: Damage) -> str:
        """What was wrong about the answers, "" for nothing."""
        data = damage.of(self.files[damage.path])
        (self.directory / damage.path).write_bytes(data)
        if damage.action == "remove":
            (self.directory / damage.path).unlink()
        self.reports.texts.clear()
        try:
            found, failures = self._first_start()
            lost, back = missing(self.want, found), invented(self.want, found)
            if (
                not failures
                and not self.reports.texts
                and not cannot_be_seen(damage, data, self._last_segments, self._snapshots)
            ):
                assert not lost, f"{lost} samples are missing and nothing says so"
                # Deletions lie in the block; the log may still hold what a lost block no longer hides.
                assert not back, f"{back} deleted samples are back and nothing says so"
            return self._second_start(found)
        except AssertionError as e:
            return str(e)
        except Exception as e:
            return f"{type(e).__name__}: {e}"

    def _first_start(self) -> tuple[Survivors, list[str]]:
        db = open_db(self.directory, self._snapshots)
        try:
            found, failures = ask(db)
            unknown = invented(self.written, found)
            assert not unknown, f"{unknown} samples that nobody wrote"
            self._next = max(db.head.counts().max_time, START + HOURS * 60 * STEP) + STEP
            commit(db, range(SERIES), self._next)
        finally:
            db.close()
        return found, failures

    def _second_start(self, first: Survivors) -> str:
        """What survived the first start, and what was written in it, is there for good."""
        db = open_db(self.directory, self._snapshots)
        try:
            found, _ = ask(db)
        finally:
            db.close()
        if any(found.get(s, self._nothing)[-1:] != [self._next] for s in range(SERIES)):
            return "a sample that was written after the damage is missing"
        return f"{missing(first, found)} samples vanished at the second start" if missing(first, found) else ""


def cannot_be_seen(damage: Damage, data: bytes, last: set[str], snapshots: bool) -> bool:
    """A log that ends at a record's end is sound, and so is a meta.json that tells of other times.

    Prometheus takes a missing file of tombstones for nothing deleted, too. A snapshot keeps the log from repeating the
    chunks of a file that ends at a chunk's end, or that is gone.
    """
    if snapshots and damage.path.startswith("chunks_head"):
        return damage.action in ("cut", "zero", "remove")
    if damage.action == "remove":
        return damage.path.endswith("tombstones") or damage.path in last
    if damage.path.startswith(("wal", "wbl")):
        return damage.action in ("cut", "zero") and wal_records(data)[2] == ""
    return damage.path.endswith("meta.json")


def ask(db: DB) -> tuple[Survivors, list[str]]:
    """All samples that can be had, block by block where the whole fails, and the errors on the way."""
    failures = []
    try:
        found = read(db.querier(*ALWAYS).select([]))
        selections = [[Matcher(MatchType.EQUAL, "series", "3")], [Matcher(MatchType.REGEX, "shape", "n.*")]]
        for matchers in selections:
            part = read(db.querier(*ALWAYS).select(matchers))
            wanted = {s for s in found if (s == 3 if matchers[0].name == "series" else s % 2 == 0)}
            assert set(part) == wanted, f"{matchers} selects {sorted(part)}"
        names = db.querier(*ALWAYS).label_values("series")
        assert not found or set(names) <= {str(s) for s in (*range(SERIES), LATE)}, names
    except NarthexError as e:
        failures.append(str(e))
        found = {}
        for mint in range(START, START + (HOURS + 2) * HOUR, HOUR):
            try:
                merge(found, read(db.querier(mint, mint + HOUR - 1).select([])))
            except NarthexError as e:
                failures.append(str(e))
    return found, failures


def merge(found: Survivors, more: Survivors) -> None:
    for series, times in more.items():
        found[series] = np.union1d(found.get(series, times), times)


def main() -> None:
    scratch, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.fsync = lambda fd: None  # type: ignore[assignment]  # this is about damage, not about the order of writes
    killed, stopped = scratch / "killed", scratch / "stopped"
    want, written = build(killed)
    shutil.copytree(killed, stopped, ignore=shutil.ignore_patterns("lock"))
    open_db(stopped, True).close()
    done: Counter[str] = Counter()
    for origin, share in ((killed, count * 2 // 3), (stopped, count // 3)):
        trial = Trial(origin, want, written, origin == stopped)
        for damage in damages(trial.files, share, random.Random(seed)):
            (scratch / "current").write_text(f"{origin.name} {damage!r}")
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            wrong = trial.run(damage)
            trial.restore()
            done[f"{kind(damage.path)} {damage.action}"] += 1
            if wrong:
                print(json.dumps({"damage": damage, "of": origin.name, "wrong": wrong}), flush=True)
    print(json.dumps({"done": done}))


if __name__ == "__main__":
    main()
