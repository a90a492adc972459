"""The plain way to read and write a block's index, chunk segments and tombstones: whole files, dicts and lists."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Cursor:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n : self.at]

    def be32(self) -> int:
        return struct.unpack(">I", self.take(4))[0]

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self) -> int:
        u = self.uvarint()
        return u >> 1 ^ -(u & 1)

    def string(self) -> str:
        return self.take(self.uvarint()).decode()


def section(data: bytes, at: int) -> bytes:
    cursor = Cursor(data, at)
    content = cursor.take(cursor.be32())
    assert cursor.be32() == crc32c(content)
    return content


@dataclass
class Index:
    symbols: list[str]
    series: dict[int, tuple[Labels, list[tuple[int, int, int]]]]  # id -> labels, (mint, maxt, ref)
    postings: dict[tuple[str, str], list[int]] = field(default_factory=dict)


def read_index(data: bytes) -> Index:
    """Of version 2."""
    assert data[:5] == b"\xba\xaa\xd7\x00\x02"
    toc = struct.unpack(">6Q", data[-52:-4])
    assert crc32c(data[-52:-4]) == struct.unpack(">I", data[-4:])[0]
    cursor = Cursor(section(data, toc[0]))
    symbols = [cursor.string() for _ in range(cursor.be32())]
    index = Index(symbols, {})
    table = Cursor(section(data, toc[5]))
    for _ in range(table.be32()):
        assert table.uvarint() == 2
        key = (table.string(), table.string())
        postings = Cursor(section(data, table.uvarint()))
        index.postings[key] = [postings.be32() for _ in range(postings.be32())]
    for series in index.postings.get(("", ""), []):
        index.series[series] = _series(data, series * 16, symbols)
    return index


def _series(data: bytes, at: int, symbols: list[str]) -> tuple[Labels, list[tuple[int, int, int]]]:
    cursor = Cursor(data, at)
    content = cursor.take(cursor.uvarint())
    assert cursor.be32() == crc32c(content)
    cursor = Cursor(content)
    labels = tuple((symbols[cursor.uvarint()], symbols[cursor.uvarint()]) for _ in range(cursor.uvarint()))
    chunks: list[tuple[int, int, int]] = []
    for k in range(cursor.uvarint()):
        if k == 0:
            mint = cursor.varint()
            maxt = mint + cursor.uvarint()
            ref = cursor.uvarint()
        else:
            mint = maxt + cursor.uvarint()
            maxt = mint + cursor.uvarint()
            ref += cursor.varint()
        chunks.append((mint, maxt, ref))
    assert cursor.at == len(content)
    return labels, chunks


def read_chunk(segments: list[bytes], ref: int) -> tuple[int, bytes]:
    """(encoding, data)."""
    segment = segments[ref >> 32]
    assert segment[:5] == b"\x85\xbd\x40\xdd\x01"
    cursor = Cursor(segment, ref & 0xFFFFFFFF)
    body = cursor.take(cursor.uvarint() + 1)
    assert cursor.be32() == crc32c(body)
    return body[0], body[1:]


def read_xor(data: bytes) -> list[tuple[int, float]]:
    """Samples of an XOR chunk, through one long string of bits."""
    bits = "".join(f"{byte:08b}" for byte in data[2:])
    at = 0

    def take(n: int) -> int:
        nonlocal at
        assert at + n <= len(bits)
        at += n
        return int(bits[at - n : at], 2) if n else 0

    def uvarint() -> int:
        value = shift = 0
        while True:
            byte = take(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    out: list[tuple[int, float]] = []
    t = delta = value = leading = trailing = 0
    for k in range(struct.unpack(">H", data[:2])[0]):
        if k == 0:
            u = uvarint()
            t, value = u >> 1 ^ -(u & 1), take(64)
        else:
            if k == 1:
                delta = uvarint()
            elif take(1):
                width = 14 if not take(1) else 17 if not take(1) else 20 if not take(1) else 64
                dod = take(width)
                delta += dod - (1 << width) if dod > 1 << (width - 1) else dod
            t += delta
            if take(1):
                if take(1):
                    leading, width = take(5), take(6) or 64
                    trailing = 64 - leading - width
                value ^= take(64 - leading - trailing) << trailing
        out.append((t, struct.unpack(">d", value.to_bytes(8, "big"))[0]))
    return out


def write_tombstones(intervals: dict[int, list[tuple[int, int]]]) -> bytes:
    def uvarint(u: int) -> bytes:
        out = bytearray()
        while u >= 0x80:
            out.append(u & 0x7F | 0x80)
            u >>= 7
        return bytes(out) + bytes([u])

    def varint(v: int) -> bytes:
        return uvarint(v << 1 if v >= 0 else (-v << 1) - 1)

    content = b"".join(
        uvarint(series) + varint(low) + varint(high) for series, pairs in intervals.items() for low, high in pairs
    )
    return b"\x01\x30\xba\x30\x01" + content + struct.pack(">I", crc32c(content))
