"""Answers of a remote read server, both forms."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from narthex.native import snappy_compress
from reference.block import crc32c
from support.protobuf import bytes_field, number_field, varint
from support.write_requests import Series, version1

FRAMES = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
SAMPLES = "application/x-protobuf"


def frame(message: bytes) -> bytes:
    return varint(len(message)) + struct.pack(">I", crc32c(message)) + message


def chunked(labels: Mapping[str, str], chunks: Sequence[tuple[int, bytes]], query: int = 0) -> bytes:
    """A ChunkedReadResponse with one series; chunks are (encoding, data), their times are left out."""
    series = b"".join(
        bytes_field(1, bytes_field(1, name.encode()) + bytes_field(2, value.encode()))
        for name, value in sorted(labels.items())
    )
    series += b"".join(bytes_field(2, number_field(3, encoding) + bytes_field(4, data)) for encoding, data in chunks)
    return bytes_field(1, series) + (number_field(2, query) if query else b"")


def in_samples(series: Sequence[Series]) -> bytes:
    """A compressed ReadResponse."""
    return snappy_compress(bytes_field(1, version1(series)))
