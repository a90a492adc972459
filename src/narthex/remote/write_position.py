"""How far an endpoint has everything, in a file: where to read the log again after a restart, also after a kill.

The file lies beside the log in a directory of its own, which Prometheus passes over. It holds one line of fixed length
that is overwritten in place: segment, byte, checksum. What cannot be read counts as absent.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import NamedTuple

from narthex.errors import StorageError

DIRECTORY = "remote_write"
_WIDTH = 20


class Place(NamedTuple):
    """Between two records of the log."""

    segment: int
    offset: int


class PositionFile:
    """Raises StorageError where the file cannot be made or written."""

    def __init__(self, data: Path, key: str) -> None:
        """`key` says whose position it is: it must be the same after a restart."""
        self.path = data / DIRECTORY / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.position"
        self._stored: Place | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as e:
            raise StorageError(f"{self.path}: cannot keep a remote write position: {e.strerror}") from e

    def load(self) -> Place | None:
        line = os.pread(self._fd, 2 * _WIDTH + 11, 0)
        numbers, _, checksum = line.rstrip(b"\n").rpartition(b" ")
        try:
            if int(checksum, 16) != zlib.crc32(numbers):
                return None
            segment, offset = numbers.split()
            return Place(int(segment), int(offset))
        except ValueError:
            return None

    def store(self, place: Place) -> None:
        """One small write without a sync: a crash of the machine may take the newest ones back, a kill does not."""
        if place == self._stored:
            return
        numbers = b"%020d %020d" % place
        try:
            os.pwrite(self._fd, b"%s %08x\n" % (numbers, zlib.crc32(numbers)), 0)
        except OSError as e:
            raise StorageError(f"{self.path}: cannot write a remote write position: {e.strerror}") from e
        self._stored = place

    def close(self) -> None:
        os.close(self._fd)
