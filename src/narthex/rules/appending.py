"""One rule's samples into storage: one transaction, stale markers for what vanished, refusals counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.number import STALE_NAN
from narthex.native import FloatHistogram, HistogramBatch
from narthex.storage.contract import Appendable, Appender, AppendStatus

Value = float | FloatHistogram


@dataclass
class Refused:
    """Samples that storage did not take, by reason."""

    duplicate: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0
    too_old: int = 0
    invalid: int = 0
    """Histograms that cannot be stored, as those with negative counts."""

    @property
    def total(self) -> int:
        return self.duplicate + self.out_of_order + self.out_of_bounds + self.too_old + self.invalid


def append_output(
    storage: Appendable, output: Mapping[Labels, Value], known: Mapping[Labels, int], time_ms: int
) -> tuple[dict[Labels, int], Refused]:
    """Writes samples at one time, and stale markers for `known` series that `output` lacks.

    `known` are the references of the previous evaluation. Gives the references of this one. A series whose sample is
    refused stays known, so that it gets its stale marker. Raises StorageError (nothing is visible then).
    """
    vanished = {labels: ref for labels, ref in known.items() if labels not in output}
    if not output and not vanished:
        return {}, Refused()
    appender = storage.appender()
    try:
        series = [*output, *vanished]
        values = [*output.values(), *([STALE_NAN] * len(vanished))]
        refs, refused = _append(appender, series, known, values, len(output), time_ms)
        appender.commit()
    except BaseException:
        appender.rollback()
        raise
    return dict(zip(series[: len(output)], refs[: len(output)], strict=True)), refused


def append_stale(storage: Appendable, series: Iterable[Labels], time_ms: int) -> None:
    """Stale markers for series that nobody writes any more. Raises StorageError."""
    append_output(storage, {}, dict.fromkeys(series, -1), time_ms)


def _append(
    appender: Appender, series: list[Labels], known: Mapping[Labels, int], values: list[Value], live: int, time_ms: int
) -> tuple[list[int], Refused]:
    refs = []
    for labels in series:
        ref = known.get(labels, -1)
        refs.append(appender.series(labels) if ref < 0 else ref)
    status = np.zeros(len(refs), dtype=np.uint8)
    histograms = np.array([isinstance(value, FloatHistogram) for value in values], dtype=bool)
    for rows in (np.flatnonzero(~histograms), np.flatnonzero(histograms)):
        if not len(rows):
            continue
        status[rows] = _write(appender, refs, values, rows, time_ms)
        lost = rows[status[rows] == AppendStatus.UNKNOWN_REF]
        if not len(lost):
            continue
        for row in lost.tolist():
            refs[row] = appender.series(series[row])
        status[lost] = _write(appender, refs, values, lost, time_ms)
        if np.any(status[lost] == AppendStatus.UNKNOWN_REF):
            raise StorageError("storage does not know series that it has just created")
    # A stale marker that comes too late does no harm: a newer sample is there.
    counts = np.bincount(status[:live], minlength=len(AppendStatus))
    return refs, Refused(
        int(counts[AppendStatus.DUPLICATE]),
        int(counts[AppendStatus.OUT_OF_ORDER]),
        int(counts[AppendStatus.OUT_OF_BOUNDS]),
        int(counts[AppendStatus.TOO_OLD]),
        int(counts[AppendStatus.HISTOGRAM_COUNT_NOT_BIG_ENOUGH :].sum()),
    )


def _write(
    appender: Appender, refs: list[int], values: list[Value], rows: NDArray[np.intp], time_ms: int
) -> NDArray[np.uint8]:
    """The statuses of these rows, whose values are of one kind."""
    taken = np.array([refs[row] for row in rows], dtype=np.uint64)
    times = np.full(len(rows), time_ms, dtype=np.int64)
    found = [values[row] for row in rows]
    batch = HistogramBatch()
    for value in found:
        if isinstance(value, FloatHistogram):
            batch.add_value(value)
    if len(batch):
        return appender.append_histograms(taken, times, batch)
    return appender.append(taken, times, np.array(found, dtype=np.float64))
