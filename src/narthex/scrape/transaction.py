"""One scrape as one append: samples, stale markers and report series become visible together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.config.scrape import ScrapeConfig
from narthex.errors import ExpositionError, ScrapeError, StorageError
from narthex.exposition import Format
from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.number import STALE_NAN
from narthex.native import REF_DROPPED, REF_UNSTORED, DecodeError, Reading, ScanCounts, ScrapeCache
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.sample_labels import LabelLimitExceeded, SampleLabels
from narthex.scrape.series_metadata import MetadataRecords, NamedRef
from narthex.storage.contract import Appendable, Appender, AppendStatus, Refs, Times

REPORT_SERIES = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
EXTRA_REPORT_SERIES = ("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes")
FUTURE_LIMIT_MS = 10 * 60 * 1000
"""Samples that lie further ahead of the scrape than this are refused."""

Rows = slice | NDArray[np.intp]
AppendRows = Callable[[Refs, Rows], NDArray[np.uint8]]
"""Appends these rows of some columns under these references."""
ALL_ROWS = slice(None)


@dataclass(slots=True)
class Outcome:
    """What one body gave. `post_relabel` counts samples that relabelling let pass, `added` series that are new."""

    scraped: int = 0
    post_relabel: int = 0
    added: int = 0


class SampleLimitExceeded(ScrapeError):
    """More samples after relabelling than the job allows."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("sample limit exceeded")
        self.outcome = outcome


class Transaction:
    """Appends for one target. `scraped` or `failed` begin a transaction, `finish` ends it.

    Report values of `finish` are in the order of REPORT_SERIES (and EXTRA_REPORT_SERIES when the job wants them).
    """

    def __init__(
        self,
        cache: ScrapeCache,
        labels: SampleLabels,
        config: ScrapeConfig,
        appendable: Appendable,
        metrics: ScrapeMetrics,
        reading: Reading,
        metadata: MetadataRecords | None = None,
    ) -> None:
        """`metadata` takes care of metadata in the log, where that is wanted."""
        self._cache, self._labels, self._appendable, self._metrics = cache, labels, appendable, metrics
        self._reading, self._metadata = reading, metadata
        self._named: list[NamedRef] = []
        self._honor_timestamps = config.honor_timestamps
        self._sample_limit = config.sample_limit
        self._appender: Appender | None = None
        self._scanned = False
        names = REPORT_SERIES + (EXTRA_REPORT_SERIES if config.extra_scrape_metrics else ())
        self._reports = [labels.report(name) for name in names]
        self._report_refs: list[int] | None = None

    def scraped(self, body: bytes | memoryview, format: Format, at: int) -> Outcome:
        """Appends a body's samples at `at` (milliseconds) and the stale markers of series that are gone.

        Raises ScrapeError, ExpositionError or StorageError; then nothing of the body stays and `failed` must follow.
        """
        if not body:
            # An empty answer says that there are no series; unlike a failure it is nobody's mistake.
            self.failed(at)
            return Outcome()
        counts = self._scan(body, format, at)
        self._appender = appender = self._appendable.appender()
        self._named = []
        added = self._resolve(appender) if counts.unknown else 0
        if self._sample_limit:
            self._check_limit(counts)
        # Times of a body's own may lie too far ahead.
        latest = at + FUTURE_LIMIT_MS if counts.explicit_timestamps and self._honor_timestamps else None
        kept, duplicates = self._append_samples(appender, counts, at, latest)
        if duplicates:
            self._metrics.duplicates.inc(duplicates)
        if counts.histograms:
            kept += self._append_histograms(appender, counts, latest)
        if counts.exemplars:
            self._append_exemplars(appender)
        if self._metadata is not None:
            self._metadata.append(appender, self._named, bool(counts.new_metadata), self._stored)
        self._scanned = True
        return Outcome(counts.samples, kept, added)

    def _check_limit(self, counts: ScanCounts) -> None:
        kept = self._cache.known_kept()
        if kept > self._sample_limit:
            self._metrics.exceeded_sample_limit.inc()
            raise SampleLimitExceeded(Outcome(counts.samples, kept, 0))

    def _stored(self) -> Refs:
        return np.concatenate((self._cache.samples()[0], self._cache.histograms()[0]))

    def _scan(self, body: bytes | memoryview, format: Format, at: int) -> ScanCounts:
        try:
            if format is Format.PROTOBUF:
                return self._cache.scan_protobuf(body, at, self._reading)
            return self._cache.scan_text(body, at, self._reading, format is Format.OPENMETRICS)
        except DecodeError as e:
            raise ExpositionError(str(e)) from None

    def failed(self, at: int) -> None:
        """The scrape gave nothing: what was begun is rolled back, and every live series gets a stale marker."""
        self.abandon()
        gone = self._cache.fail()
        self._appender = self._appendable.appender()
        self._mark_stale(self._appender, gone, at)

    def finish(self, at: int, report: Sequence[float]) -> None:
        """Appends the report series and commits. Raises StorageError; then nothing of this scrape is visible."""
        appender = self._appender
        assert appender is not None
        self._append_report(appender, at, report)
        self._appender = None
        try:
            appender.commit()
        except StorageError:
            if self._metadata is not None:
                self._metadata.forget()
            raise
        if self._scanned:
            self._scanned = False
            self._cache.commit()

    def abandon(self) -> None:
        """Rolls back what was begun, if anything."""
        appender, self._appender, self._scanned = self._appender, None, False
        if appender is not None:
            appender.rollback()
            if self._metadata is not None:
                self._metadata.forget()

    def end(self, at: int) -> None:
        """The target is gone for good: stale markers for its series and its reports, in a transaction of their own."""
        self.failed(at)
        self._reports_stale(at)

    def _reports_stale(self, at: int) -> None:
        appender = self._appender
        assert appender is not None
        if self._report_refs is not None:
            self._mark_stale(appender, np.array(self._report_refs, dtype=np.uint64), at)
        self._appender = None
        appender.commit()

    def _resolve(self, appender: Appender) -> int:
        """Decides about the series that the cache does not know yet; gives the number of new ones."""
        cache, limit = self._cache, self._sample_limit
        kept = cache.known_kept()
        ids = cache.unknown(with_unstored=not (limit and kept > limit))
        refs: list[int] = []
        added = 0
        try:
            for exposed in cache.labels(ids):
                labels = self._labels.of(exposed)
                if labels is None:
                    refs.append(REF_DROPPED)
                    continue
                kept += 1
                if limit and kept > limit:
                    refs.append(REF_UNSTORED)
                else:
                    refs.append(appender.series(labels))
                    added += 1
                    if self._metadata is not None:
                        self._named.append((exposed.get(METRIC_NAME, ""), refs[-1]))
        except LabelLimitExceeded:
            self._metrics.exceeded_label_limits.inc()
            raise
        finally:
            cache.assign(ids[: len(refs)], np.array(refs, dtype=np.uint64))
        return added

    def _append_samples(self, appender: Appender, counts: ScanCounts, at: int, latest: int | None) -> tuple[int, int]:
        """Appends what the scan has as floats, and stale markers for what it lacks. Gives the number of lines that
        relabelling let pass, and how many of them were left out as they repeat others."""
        if latest is None:
            kept, duplicates, status = appender.append_scan(self._cache, at)
            if status is None:
                return kept, duplicates
        refs, times, values, kept, duplicates = self._cache.samples()
        starts = self._cache.starts()[0] if counts.starts else None

        def append(refs: Refs, rows: Rows) -> NDArray[np.uint8]:
            return appender.append(refs, times[rows], values[rows], None if starts is None else starts[rows])

        if latest is not None:
            status = self._append_until(latest, refs, times, append)
            self._mark_stale(appender, self._cache.vanished(), at)
        assert status is not None
        self._settle(appender, refs, append, status)
        return kept, duplicates

    @staticmethod
    def _append_until(latest: int, refs: Refs, times: Times, append: AppendRows) -> NDArray[np.uint8]:
        """Appends the rows that are not later; gives the statuses of all."""
        if (times <= latest).all():
            return append(refs, ALL_ROWS)
        status = np.full(len(refs), AppendStatus.OUT_OF_BOUNDS, dtype=np.uint8)
        fine = np.flatnonzero(times <= latest)
        status[fine] = append(refs[fine], fine)
        return status

    def _settle(self, appender: Appender, refs: Refs, append: AppendRows, status: NDArray[np.uint8]) -> None:
        """Asks once more for series that the storage dropped, and counts what was refused. Changes `status`."""
        if not np.count_nonzero(status):
            return
        unknown = np.flatnonzero(status == AppendStatus.UNKNOWN_REF)
        if len(unknown):
            again = self._asked_again(appender, refs[unknown])
            known = again != REF_DROPPED
            rows = unknown[known]
            status[rows] = append(again[known], rows)
        self._count(status)

    def _append_histograms(self, appender: Appender, counts: ScanCounts, latest: int | None) -> int:
        """Gives the number of native histograms that relabelling let pass."""
        refs, times, values, kept, over_limit = self._cache.histograms()
        starts = self._cache.starts()[1] if counts.starts else None
        if over_limit:
            self._metrics.exceeded_bucket_limit.inc()
            raise ScrapeError("histogram bucket limit exceeded")

        def append(refs: Refs, rows: Rows) -> NDArray[np.uint8]:
            batch = values if isinstance(rows, slice) else values.pick(rows.astype(np.uint32))
            return appender.append_histograms(refs, times[rows], batch, None if starts is None else starts[rows])

        status = append(refs, ALL_ROWS) if latest is None else self._append_until(latest, refs, times, append)
        self._settle(appender, refs, append, status)
        faulty = status[status >= AppendStatus.HISTOGRAM_COUNT_NOT_BIG_ENOUGH]
        if len(faulty):
            raise ScrapeError(AppendStatus(int(faulty[0])).text)
        return kept

    def _append_exemplars(self, appender: Appender) -> None:
        refs, times, values, labels = self._cache.exemplars()
        if not len(refs):
            return
        status = appender.append_exemplars(refs, times, values, labels)
        late = status == AppendStatus.EXEMPLAR_OUT_OF_ORDER
        if late.any():
            # A target shows its exemplars again and again; they are only missed when none of a series is newer.
            missed = np.isin(refs[late], refs[~late], invert=True)
            self._metrics.exemplars_out_of_order.inc(int(np.count_nonzero(missed)))

    def _asked_again(self, appender: Appender, refs: Refs) -> Refs:
        """New references for series that the storage dropped meanwhile."""
        if self._metadata is not None:
            self._metadata.forget()
        ids = self._cache.find_refs(refs)
        sets = [self._labels.of(exposed) for exposed in self._cache.labels(ids)]
        fresh = np.array([REF_DROPPED if s is None else appender.series(s) for s in sets], dtype=np.uint64)
        # Lines that share a series have equal references before and after, so any line of a reference tells.
        by_old = dict(zip(self._cache.refs(ids).tolist(), fresh.tolist(), strict=True))
        self._cache.assign(ids, fresh)
        return np.array([by_old.get(ref, REF_DROPPED) for ref in refs.tolist()], dtype=np.uint64)

    def _count(self, status: NDArray[np.uint8]) -> None:
        counts = np.bincount(status, minlength=len(AppendStatus))
        metrics = self._metrics
        for code, counter in (
            (AppendStatus.DUPLICATE, metrics.duplicates),
            (AppendStatus.OUT_OF_ORDER, metrics.out_of_order),
            (AppendStatus.OUT_OF_BOUNDS, metrics.out_of_bounds),
            (AppendStatus.TOO_OLD, metrics.out_of_bounds),
        ):
            if counts[code]:
                counter.inc(int(counts[code]))

    def _mark_stale(self, appender: Appender, refs: Refs, at: int) -> None:
        # A marker that is refused (newer samples, dropped series) is not missed.
        if len(refs):
            appender.append(refs, np.full(len(refs), at, dtype=np.int64), np.full(len(refs), STALE_NAN))

    def _append_report(self, appender: Appender, at: int, values: Sequence[float]) -> None:
        if self._report_refs is None:
            self._report_refs = self._ask(appender, self._reports)
        status = appender.append_row(self._report_refs, at, values)
        if status is not None and (status == AppendStatus.UNKNOWN_REF).any():
            refs = self._report_refs = self._ask(appender, self._reports)
            lost = np.flatnonzero(status == AppendStatus.UNKNOWN_REF).tolist()
            appender.append_row([refs[i] for i in lost], at, [values[i] for i in lost])

    @staticmethod
    def _ask(appender: Appender, sets: Sequence[Labels]) -> list[int]:
        return [appender.series(labels) for labels in sets]
