"""Where a process touches the files of a data directory: each such call is a point at which something can be made to
happen, such as its death.

`watch` is for a process that is going to end soon: its hooks cannot be taken back. A point is named by the call and the
kind of file, such as `rename ULID.tmp-for-creation` or `write wal/N`; it happens before the call, death in a write
after a part of it.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_EVENTS = {
    "os.rename": "rename", "os.remove": "remove", "os.rmdir": "rmdir", "os.mkdir": "mkdir", "os.truncate": "truncate",
    "os.link": "link",
}  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def file_kind(path: str) -> str:
    """wal/00000007 and wal/00000008 are of one kind."""
    return re.sub(r"\d+", "N", _ULID.sub("ULID", path))


class Points:
    """What a watched process did to its files, counted by point; `synced` are the lengths that were made durable."""

    def __init__(self, directory: Path, fatal: str = "", occurrence: int = 0, seed: int = 0) -> None:
        """Calls `act` at that occurrence (from 1) of the point `fatal`: it dies, having called `last_words`."""
        self.seen: Counter[str] = Counter()
        self.synced: dict[str, int] = {}
        self.last_words: Callable[[], None] = lambda: None
        self.act: Callable[[], None] = self.die
        self._directory = f"{directory.resolve()}/"
        if directory.is_dir():  # what is old has reached the disk
            self.synced = {str(p.relative_to(directory)): p.stat().st_size for p in directory.rglob("*") if p.is_file()}
        self._fatal, self._occurrence, self._random = fatal, occurrence, random.Random(seed)
        self._write, self._fsync = os.write, os.fsync

    def watch(self) -> None:
        os.write = self._on_write
        os.fsync = self._on_fsync
        sys.addaudithook(self._on_event)

    def die(self) -> None:
        self.last_words()
        os.kill(os.getpid(), signal.SIGKILL)

    def _reached(self, call: str, path: str) -> bool:
        point = f"{call} {file_kind(path)}"
        self.seen[point] += 1
        return point == self._fatal and self.seen[point] == self._occurrence

    def _inside(self, path: object, at: object = -1) -> str:
        """The path within the directory, "" for all others."""
        if isinstance(path, int):
            found = Path(f"/proc/self/fd/{path}").readlink()
        elif isinstance(path, (str, os.PathLike)):
            parent = Path(f"/proc/self/fd/{at}").readlink() if isinstance(at, int) and at >= 0 else Path.cwd()
            found = parent / path
        else:
            return ""
        return str(found).removeprefix(self._directory) if str(found).startswith(self._directory) else ""

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            call = "create" if isinstance(flags, int) and flags & _WRITING else ""
            inside = self._inside(path) if call else ""
        else:
            call = _EVENTS.get(event, "")
            at = arguments[1] if event in ("os.remove", "os.rmdir") else -1
            inside = self._inside(arguments[0], at) if call else ""
            if call == "rename" and inside:
                self._moved(inside, self._inside(arguments[1]))
        if inside and self._reached(call, inside):
            self.act()

    def _moved(self, source: str, target: str) -> None:
        for path in [p for p in self.synced if p == source or p.startswith(source + "/")]:
            self.synced[target + path.removeprefix(source)] = self.synced.pop(path)

    def _on_write(self, fd: int, data: Any) -> int:
        inside = self._inside(fd)
        if inside and self._reached("write", inside):
            if self.act == self.die:
                self._write(fd, memoryview(data)[: self._random.randrange(1, max(len(data), 2))])
            self.act()
        return self._write(fd, data)

    def _on_fsync(self, fd: int) -> None:
        inside = self._inside(fd)
        if inside and self._reached("fsync", inside):
            self.act()
        self._fsync(fd)
        if inside:
            self.synced[inside] = os.fstat(fd).st_size
