"""The obvious reading of delimited MetricFamily messages, a dictionary a message: the twin of core/exposition."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reference.exposition import openmetrics_float
from reference.protobuf import fields, read_varint, signed, unzigzag, varints

TYPES = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
Message = dict[int, list[Any]]
Value = tuple[str, dict[str, str], Any]


@dataclass
class NativeHistogram:
    floats: bool
    gauge: bool
    schema: int
    zero_threshold: float
    zero_count: float
    count: float
    sum: float
    positive: dict[int, float]  # index -> count, without empty ones
    negative: dict[int, float]


@dataclass
class Sample:
    labels: dict[str, str]
    value: float | NativeHistogram
    timestamp: int | None  # milliseconds


@dataclass
class Parsed:
    samples: list[Sample] = field(default_factory=list)
    metadata: list[tuple[str, str, str, str]] = field(default_factory=list)  # name, type, help, unit


def parse(body: bytes, native: bool = False, classic: bool = False) -> Parsed:
    """Of a sound body. `native`: native histograms are samples, and their classic series too only if `classic`."""
    out, at = Parsed(), 0
    while at < len(body):
        size, at = read_varint(body, at)
        family = _message(body[at : at + size])
        at += size
        name, kind = _text(family, 1), TYPES[_last(family, 3, 0)]
        out.metadata.append((name, kind, _text(family, 2), _text(family, 5)))
        for raw in family[4]:
            metric = _message(raw)
            labels = {_text(pair, 1): _text(pair, 2) for pair in map(_message, metric[1])}
            time = signed(_last(metric, 6, 0)) or None
            for suffix, more, value in _values(metric, kind, native, classic):
                out.samples.append(Sample({"__name__": name + suffix, **labels, **more}, value, time))
    return out


def _values(metric: Message, kind: str, native: bool, classic: bool) -> Iterator[Value]:
    inner = _message(_last(metric, {"counter": 3, "gauge": 2, "summary": 4, "unknown": 5}.get(kind, 7), b""))
    if kind in ("counter", "gauge", "unknown"):
        yield "", {}, _double(inner, 1)
    elif kind == "summary":
        yield "_count", {}, float(_last(inner, 1, 0))
        yield "_sum", {}, _double(inner, 2)
        for pair in map(_message, inner[3]):
            yield "", {"quantile": openmetrics_float(_double(pair, 1))}, _double(pair, 2)
    else:
        yield from _histogram_values(inner, kind == "gaugehistogram", native, classic)


def _histogram_values(
    h: Message, gauge: bool, native: bool, classic: bool
) -> Iterator[tuple[str, dict[str, str], Any]]:
    is_native = bool(h[9] or h[12] or _double(h, 6) > 0 or _last(h, 7, 0) > 0 or _double(h, 8) > 0)
    if native and is_native:
        yield "", {}, _native(h, gauge)
        if not (classic and h[3]):
            return
    count = _double(h, 4) or float(_last(h, 1, 0))
    yield "_count", {}, count
    yield "_sum", {}, _double(h, 2)
    bound = None
    for bucket in map(_message, h[3]):
        bound = _double(bucket, 2)
        yield "_bucket", {"le": openmetrics_float(bound)}, _double(bucket, 4) or float(_last(bucket, 1, 0))
    if bound != float("inf"):
        yield "_bucket", {"le": "+Inf"}, count


def _native(h: Message, gauge: bool) -> NativeHistogram:
    floats = _double(h, 4) > 0 or _double(h, 8) > 0
    sides = []
    for spans, deltas, counts in ((12, 13, 14), (9, 10, 11)):
        if floats:
            numbers = list(_packed_doubles(h[counts]))
        else:
            numbers, total = [], 0
            for delta in _packed(h[deltas]):
                total += unzigzag(delta)
                numbers.append(total)
        sides.append({i: float(n) for i, n in zip(_indices(h[spans]), numbers, strict=True) if n})
    return NativeHistogram(
        floats,
        gauge,
        unzigzag(_last(h, 5, 0)),
        _double(h, 6),
        _double(h, 8) if floats else _last(h, 7, 0),
        _double(h, 4) if floats else _last(h, 1, 0),
        _double(h, 2),
        *sides,
    )


def _indices(spans: list[bytes]) -> Iterator[int]:
    at = 0
    for span in map(_message, spans):
        at += unzigzag(_last(span, 1, 0))
        for _ in range(_last(span, 2, 0)):
            yield at
            at += 1


def _message(data: bytes) -> Message:
    """Field number -> its values in order."""
    out: Message = defaultdict(list)
    for number, value in fields(data):
        out[number].append(value)
    return out


def _packed(values: list[Any]) -> Iterator[int]:
    """Repeated integers, packed or not."""
    for value in values:
        yield from varints(value) if isinstance(value, bytes) else (value,)


def _packed_doubles(values: list[Any]) -> Iterator[float]:
    for value in values:
        yield from struct.unpack(f"<{len(value) // 8}d", value) if isinstance(value, bytes) else (value,)


def _last(message: Message, number: int, default: Any) -> Any:
    return message[number][-1] if message[number] else default


def _text(message: Message, number: int) -> str:
    return str(_last(message, number, b"").decode())


def _double(message: Message, number: int) -> float:
    return float(_last(message, number, 0.0))
