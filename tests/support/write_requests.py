"""Remote write requests as a sender makes them, both versions, not compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from support.protobuf import bytes_field as message
from support.protobuf import double_field as double
from support.protobuf import number_field as integer
from support.protobuf import varint

Pairs = Sequence[tuple[str, str]]


@dataclass
class Series:
    """One TimeSeries message. Samples are (milliseconds, value) or (milliseconds, value, start milliseconds)."""

    labels: Mapping[str, str] | Pairs
    samples: Sequence[tuple[int, float] | tuple[int, float, int]] = ()
    histograms: Sequence[bytes] = ()
    exemplars: Sequence[tuple[Mapping[str, str] | Pairs, int, float]] = ()
    refs: Sequence[int] | None = field(default=None)
    """Instead of the labels' own, in version 2.0."""
    metadata: tuple[int, str] | None = None
    """Type and unit, in version 2.0."""


def version1(series: Sequence[Series]) -> bytes:
    """prometheus.WriteRequest."""
    return b"".join(message(1, _series1(each)) for each in series)


def version2(series: Sequence[Series]) -> bytes:
    """io.prometheus.write.v2.Request."""
    symbols = {"": 0}
    bodies = [message(5, _series2(each, symbols)) for each in series]
    return b"".join(message(4, symbol.encode()) for symbol in symbols) + b"".join(bodies)


def _pairs(labels: Mapping[str, str] | Pairs) -> Pairs:
    return sorted(labels.items()) if isinstance(labels, Mapping) else labels


def _labels1(labels: Mapping[str, str] | Pairs) -> bytes:
    return b"".join(
        message(
            1,
            message(1, name.encode("utf-8", "surrogateescape")) + message(2, value.encode("utf-8", "surrogateescape")),
        )
        for name, value in _pairs(labels)
    )


def _series1(series: Series) -> bytes:
    return b"".join(
        (
            _labels1(series.labels),
            *(message(2, double(1, sample[1]) + integer(2, sample[0])) for sample in series.samples),
            *(message(3, _labels1(own) + double(2, value) + integer(3, t)) for own, t, value in series.exemplars),
            *(message(4, histogram) for histogram in series.histograms),
        )
    )


def _labels2(labels: Mapping[str, str] | Pairs, symbols: dict[str, int]) -> bytes:
    refs = [symbols.setdefault(text, len(symbols)) for pair in _pairs(labels) for text in pair]
    return message(1, b"".join(map(varint, refs)))


def _metadata(type: int, unit: str, symbols: dict[str, int]) -> bytes:
    return message(5, integer(1, type) + integer(4, symbols.setdefault(unit, len(symbols))))


def _series2(series: Series, symbols: dict[str, int]) -> bytes:
    labels = _labels2(series.labels, symbols)
    if series.refs is not None:
        labels = message(1, b"".join(map(varint, series.refs)))
    return b"".join(
        (
            labels,
            *(
                message(2, double(1, value) + integer(2, t) + b"".join(integer(3, s) for s in start))
                for t, value, *start in series.samples
            ),
            *(message(3, histogram) for histogram in series.histograms),
            b"" if series.metadata is None else _metadata(*series.metadata, symbols),
            *(
                message(4, _labels2(own, symbols) + double(2, value) + integer(3, t))
                for own, t, value in series.exemplars
            ),
        )
    )
