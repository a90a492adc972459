"""Records of head snapshots the plain way."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reference.block import Cursor

NO_TOMBSTONES = bytes([2, 1, 1])


@dataclass(frozen=True)
class SnapshotSeries:
    ref: int
    labels: dict[str, str]
    mint: int = 0
    maxt: int = 0
    encoding: int = 0
    """0: without a chunk."""
    chunk: bytes = b""
    last: bytes = b""
    """The newest value: eight bytes of a float, or a histogram as the log has it."""


def read_series(record: bytes) -> SnapshotSeries:
    cursor = Cursor(record)
    assert cursor.take(1) == b"\1"
    (ref,) = struct.unpack(">Q", cursor.take(8))
    labels = {}
    for _ in range(cursor.uvarint()):
        name = cursor.string()
        labels[name] = cursor.string()
    cursor.take(8)
    if cursor.uvarint() == 0:
        assert cursor.at == len(record)
        return SnapshotSeries(ref, labels)
    mint, maxt, encoding = struct.unpack(">qqB", cursor.take(17))
    chunk = cursor.take(cursor.uvarint())
    last = record[cursor.at :]
    if encoding in (1, 4):
        assert len(last) == 64
        last = last[-8:]
    return SnapshotSeries(ref, labels, mint, maxt, encoding, chunk, last)
