"""One rule's samples into storage: one transaction, stale markers for what vanished, refusals counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.number import STALE_NAN
from narthex.storage.contract import Appendable, Appender, AppendStatus


@dataclass
class Refused:
    """Samples that storage did not take, by reason."""

    duplicate: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0
    too_old: int = 0

    @property
    def total(self) -> int:
        return self.duplicate + self.out_of_order + self.out_of_bounds + self.too_old


def append_output(
    storage: Appendable, output: Mapping[Labels, float], known: Mapping[Labels, int], time_ms: int
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
        values = np.array([*output.values(), *([STALE_NAN] * len(vanished))], dtype=np.float64)
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
    appender: Appender, series: list[Labels], known: Mapping[Labels, int], values: np.ndarray, live: int, time_ms: int
) -> tuple[list[int], Refused]:
    refs = []
    for labels in series:
        ref = known.get(labels, -1)
        refs.append(appender.series(labels) if ref < 0 else ref)
    times = np.full(len(refs), time_ms, dtype=np.int64)
    status = appender.append(np.array(refs, dtype=np.uint64), times, values)
    lost = np.flatnonzero(status == AppendStatus.UNKNOWN_REF)
    if len(lost):
        for row in lost:
            refs[row] = appender.series(series[row])
        again = np.array([refs[row] for row in lost], dtype=np.uint64)
        status = status.copy()
        status[lost] = appender.append(again, times[lost], values[lost])
        if np.any(status[lost] == AppendStatus.UNKNOWN_REF):
            raise StorageError("storage does not know series that it has just created")
    # A stale marker that comes too late does no harm: a newer sample is there.
    counts = np.bincount(status[:live], minlength=len(AppendStatus))
    return refs, Refused(
        int(counts[AppendStatus.DUPLICATE]),
        int(counts[AppendStatus.OUT_OF_ORDER]),
        int(counts[AppendStatus.OUT_OF_BOUNDS]),
        int(counts[AppendStatus.TOO_OLD]),
    )
