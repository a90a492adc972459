"""Requests of remote write read the plain way (https://prometheus.io/docs/specs/prw/)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from narthex.native import snappy_decompress

Labels = tuple[tuple[str, str], ...]


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value): an unsigned integer, eight bytes, or the bytes of a nested field."""
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
        match tag & 7:
            case 0:
                yield tag >> 3, varint()
            case 1:
                yield tag >> 3, message[at : at + 8]
                at += 8
            case 2:
                size = varint()
                yield tag >> 3, message[at : at + size]
                at += size
            case kind:
                raise AssertionError(f"wire type {kind}")


def samples_v1(body: bytes) -> list[tuple[Labels, int, float]]:
    """The floats of a compressed WriteRequest in order: labels, milliseconds, value."""
    out = []
    for number, series in fields(snappy_decompress(body, 1 << 26)):
        assert number == 1
        parts = list(fields(series))
        labels = tuple(_label(part) for n, part in parts if n == 1)
        for n, part in parts:
            if n == 2:
                sample = dict(fields(part))
                out.append((labels, sample[2], struct.unpack("<d", sample[1])[0]))
    return out


def _label(message: bytes) -> tuple[str, str]:
    parts = dict(fields(message))
    return parts[1].decode(), parts[2].decode()
