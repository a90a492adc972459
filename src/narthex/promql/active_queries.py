"""The queries that run now, in a file that outlives a crash: the next start names those that were running.

`queries.active` is Prometheus' file: `[`, then one slot of SLOT bytes a query that may run. A taken slot holds a JSON
object, zeros and a comma as its last byte, a free one zeros alone.
"""

from __future__ import annotations

import logging
import mmap
import os
from pathlib import Path

import orjson

from narthex.clock import Clock

log = logging.getLogger(__name__)

FILE = "queries.active"
SLOT = 1000
_ZEROS, _COMMA = bytes(SLOT), ord(",")


class ActiveQueries:
    """Safe for concurrent use, one query a slot."""

    def __init__(self, directory: Path, slots: int, clock: Clock) -> None:
        """Logs what an earlier process left unfinished and begins anew. Raises OSError; makes the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        if left := unfinished(path):
            log.info("These queries did not finish in the last run", extra={"queries": left})
        # Written, not just made longer: a mapped page for which the disk has no room would kill the process.
        with path.open("w+b") as file:
            file.write(b"[" + bytes(slots * SLOT))
            file.flush()
            os.fsync(file.fileno())
            self._map = mmap.mmap(file.fileno(), 0)
        self._clock = clock

    def insert(self, slot: int, query: str) -> None:
        """Names a query that runs from now on in the slot, which is free; slots count from 0."""
        at = 1 + slot * SLOT
        entry = _entry(query, int(self._clock.now()))
        self._map[at : at + len(entry)] = entry
        self._map[at + SLOT - 1] = _COMMA

    def remove(self, slot: int) -> None:
        """The slot's query has ended."""
        at = 1 + slot * SLOT
        self._map[at : at + SLOT] = _ZEROS


def unfinished(path: Path) -> str:
    """The JSON list of queries that the file still names; "" without any, or when it cannot be read."""
    try:
        left = path.read_bytes().replace(b"\0", b"").decode("utf-8", "replace")
    except OSError:
        return ""
    return f"{left[:-1]}]" if len(left) > 1 else ""


def _entry(query: str, seconds: int) -> bytes:
    """The JSON object of a query, whose text is cut until it fits a slot."""
    while True:
        entry = _json(query, seconds)
        beyond = len(entry) - (SLOT - 1)
        if beyond <= 0:
            return entry
        # A character takes up to 12 bytes of JSON.
        query = query[: min(SLOT, len(query) - max(1, beyond // 12))]


def _json(query: str, seconds: int) -> bytes:
    try:
        return orjson.dumps({"query": query, "timestamp_sec": seconds})
    except TypeError:  # a lone surrogate: text of a client that is not UTF-8
        return orjson.dumps({"query": query.encode("utf-8", "replace").decode(), "timestamp_sec": seconds})
