"""Requests of remote write read the plain way (https://prometheus.io/docs/specs/prw/)."""

from __future__ import annotations

from narthex.native import snappy_decompress
from reference.protobuf import fields, only, varints

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


def metadata_v1(body: bytes) -> dict[str, tuple[int, str, str]]:
    """Type number, help and unit of the families of a compressed WriteRequest."""
    found = {}
    for family in only(snappy_decompress(body, 1 << 26), 3):
        kept = dict(fields(family))
        name, help_, unit = (bytes(kept.get(number, b"")).decode() for number in (2, 4, 5))
        found[name] = int(kept.get(1, 0)), help_, unit
    return found


def metadata_v2(body: bytes) -> dict[str, tuple[int, str, str]]:
    """Type number, help and unit that the series of a compressed Request 2.0 have, by the series' name."""
    request = snappy_decompress(body, 1 << 26)
    symbols = [symbol.decode() for symbol in only(request, 4)]
    found = {}
    for series in only(request, 5):
        labels = [symbols[number] for number in varints(only(series, 1)[0])]
        name = labels[labels.index("__name__") + 1]
        for metadata in only(series, 5):
            kept = dict(fields(metadata))
            found[name] = int(kept.get(1, 0)), symbols[int(kept.get(3, 0))], symbols[int(kept.get(4, 0))]
    return found
