"""Brings the samples of a load command into storage, and remembers what storage could not take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from narthex.errors import StorageError
from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.matcher import Matcher
from narthex.promql.promqltest.commands import Load, LoadedSeries
from narthex.promql.syntax.ast import Call, Expr, VectorSelector, walk
from narthex.promql.syntax.histogram_literal import HistogramLiteral
from narthex.storage.contract import Appendable, Appender, AppendStatus

_CLASSIC_SUFFIXES = ("_bucket", "_count", "_sum")
_STORED = (AppendStatus.OK, AppendStatus.DUPLICATE_SAME)


@dataclass(frozen=True, slots=True)
class Unstored:
    """A series of a load that storage cannot hold."""

    line: int
    labels: Labels
    reason: str


def load(command: Load, storage: Appendable) -> list[Unstored]:
    """Appends float series in one transaction. Series with native histograms are left out and returned.

    Of two lines for one series the later counts. Raises StorageError when storage refuses a sample.
    """
    last = {series.labels: series for series in command.series}.values()
    unstored = [Unstored(s.line, s.labels, _HISTOGRAMS) for s in last if _has_histograms(s)]
    if command.with_nhcb:
        unstored += _custom_bucket_series(command)
    appender = storage.appender()
    try:
        for series in last:
            if not _has_histograms(series):
                _append(appender, series, command.step_ms)
    except BaseException:
        appender.rollback()
        raise
    appender.commit()
    return unstored


_HISTOGRAMS = "storage does not take native histogram samples yet"


def _has_histograms(series: LoadedSeries) -> bool:
    return any(isinstance(v, HistogramLiteral) for v in series.values)


def _append(appender: Appender, series: LoadedSeries, step_ms: int) -> None:
    ref = appender.series(series.labels)
    kept = [(i * step_ms, v) for i, v in enumerate(series.values) if isinstance(v, float)]
    if not kept:
        return
    times = np.array([t for t, _ in kept], dtype=np.int64)
    values = np.array([v for _, v in kept], dtype=np.float64)
    statuses = appender.append(np.full(len(kept), ref, dtype=np.uint64), times, values)
    for time, status in zip(times.tolist(), statuses.tolist(), strict=True):
        if status not in _STORED:
            name = AppendStatus(status).name.lower().replace("_", " ")
            raise StorageError(f"line {series.line}: sample of {series.labels} at {time} ms was not stored: {name}")


def _custom_bucket_series(command: Load) -> Iterator[Unstored]:
    """The native histograms that load_with_nhcb makes out of classic ones."""
    seen: set[Labels] = set()
    for series in command.series:
        name = series.labels.get(METRIC_NAME, "")
        suffix = next((s for s in _CLASSIC_SUFFIXES if name.endswith(s)), None)
        if suffix is None or (suffix == "_bucket" and "le" not in series.labels):
            continue
        labels = series.labels.without("le").merged({METRIC_NAME: name.removesuffix(suffix)})
        if labels not in seen:
            seen.add(labels)
            yield Unstored(series.line, labels, _HISTOGRAMS)


def needed(expr: Expr, unstored: list[Unstored]) -> Unstored | None:
    """A series that the expression would read but that is not in storage."""
    if not unstored:
        return None
    for node in walk(expr):
        if isinstance(node, VectorSelector):
            hit = next((u for u in unstored if _selects(node.matchers, u.labels)), None)
            if hit is not None:
                return hit
        elif isinstance(node, Call) and node.func.name == "info" and len(node.args) == 1:
            hit = next((u for u in unstored if u.labels.get(METRIC_NAME) == "target_info"), None)
            if hit is not None:
                return hit
    return None


def _selects(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    return all(m.matches(labels.get(m.name, "")) for m in matchers)
