"""Reading protobuf's wire format field by field (https://protobuf.dev/programming-guides/encoding)."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def fields(message: bytes) -> Iterator[tuple[int, int | bytes | float]]:
    """Number and value of each field; fixed fields of eight bytes are doubles."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(message, at)
            yield tag >> 3, value
        elif kind == 1:
            yield tag >> 3, struct.unpack_from("<d", message, at)[0]
            at += 8
        else:
            assert kind == 2, f"wire type {kind}"
            size, at = read_varint(message, at)
            assert at + size <= len(message)
            yield tag >> 3, message[at : at + size]
            at += size


def only(message: bytes, number: int) -> list[bytes]:
    """The length-delimited fields of one number."""
    return [value for n, value in fields(message) if n == number and isinstance(value, bytes)]


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = read_varint(packed, at)
        yield value


def unzigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def signed(number: int) -> int:
    """A varint that stands for an int64."""
    return number - (1 << 64) if number >> 63 else number
