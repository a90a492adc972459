"""Appender and Querier: what scrape, rules and remote write call, and what PromQL and the HTTP API call.

Samples cross this border as numpy columns and as `native.SeriesBatch`; never as one Python object a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.native import HistogramBatch, LabelSets, ScrapeCache, SeriesBatch, TextList

Refs = NDArray[np.uint64]
Times = NDArray[np.int64]
Values = NDArray[np.float64]


class AppendStatus(IntEnum):
    """What became of one sample. Anything but OK and DUPLICATE_SAME means that it was not stored.

    An out-of-order sample that is taken is OK, also when the storage finds one at its time later on and drops it.
    From HISTOGRAM_COUNT_NOT_BIG_ENOUGH on: what is wrong with a native histogram; `text` says it as Prometheus does.
    """

    OK = 0
    DUPLICATE_SAME = 1  # same timestamp, same value as the newest sample: silently fine
    DUPLICATE = 2  # same timestamp, other value
    OUT_OF_ORDER = 3  # older than the series' newest sample
    OUT_OF_BOUNDS = 4  # older than the head accepts, or too far in the future
    UNKNOWN_REF = 5  # the series was dropped meanwhile: ask `series` again
    TOO_OLD = 6  # out of order and older than the window for such samples
    HISTOGRAM_COUNT_NOT_BIG_ENOUGH = 32
    HISTOGRAM_COUNT_MISMATCH = 33
    HISTOGRAM_NEGATIVE_COUNT = 34
    HISTOGRAM_NEGATIVE_BUCKET_COUNT = 35
    HISTOGRAM_SPAN_NEGATIVE_OFFSET = 36
    HISTOGRAM_SPANS_BUCKETS_MISMATCH = 37
    HISTOGRAM_CUSTOM_BUCKETS_MISMATCH = 38
    HISTOGRAM_CUSTOM_BUCKETS_INVALID = 39
    HISTOGRAM_CUSTOM_BUCKETS_INFINITE = 40
    HISTOGRAM_CUSTOM_BUCKETS_NAN = 41
    HISTOGRAM_CUSTOM_BUCKETS_ZERO_COUNT = 42
    HISTOGRAM_CUSTOM_BUCKETS_ZERO_THRESHOLD = 43
    HISTOGRAM_CUSTOM_BUCKETS_NEGATIVE_SPANS = 44
    HISTOGRAM_CUSTOM_BUCKETS_NEGATIVE_BUCKETS = 45
    HISTOGRAM_EXPONENTIAL_CUSTOM_BOUNDS = 46
    HISTOGRAM_INVALID_SCHEMA = 47
    HISTOGRAM_BUCKET_INDEX_TOO_LARGE = 48
    EXEMPLAR_OUT_OF_ORDER = 64
    EXEMPLAR_DUPLICATE = 65  # as the newest of its series: silently fine
    EXEMPLAR_LABEL_LENGTH = 66
    EXEMPLARS_DISABLED = 67  # silently dropped

    @property
    def text(self) -> str:
        """For error answers and logs."""
        return _TEXTS.get(self, self.name.lower().replace("_", " "))


_TEXTS = {
    AppendStatus.DUPLICATE: "duplicate sample for timestamp",
    AppendStatus.OUT_OF_ORDER: "out of order sample",
    AppendStatus.OUT_OF_BOUNDS: "out of bounds",
    AppendStatus.UNKNOWN_REF: "unknown series reference",
    AppendStatus.TOO_OLD: "too old sample",
    AppendStatus.HISTOGRAM_COUNT_NOT_BIG_ENOUGH: "histogram's observation count should be at least the number of "
    "observations found in the buckets",
    AppendStatus.HISTOGRAM_COUNT_MISMATCH: "histogram's observation count should equal the number of observations "
    "found in the buckets (in absence of NaN)",
    AppendStatus.HISTOGRAM_NEGATIVE_COUNT: "histogram's observation count is negative",
    AppendStatus.HISTOGRAM_NEGATIVE_BUCKET_COUNT: "histogram has a bucket whose observation count is negative",
    AppendStatus.HISTOGRAM_SPAN_NEGATIVE_OFFSET: "histogram has a span whose offset is negative",
    AppendStatus.HISTOGRAM_SPANS_BUCKETS_MISMATCH: "histogram spans specify different number of buckets than provided",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_MISMATCH: "histogram custom bounds are too few",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_INVALID: "histogram custom bounds must be in strictly increasing order",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_INFINITE: "histogram custom bounds must be finite",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_NAN: "histogram custom bounds must not be NaN",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_ZERO_COUNT: "custom buckets: must have zero count of 0",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_ZERO_THRESHOLD: "custom buckets: must have zero threshold of 0",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_NEGATIVE_SPANS: "custom buckets: must not have negative spans",
    AppendStatus.HISTOGRAM_CUSTOM_BUCKETS_NEGATIVE_BUCKETS: "custom buckets: must not have negative buckets",
    AppendStatus.HISTOGRAM_EXPONENTIAL_CUSTOM_BOUNDS: "histogram with exponential schema must not have custom bounds",
    AppendStatus.HISTOGRAM_INVALID_SCHEMA: "histogram has an invalid schema, which must be between -4 and 8 for "
    "exponential buckets, or -53 for custom buckets",
    AppendStatus.HISTOGRAM_BUCKET_INDEX_TOO_LARGE: "histogram has a bucket whose index is too large",
    AppendStatus.EXEMPLAR_OUT_OF_ORDER: "out of order exemplar",
    AppendStatus.EXEMPLAR_DUPLICATE: "duplicate exemplar",
    AppendStatus.EXEMPLAR_LABEL_LENGTH: "label length for exemplar exceeds maximum of 128 UTF-8 characters",
    AppendStatus.EXEMPLARS_DISABLED: "exemplar storage is disabled or max exemplars is less than or equal to 0",
}


_FINE = np.zeros(256, dtype=bool)
_FINE[[AppendStatus.OK, AppendStatus.DUPLICATE_SAME]] = True


def refused(statuses: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Places of the samples that are not stored, in ascending order; the others are, or are there already."""
    return np.flatnonzero(~_FINE[statuses])


class SeriesMetadata(NamedTuple):
    type: str
    """counter, gauge, histogram, gaugehistogram, summary, info or stateset; anything else counts as unknown."""
    unit: str
    help: str


class Appender(Protocol):
    """One transaction. Nothing is visible to queries before commit; a commit becomes visible as a whole.

    Used from one thread at a time and exactly once: it ends with commit or rollback.
    """

    def series(self, labels: Labels) -> int:
        """The reference of a series, created when it is new. References stay valid until the series is dropped."""
        ...

    def series_many(self, label_sets: LabelSets) -> Refs:
        """`series` for each row, which is sorted by name. What was asked for stays known until the transaction ends."""
        ...

    def append(
        self, refs: Refs, timestamps: Times, values: Values, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        """Takes columns of equal length (milliseconds, float64). Gives one AppendStatus a sample.

        The columns are copied. Within one transaction a series may appear several times, ascending in time, with floats
        and histograms. Start timestamps, 0 where unknown, are kept where storage is told to, or become samples of zero
        that begin the series (anew). A stale marker that follows a histogram counts as one of histograms.
        """
        ...

    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None:
        """The same for samples of one time; None when all were taken."""
        ...

    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]:
        """The same for the float samples of a cache's scan; also stale markers at `timestamp` for what vanished, as far
        as they fit. Gives the two numbers of `ScrapeCache.samples`, and statuses as `append_row` does."""
        ...

    def append_histograms(
        self, refs: Refs, timestamps: Times, values: HistogramBatch, start_timestamps: Times | None = None
    ) -> NDArray[np.uint8]:
        """The same for native histograms."""
        ...

    def append_metadata(self, refs: Refs, metadata: Sequence[SeriesMetadata]) -> NDArray[np.uint8]:
        """What those series measure; logged where it is news. Gives one AppendStatus each."""
        ...

    def append_exemplars(self, refs: Refs, timestamps: Times, values: Values, labels: LabelSets) -> NDArray[np.uint8]:
        """Exemplars of those series, whose own labels are the rows of `labels`. Gives one AppendStatus each."""
        ...

    def commit(self) -> None:
        """Writes the log, then makes the samples visible. Raises StorageError (nothing visible) when the log fails."""
        ...

    def rollback(self) -> None:
        """Forgets the samples. Series that were created stay."""
        ...


class Appendable(Protocol):
    def appender(self) -> Appender: ...


class Querier(Protocol):
    """A view on [mint, maxt] (milliseconds, both inclusive). Close it to let go of blocks.

    In an event loop's thread each method raises MustWait where it would wait for another server.
    """

    @property
    def warnings(self) -> Sequence[str]:
        """What is not in the answers so far as another server did not give it."""
        ...

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        """Matching series in label order with the chunks that overlap the range. All matchers must hold.

        Releases the GIL while it works. Chunks may hold samples outside the range; kernels cut them.
        """
        ...

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        """Label sets of the series that `select` would give, without touching chunks, in label order.

        With a `limit` the selection stops there: as many of them at least as exist up to it, any of them, maybe more.
        """
        ...

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        """Names of labels that occur in the range (for series that match); the first `limit` (0: all)."""
        ...

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        """Values of one label; the first `limit` (0: all)."""
        ...

    def close(self) -> None: ...


class Queryable(Protocol):
    def querier(self, mint: int, maxt: int) -> Querier: ...


@dataclass(frozen=True, slots=True)
class Exemplar:
    labels: Labels
    timestamp: int
    """Milliseconds."""
    value: float


class ExemplarQuerier(Protocol):
    def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], mint: int, maxt: int
    ) -> list[tuple[Labels, list[Exemplar]]]:
        """Exemplars in [mint, maxt] (milliseconds, both inclusive) of series that one of the sets matches as a whole.

        Series are in label order, their exemplars ascend in time.
        """
        ...
