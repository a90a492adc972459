"""An encoder of the Prometheus client model: MetricFamily messages as targets send them, each behind its length."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from support.protobuf import bytes_field, double_field, number_field, varint, zigzag

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)
_VALUE_FIELD = {COUNTER: 3, GAUGE: 2, UNTYPED: 5}


def label_fields(labels: Mapping[str, str]) -> bytes:
    return b"".join(bytes_field(1, bytes_field(1, n) + bytes_field(2, v)) for n, v in labels.items())


def timestamp(ms: int) -> bytes:
    return number_field(1, ms // 1000) + number_field(2, ms % 1000 * 1_000_000)


@dataclass
class Exemplar:
    labels: Mapping[str, str]
    value: float
    time: int | None = None  # milliseconds

    def encode(self) -> bytes:
        end = b"" if self.time is None else bytes_field(3, timestamp(self.time))
        return label_fields(self.labels) + double_field(2, self.value) + end


@dataclass
class Histogram:
    """Buckets of the classic part are (bound, cumulative count); those of the native part are absolute counts."""

    count: float = 0
    sum: float = 0.0
    classic: Sequence[tuple[float, float]] = ()
    bucket_exemplars: Mapping[int, Exemplar] = field(default_factory=dict)
    schema: int | None = None
    zero_threshold: float = 0.0
    zero_count: float = 0
    positive_spans: Sequence[tuple[int, int]] = ()
    negative_spans: Sequence[tuple[int, int]] = ()
    positive: Sequence[float] = ()
    negative: Sequence[float] = ()
    floats: bool = False
    exemplars: Sequence[Exemplar] = ()
    start: int | None = None
    packed: bool = True

    def encode(self) -> bytes:
        out = double_field(4, self.count) if self.floats else number_field(1, int(self.count))
        out += double_field(2, self.sum)
        for i, (bound, count) in enumerate(self.classic):
            bucket = double_field(4, count) if self.floats else number_field(1, int(count))
            bucket += double_field(2, bound)
            if i in self.bucket_exemplars:
                bucket += bytes_field(3, self.bucket_exemplars[i].encode())
            out += bytes_field(3, bucket)
        if self.schema is not None:
            out += self._native(self.schema)
        if self.start is not None:
            out += bytes_field(15, timestamp(self.start))
        return out

    def _native(self, schema: int) -> bytes:
        out = number_field(5, zigzag(schema)) + double_field(6, self.zero_threshold)
        out += double_field(8, self.zero_count) if self.floats else number_field(7, int(self.zero_count))
        for spans, buckets, number in (
            (self.negative_spans, self.negative, 9),
            (self.positive_spans, self.positive, 12),
        ):
            for offset, length in spans:
                out += bytes_field(number, number_field(1, zigzag(offset)) + number_field(2, length))
            if self.floats:
                out += self._values(number + 2, 1, [struct.pack("<d", v) for v in buckets])
            else:
                deltas = [int(b) - int(a) for a, b in zip([0, *buckets], buckets, strict=False)]
                out += self._values(number + 1, 0, [varint(zigzag(d)) for d in deltas])
        return out + b"".join(bytes_field(16, e.encode()) for e in self.exemplars)

    def _values(self, number: int, wire: int, values: list[bytes]) -> bytes:
        if self.packed:
            return bytes_field(number, b"".join(values)) if values else b""
        return b"".join(varint(number << 3 | wire) + v for v in values)


@dataclass
class Summary:
    count: int = 0
    sum: float = 0.0
    quantiles: Sequence[tuple[float, float]] = ()
    start: int | None = None

    def encode(self) -> bytes:
        out = number_field(1, self.count) + double_field(2, self.sum)
        for quantile, value in self.quantiles:
            out += bytes_field(3, double_field(1, quantile) + double_field(2, value))
        return out + (b"" if self.start is None else bytes_field(4, timestamp(self.start)))


@dataclass
class Metric:
    labels: Mapping[str, str]
    value: float | Histogram | Summary
    time: int | None = None  # milliseconds
    exemplar: Exemplar | None = None  # of a counter
    start: int | None = None  # of a counter

    def encode(self, type: int) -> bytes:
        out = label_fields(self.labels)
        if isinstance(self.value, Histogram):
            out += bytes_field(7, self.value.encode())
        elif isinstance(self.value, Summary):
            out += bytes_field(4, self.value.encode())
        else:
            payload = double_field(1, self.value)
            if self.exemplar is not None:
                payload += bytes_field(2, self.exemplar.encode())
            if self.start is not None:
                payload += bytes_field(3, timestamp(self.start))
            out += bytes_field(_VALUE_FIELD[type], payload)
        return out + (b"" if self.time is None else number_field(6, self.time))


@dataclass
class Family:
    name: str
    type: int
    metrics: Sequence[Metric]
    help: str = ""
    unit: str = ""

    def encode(self) -> bytes:
        out = bytes_field(1, self.name) + (bytes_field(2, self.help) if self.help else b"") + number_field(3, self.type)
        out += b"".join(bytes_field(4, m.encode(self.type)) for m in self.metrics)
        return out + (bytes_field(5, self.unit) if self.unit else b"")


def body(families: Iterable[Family]) -> bytes:
    encoded = (family.encode() for family in families)
    return b"".join(varint(len(one)) + one for one in encoded)
