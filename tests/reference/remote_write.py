"""Requests of remote write read the plain way (https://prometheus.io/docs/specs/prw/)."""

from __future__ import annotations

from narthex.native import snappy_decompress
from reference.protobuf import fields, only

Labels = tuple[tuple[str, str], ...]


def samples_v1(body: bytes) -> list[tuple[Labels, int, float]]:
    """The floats of a compressed WriteRequest in order: labels, milliseconds, value."""
    out = []
    request = snappy_decompress(body, 1 << 26)
    assert {number for number, _ in fields(request)} <= {1}
    for series in only(request, 1):
        labels = tuple(_label(part) for part in only(series, 1))
        for part in only(series, 2):
            sample = dict(fields(part))
            out.append((labels, int(sample[2]), float(sample[1])))
    return out


def _label(message: bytes) -> tuple[str, str]:
    (name,), (value,) = only(message, 1), only(message, 2)
    return name.decode(), value.decode()
