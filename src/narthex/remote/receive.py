"""Remote write as a receiver: a request becomes one append, in whole or in part as its version has it.

In: a request's body. Out: what to answer. HTTP itself is `web`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from narthex.clock import Clock, milliseconds
from narthex.errors import StorageError
from narthex.instrument import Registry
from narthex.native import DecodeError, SeriesCache, WriteRequest
from narthex.storage.contract import Appendable, Appender, AppendStatus, refused

log = logging.getLogger(__name__)

FUTURE_LIMIT_MS = 10 * 60 * 1000
"""Samples that lie further ahead than this are refused."""
MOST_TEXTS = 100
"""Reasons that an answer lists one by one."""
_CACHE_BYTES = 256 * 1024 * 1024
_TOO_FAR_AHEAD = f"{AppendStatus.OUT_OF_BOUNDS.text}: timestamp is too far in the future"


class WriteVersion(Enum):
    """The protobuf message of a request."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


@dataclass(frozen=True, slots=True)
class Written:
    """The answer: an HTTP status, a text unless that is 204, and how much was stored."""

    status: int
    text: str = ""
    samples: int = 0
    histograms: int = 0
    exemplars: int = 0


class _Refused(NamedTuple):
    """Something that is not stored; they sort in the order of the request."""

    source: int
    kind: int  # 0: float, 1: histogram, 2: exemplar
    text: str


@dataclass(slots=True)
class _Refusals:
    """How many things were refused, and the first of them."""

    count: int = 0
    first: list[_Refused] = field(default_factory=list)

    def add(self, sources: NDArray[np.uint32], kind: int, texts: Iterable[str]) -> None:
        self.count += len(sources)
        listed = sources[:MOST_TEXTS].tolist()
        self.first += [_Refused(source, kind, text) for source, text in zip(listed, texts, strict=False)]


class _UnknownReference(Exception):
    """Storage dropped a series whose reference was remembered."""


class WriteReceiver:
    """Takes requests from several threads. Version 1.0 is stored as a whole or not at all, 2.0 as far as it can be."""

    def __init__(
        self, appendable: Appendable, clock: Clock, registry: Registry, *, type_and_unit: bool = False
    ) -> None:
        """`type_and_unit`: what series of version 2.0 say they measure become the labels __type__ and __unit__."""
        self._appendable, self._clock, self._type_and_unit = appendable, clock, type_and_unit
        self._cache = SeriesCache(_CACHE_BYTES)
        self._invalid_labels = registry.counter(
            "prometheus_api_remote_write_invalid_labels_samples_total",
            "The total number of received remote write samples and histogram samples which contain invalid labels.",
        )

    def receive(self, body: bytes, version: WriteVersion) -> Written:
        """Stores a request in snappy's block format; blocks while the log is written."""
        try:
            try:
                return self._store(body, version)
            except _UnknownReference:
                # References that are asked for in a transaction stay known in it.
                self._cache.clear()
                return self._store(body, version)
        except DecodeError as e:
            log.error("Error decoding remote write request", extra={"proto": version.value, "err": str(e)})
            return Written(400, str(e))
        except StorageError as e:
            log.error("Error appending remote write", extra={"err": str(e)})
            return Written(500, str(e))

    def _store(self, body: bytes, version: WriteVersion) -> Written:
        latest = milliseconds(self._clock.now()) + FUTURE_LIMIT_MS
        version2 = version is WriteVersion.V2
        request = WriteRequest.decode(
            body, version2=version2, latest=latest, cache=self._cache, type_and_unit=self._type_and_unit
        )
        appender = self._appendable.appender()
        refusals = _Refusals()
        try:
            if len(request.unknown):
                request.resolve(appender.series_many(request.unknown))
            samples, histograms = _append(appender, request, refusals)
            if refusals.count and not version2:
                text = min(refusals.first).text
                log.error("Out of order sample from remote write", extra={"err": text})
                return Written(400, text)
            exemplars = _append_exemplars(appender, request, refusals)
            appender.commit()
        finally:
            appender.rollback()
        if request.invalid:
            self._invalid_labels.inc(request.invalid)
        written = Written(204, "", samples, histograms, exemplars)
        return self._with_reasons(request, refusals, written) if version2 else written

    def _with_reasons(self, request: WriteRequest, refusals: _Refusals, written: Written) -> Written:
        """Version 2.0 tells what was left out although the rest is stored."""
        count, texts = request.problems
        count += refusals.count
        if not count:
            return written
        listed = sorted(refusals.first)[: MOST_TEXTS - len(texts)]
        texts += [f"{r.text} for series {request.label_text(r.source)}" for r in listed]
        if count > len(texts):
            texts.append(f"and {count - len(texts)} more")
        log.error("Remote write was stored in part", extra={"left_out": count, "first": texts[0]})
        return replace(written, status=400, text="\n".join(texts))


def _append(appender: Appender, request: WriteRequest, refusals: _Refusals) -> tuple[int, int]:
    """Gives how many floats and histograms were taken."""
    for kind, sources in enumerate(request.ahead):
        refusals.add(sources, kind, repeat(_TOO_FAR_AHEAD))
    samples = histograms = 0
    for part in range(request.parts):
        sources, refs, times, values, starts = request.floats(part)
        if len(refs):
            samples += _judge(sources, appender.append(refs, times, values, starts), 0, refusals)
        sources, refs, times, starts = request.histograms(part)
        if len(refs):
            statuses = appender.append_histograms(refs, times, request.histogram_values(part), starts)
            histograms += _judge(sources, statuses, 1, refusals)
    return samples, histograms


def _judge(sources: NDArray[np.uint32], statuses: NDArray[np.uint8], kind: int, refusals: _Refusals) -> int:
    """How many are fine. Raises _UnknownReference."""
    if not np.count_nonzero(statuses):
        return len(statuses)
    bad = refused(statuses)
    if np.any(statuses[bad] == AppendStatus.UNKNOWN_REF):
        raise _UnknownReference
    refusals.add(sources[bad], kind, (AppendStatus(status).text for status in statuses[bad]))
    return len(statuses) - len(bad)


def _append_exemplars(appender: Appender, request: WriteRequest, refusals: _Refusals) -> int:
    """How many were taken. Late ones are told about; whatever else is wrong with one is nobody's mistake."""
    sources, refs, times, values = request.exemplars()
    if not len(refs):
        return 0
    statuses = appender.append_exemplars(refs, times, values, request.exemplar_labels)
    late = np.flatnonzero(statuses == AppendStatus.EXEMPLAR_OUT_OF_ORDER)
    if len(late):
        log.warning("Error on ingesting out-of-order exemplars", extra={"num_dropped": len(late)})
        refusals.add(sources[late], 2, repeat(AppendStatus.EXEMPLAR_OUT_OF_ORDER.text))
    return int(np.count_nonzero(statuses == AppendStatus.OK))
