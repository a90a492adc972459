"""Reading protobuf's wire format field by field."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def fields(message: bytes) -> Iterator[tuple[int, int | bytes | float]]:
    """Number and value of each field; fixed fields of eight bytes are doubles."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 1:
            yield tag >> 3, struct.unpack_from("<d", message, at)[0]
            at += 8
        else:
            assert kind == 2, f"wire type {kind}"
            size = varint()
            assert at + size <= len(message)
            yield tag >> 3, message[at : at + size]
            at += size


def only(message: bytes, number: int) -> list[bytes]:
    """The length-delimited fields of one number."""
    return [value for n, value in fields(message) if n == number and isinstance(value, bytes)]
