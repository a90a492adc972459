"""Head chunk files the plain way: whole files, one entry after the other."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reference.block import Cursor, crc32c

HEADER = struct.pack(">IB3x", 0x0130BC91, 1)


@dataclass(frozen=True)
class HeadChunk:
    ref: int
    mint: int
    maxt: int
    encoding: int
    data: bytes
    out_of_order: bool = False


def write(chunks: list[HeadChunk]) -> bytes:
    out = bytearray(HEADER)
    for c in chunks:
        entry = struct.pack(">QqqB", c.ref, c.mint, c.maxt, c.encoding | (0x80 if c.out_of_order else 0))
        size = len(c.data)
        while size >= 0x80:
            entry += bytes([size & 0x7F | 0x80])
            size >>= 7
        entry += bytes([size]) + c.data
        out += entry + struct.pack(">I", crc32c(entry))
    return bytes(out)


def read(file: bytes) -> list[HeadChunk]:
    """Raises AssertionError where a file is damaged."""
    assert file[:8] == HEADER
    chunks = []
    cursor = Cursor(file, 8)
    while any(file[cursor.at :]):
        start = cursor.at
        ref, mint, maxt, encoding = struct.unpack(">QqqB", cursor.take(25))
        data = cursor.take(cursor.uvarint())
        assert crc32c(file[start : cursor.at]) == cursor.be32()
        chunks.append(HeadChunk(ref, mint, maxt, encoding & 0x7F, data, encoding >= 0x80))
    return chunks
