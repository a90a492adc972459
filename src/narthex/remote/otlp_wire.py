"""Protobuf's wire format written: what answers are made of, and requests that came as JSON.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct

VARINT, FIXED64, BYTES = 0, 1, 2
"""Wire types."""
_MASK = (1 << 64) - 1


def put_varint(out: bytearray, value: int) -> None:
    """Negative numbers take ten bytes, as of int64."""
    value &= _MASK
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_int(out: bytearray, field: int, value: int) -> None:
    put_varint(out, field << 3 | VARINT)
    put_varint(out, value)


def put_sint(out: bytearray, field: int, value: int) -> None:
    put_int(out, field, value << 1 ^ value >> 63)


def put_fixed64(out: bytearray, field: int, value: int) -> None:
    """Signed or not."""
    put_varint(out, field << 3 | FIXED64)
    out += struct.pack("<Q", value & _MASK)


def put_double(out: bytearray, field: int, value: float) -> None:
    put_varint(out, field << 3 | FIXED64)
    out += struct.pack("<d", value)


def put_bytes(out: bytearray, field: int, value: bytes | bytearray) -> None:
    """A string, bytes or a message."""
    put_varint(out, field << 3 | BYTES)
    put_varint(out, len(value))
    out += value
