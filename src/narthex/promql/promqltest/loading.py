"""Brings the samples of a load command into storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.native import HistogramBatch
from narthex.promql.promqltest.commands import Load, LoadedSeries
from narthex.promql.promqltest.custom_buckets import ClassicHistograms, CustomBucketsError
from narthex.promql.syntax.histogram_literal import HINTS, HistogramLiteral
from narthex.storage.contract import Appendable, Appender, AppendStatus

_STORED = (AppendStatus.OK, AppendStatus.DUPLICATE_SAME)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Times in milliseconds; `start` is 0 where no start time is known."""

    time: int
    start: int
    value: float | HistogramLiteral


def load(command: Load, storage: Appendable) -> None:
    """Appends all series in one transaction. Of two lines for one series the later counts.

    Raises StorageError when storage refuses a sample, or when load_with_nhcb meets a classic histogram that makes no
    sense.
    """
    last = {series.labels: series for series in command.series}.values()
    appender = storage.appender()
    try:
        for series in last:
            _append(appender, series.line, series.labels, list(_samples(series, command.step_ms)))
        if command.with_nhcb:
            _append_custom(appender, command, list(last))
    except BaseException:
        appender.rollback()
        raise
    appender.commit()


def _samples(series: LoadedSeries, step_ms: int) -> Iterator[_Sample]:
    for i, value in enumerate(series.values):
        if value is None:
            continue
        time = i * step_ms
        offset = None if series.start_offsets is None else series.start_offsets[i]
        yield _Sample(time, 0 if offset is None else time + offset, value)


def _append_custom(appender: Appender, command: Load, series: Sequence[LoadedSeries]) -> None:
    """The native histograms with custom buckets that the classic histograms of the command stand for."""
    classic = ClassicHistograms()
    for one in series:
        classic.add(one.labels, [(i * command.step_ms, v) for i, v in enumerate(one.values) if isinstance(v, float)])
    try:
        converted = list(classic.converted())
    except CustomBucketsError as e:
        raise StorageError(f"line {command.line}: {e}") from None
    for labels, values in converted:
        _append(appender, command.line, labels, [_Sample(time, 0, value) for time, value in values])


def _append(appender: Appender, line: int, labels: Labels, samples: Sequence[_Sample]) -> None:
    ref = appender.series(labels)
    for histograms, group in groupby(samples, lambda s: isinstance(s.value, HistogramLiteral)):
        same = list(group)
        refs = np.full(len(same), ref, dtype=np.uint64)
        times = np.array([s.time for s in same], dtype=np.int64)
        starts = np.array([s.start for s in same], dtype=np.int64)
        if histograms:
            statuses = appender.append_histograms(refs, times, _batch(same), starts)
        else:
            values = np.array([s.value for s in same], dtype=np.float64)
            statuses = appender.append(refs, times, values, starts)
        _check(line, labels, times, statuses)


def _batch(samples: Sequence[_Sample]) -> HistogramBatch:
    batch = HistogramBatch()
    for sample in samples:
        value = sample.value
        assert isinstance(value, HistogramLiteral)
        buckets = [n for _, n in value.positive] + [n for _, n in value.negative]
        batch.add(
            floats=True,
            schema=value.schema,
            zero_threshold=value.zero_threshold,
            positive_spans=_spans(value.positive),
            negative_spans=_spans(value.negative),
            bounds=value.custom_values,
            counts=np.array([value.count]),
            zero_counts=np.array([value.zero_count]),
            sums=np.array([value.sum]),
            hints=np.array([HINTS.index(value.hint)], dtype=np.uint8),
            buckets=np.array([buckets], dtype=np.float64),
        )
    return batch


def _spans(buckets: Sequence[tuple[int, float]]) -> list[tuple[int, int]]:
    """(distance to the end of the span before, length), of buckets in ascending order."""
    spans: list[tuple[int, int]] = []
    end = 0
    for index, _ in buckets:
        if spans and index == end:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((index - end, 1))
        end = index + 1
    return spans


def _check(line: int, labels: Labels, times: NDArray[np.int64], statuses: NDArray[np.uint8]) -> None:
    for time, status in zip(times.tolist(), statuses.tolist(), strict=True):
        if status not in _STORED:
            raise StorageError(
                f"line {line}: sample of {labels} at {time} ms was not stored: {AppendStatus(status).text}"
            )
