"""The plain way to read and write log segments: whole files, lists of records, records as tuples."""

from __future__ import annotations

import struct

import cramjam

from reference.block import Cursor, Labels, crc32c

PAGE = 32 * 1024
HEADER = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
SNAPPY = 8

Sample = tuple[int, int, int, float]
"""(reference, start time or 0, time, value)"""


def write(records: list[bytes], position: int = 0, compress: bool = False) -> bytes:
    """Fragments for a segment that is `position` bytes long."""
    out = bytearray()
    for record in records:
        rest = bytes(cramjam.snappy.compress_raw(record)) if compress else record
        parts: list[bytes] = []
        pads: list[int] = []
        at = position + len(out)
        while rest or not parts:
            left = PAGE - at % PAGE
            pads.append(left if left <= HEADER else 0)
            at += pads[-1]
            n = min(len(rest), PAGE - at % PAGE - HEADER)
            parts.append(rest[:n])
            rest = rest[n:]
            at += HEADER + n
        for i, (part, pad) in enumerate(zip(parts, pads, strict=True)):
            first, last = i == 0, i == len(parts) - 1
            kind = FULL if first and last else FIRST if first else LAST if last else MIDDLE
            out += bytes(pad) + bytes([kind | (SNAPPY if compress else 0)])
            out += struct.pack(">HI", len(part), crc32c(part)) + part
    return bytes(out)


def read(segment: bytes) -> list[bytes]:
    """All records of a sound segment."""
    records: list[bytes] = []
    whole = b""
    cursor = Cursor(segment)
    while cursor.at < len(segment):
        left = min(PAGE - cursor.at % PAGE, len(segment) - cursor.at)
        if left < HEADER or segment[cursor.at] == 0:
            assert not any(cursor.take(left))
            continue
        kind, length, crc = struct.unpack(">BHI", cursor.take(HEADER))
        part = cursor.take(length)
        assert crc32c(part) == crc
        assert (kind & 7 in (FULL, FIRST)) == (whole == b"")
        whole += part
        if kind & 7 in (FULL, LAST):
            records.append(bytes(cramjam.snappy.decompress_raw(whole)) if kind & SNAPPY else whole)
            whole = b""
    return records


def series(record: bytes) -> list[tuple[int, Labels]]:
    """Of a record of type 1."""
    cursor, out = Cursor(record, 1), []
    while cursor.at < len(record):
        ref = _be64(cursor)
        out.append((ref, tuple((cursor.string(), cursor.string()) for _ in range(cursor.uvarint()))))
    return out


def samples(record: bytes) -> list[Sample]:
    """Of a record of type 2 or 11."""
    cursor, out = Cursor(record, 1), list[Sample]()
    if record[0] == 2:
        base_ref, base_time = _be64(cursor), _be64(cursor)
        while cursor.at < len(record):
            out.append((base_ref + cursor.varint(), 0, base_time + cursor.varint(), _value(cursor)))
        return out
    first_start = 0
    while cursor.at < len(record):
        if not out:
            ref, time, first_start = cursor.varint(), cursor.varint(), cursor.varint()
            start = first_start
        else:
            ref, time = out[-1][0] + cursor.varint(), out[0][2] + cursor.varint()
            mark = cursor.take(1)[0]
            start = (0, out[-1][1], first_start)[mark] + (cursor.varint() if mark == 2 else 0)
        out.append((ref, start, time, _value(cursor)))
    return out


def _be64(cursor: Cursor) -> int:
    return int(struct.unpack(">q", cursor.take(8))[0])


def _value(cursor: Cursor) -> float:
    return float(struct.unpack(">d", cursor.take(8))[0])
