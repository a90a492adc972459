"""OTLP metrics as a receiver: a request becomes one append. HTTP itself is `web`'s.

Open first `Receiver.receive`; otlp_translate.py makes the names, core/otlp the columns.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.clock import Clock, milliseconds
from narthex.config.storage import OTLPConfig
from narthex.errors import MetricsRefused
from narthex.instrument import Registry
from narthex.native import DecodeError, DeltaHistograms, LabelSets, LimitError, OtlpRequest
from narthex.remote.otlp_delta import SILENCE_MS, DeltaTotals, Totals
from narthex.remote.otlp_json import to_protobuf
from narthex.remote.otlp_translate import OtlpFeatures, Translated, Translator
from narthex.remote.receive import FUTURE_LIMIT_MS
from narthex.storage.contract import Appendable, Appender, AppendStatus, Refs, refused

log = logging.getLogger(__name__)

_MOST_REASONS = 10


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a request of which something could be taken. `message` says why points were rejected, or
    warns."""

    rejected: int = 0
    message: str = ""


class OtlpReceiver:
    """Takes requests from several threads; `apply` is called before the first and at each reload.

    Metrics that have no form in Prometheus are left out and told about. What storage refuses (points out of order, out
    of bounds, twice with different values) refuses the whole request, as in Prometheus.
    """

    def __init__(self, appendable: Appendable, features: OtlpFeatures, clock: Clock, registry: Registry) -> None:
        self._appendable, self._features, self._clock = appendable, features, clock
        self._translator = Translator(OTLPConfig(), features)
        self._totals, self._histogram_totals = DeltaTotals(), DeltaHistograms(SILENCE_MS)
        self._adding_up = threading.Lock()
        self._warnings = registry.counter(
            "prometheus_api_otlp_translation_warnings_total",
            "Warnings while translating OTLP metrics to the Prometheus model, by category.",
            ("category",),
        )
        registry.counter(
            "prometheus_api_otlp_appended_samples_without_metadata_total",
            "Samples from OTLP without corresponding metadata: none, as every OTLP metric has its own.",
        )
        self._late_exemplars = registry.counter(
            "prometheus_api_otlp_out_of_order_exemplars_total",
            "Exemplars from OTLP which were rejected because they were out of order.",
        )

    def apply(self, config: OTLPConfig) -> None:
        self._translator = Translator(config, self._features)

    def receive(self, body: bytes, *, json: bool) -> Received:
        """Stores a request; blocks while the log is written. Raises MetricsRefused and StorageError."""
        try:
            request = OtlpRequest(to_protobuf(body) if json else body)
            translated = self._translator.translate(request)
        except (DecodeError, LimitError) as e:
            raise MetricsRefused(str(e)) from None
        for category, text in translated.warnings:
            self._warnings.labels(category).inc()
            log.warning("Warning while translating OTLP metrics", extra={"category": category, "warning": text})
        if request.points and translated.rejected >= request.points:
            raise MetricsRefused(_summary(translated.reasons))
        if translated.deltas.any() or translated.histogram_deltas.any():
            with self._adding_up:
                self._append(translated)
        else:
            self._append(translated)
        if translated.rejected:
            log.error("OTLP request was stored in part", extra={"rejected": translated.rejected})
        return Received(translated.rejected, _summary(translated.reasons + [text for _, text in translated.warnings]))

    def _append(self, translated: Translated) -> None:
        columns = translated.columns
        floats, histograms = columns.floats, columns.histograms
        latest = milliseconds(self._clock.now()) + FUTURE_LIMIT_MS
        if max(floats.times.max(initial=0), histograms.times.max(initial=0)) > latest:
            raise MetricsRefused(f"{AppendStatus.OUT_OF_BOUNDS.text}: timestamp is too far in the future")
        appender = self._appendable.appender()
        try:
            refs = appender.series_many(floats.labels)
            totals = self._append_floats(appender, refs, translated)
            if len(histograms.labels):
                more = appender.series_many(histograms.labels)
                self._append_histograms(appender, more, translated)
                refs = np.concatenate((refs, more))
            self._append_exemplars(appender, refs, translated)
            appender.commit()
        finally:
            appender.rollback()
        if totals is not None:
            self._totals.take(totals)
        if translated.histogram_deltas.any():
            self._histogram_totals.take()

    def _append_floats(self, appender: Appender, refs: Refs, translated: Translated) -> Totals | None:
        """Gives the totals that took the place of deltas."""
        floats, deltas = translated.columns.floats, translated.deltas
        times, values, starts = floats.times, translated.columns.values, floats.starts
        stored = np.arange(len(refs))
        totals = None
        # A delta that is not known says nothing about the total.
        deltas = deltas & ~np.isnan(values)
        if deltas.any():
            values, starts = values.copy(), starts.copy()
            totals = self._totals.convert(refs[deltas], times[deltas], starts[deltas], values[deltas])
            values[deltas], starts[deltas] = totals.values, totals.starts
            late = np.flatnonzero(deltas)[~totals.keep]
            stored = np.delete(stored, late)
            _tell_of_late(len(late))
        statuses = appender.append(refs[stored], times[stored], values[stored], starts[stored])
        _check(statuses, floats.labels, stored)
        return totals

    def _append_histograms(self, appender: Appender, refs: Refs, translated: Translated) -> None:
        histograms, batch = translated.columns.histograms, translated.columns.batch
        times, starts, stored = histograms.times, histograms.starts, np.arange(len(refs))
        if translated.histogram_deltas.any():
            kept, starts, batch = self._histogram_totals.convert(
                refs, times, starts, batch, translated.histogram_deltas
            )
            stored = kept.astype(np.int64)
            _tell_of_late(len(refs) - len(stored))
        statuses = appender.append_histograms(refs[stored], times[stored], batch, starts)
        _check(statuses, histograms.labels, stored)

    def _append_exemplars(self, appender: Appender, refs: Refs, translated: Translated) -> None:
        """Those that storage does not take are nobody's mistake, as in Prometheus."""
        exemplars = translated.columns.exemplars
        if not len(exemplars.rows):
            return
        statuses = appender.append_exemplars(refs[exemplars.rows], exemplars.times, exemplars.values, exemplars.labels)
        late = int(np.count_nonzero(statuses == AppendStatus.EXEMPLAR_OUT_OF_ORDER))
        if late:
            self._late_exemplars.inc(late)


def _tell_of_late(deltas: int) -> None:
    if deltas:
        log.warning("Deltas that are out of order were dropped", extra={"num_dropped": deltas})


def _check(statuses: NDArray[np.uint8], labels: LabelSets, rows: NDArray[np.int64]) -> None:
    """Raises MetricsRefused for the first sample that was not taken; they are of those rows."""
    bad = refused(statuses)
    if len(bad):
        text = AppendStatus(statuses[bad[0]]).text
        raise MetricsRefused(f"{text}: series {labels[int(rows[bad[0]])]}")


def _summary(reasons: list[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    if len(distinct) > _MOST_REASONS:
        distinct = [*distinct[:_MOST_REASONS], f"and {len(distinct) - _MOST_REASONS} more"]
    return "; ".join(distinct)
