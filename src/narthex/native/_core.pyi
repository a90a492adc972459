"""Contracts of the compiled core. Arrays are one-dimensional and contiguous; times are milliseconds."""

from collections.abc import Callable, Sequence
from enum import Enum
from mmap import mmap
from typing import TypedDict, overload

import numpy as np
from numpy.typing import NDArray

class DecodeError(ValueError):
    """Input bytes do not have the promised form; the text ends with the byte offset."""

class LimitError(RuntimeError):
    """A query asked for more samples or points than its limits allow."""

class CanceledError(RuntimeError):
    """The cancel flag was raised while a kernel ran."""

class LabelSets:
    """Many label sets as columns; rows keep their order."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int) -> dict[str, str]: ...
    def value(self, row: int, name: str) -> str:
        """The label's value, "" when absent."""

    @staticmethod
    def merge(tables: Sequence[LabelSets]) -> LabelSets:
        """The union of tables in label order, in label order; equal rows become one."""

    def add(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Adds a row; sorts by name, drops empty values. Names must be unique."""

class SeriesIndex:
    """Distinct label sets, numbered from 0 as they come."""

    def __init__(self) -> None: ...
    def add(self, sets: LabelSets) -> NDArray[np.uint32]:
        """The number of each row. Not while another thread uses `labels`."""

    @property
    def labels(self) -> LabelSets: ...
    def __len__(self) -> int: ...

class TextList:
    """Texts in byte order, each once."""

    def __init__(self, texts: Sequence[str], limit: int = 0) -> None:
        """Keeps the first `limit` (0: all)."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> str: ...
    def __eq__(self, other: object) -> bool:
        """Whether a list or another TextList holds the same texts in the same order."""

    def json(self, limit: int = 0) -> bytes:
        """A JSON list of the first `limit` (0: all)."""

    @staticmethod
    def merge(lists: Sequence[TextList], limit: int = 0) -> TextList:
        """The union; the first `limit` of it (0: all)."""

class ValueTexts:
    """Values of one label in one text, to match many of them at once (core/labels/value_texts.h)."""

    seen: int
    """How many values the label had when this was made."""

    def __init__(self) -> None: ...
    def add(self, value: str, id: int) -> None:
        """Ids must ascend."""

    def __len__(self) -> int: ...
    def text(self) -> bytes:
        """Each value and "\\n\\xff\\n" behind it."""

    def odd(self) -> list[tuple[int, str]]:
        """(id, value) of values that hold a newline or are not UTF-8; they are not in the text."""

    def matching(self, alternatives: Sequence[tuple[Sequence[str], Sequence[int]]], negate: bool) -> NDArray[np.uint32]:
        """Ids of values that match one of the alternatives (model/wildcards.py); with `negate` of all others."""

    def within(self, spans: NDArray[np.int64], odd: NDArray[np.uint32], negate: bool) -> NDArray[np.uint32]:
        """Ids of values in the ranges start, end, start, end ... of the text, and of odd ones; both ascend.

        With `negate` those of all others.
        """

def rows_json(rows: LabelSets, row: int, last: int, bytes: int) -> tuple[bytes, int]:
    """JSON objects of rows [row, last), a comma before each but row 0, at least `bytes` long when there are so many.

    Gives the first row that is left, too.
    """

class HistogramRun(TypedDict):
    """Histogram samples of one series that share a layout (docs/formats/chunk-histogram.md), one array entry a sample.

    Counts are uint64, buckets int64, or both float64 where `floats` is True. A stale marker has the stale NaN for its
    sum and the empty layout.
    """

    floats: bool
    schema: int
    zero_threshold: float
    positive_spans: list[tuple[int, int]]
    negative_spans: list[tuple[int, int]]
    bounds: list[float]
    times: NDArray[np.int64]
    start_times: NDArray[np.int64]
    """0 where unknown."""
    counts: NDArray[np.uint64] | NDArray[np.float64]
    zero_counts: NDArray[np.uint64] | NDArray[np.float64]
    sums: NDArray[np.float64]
    hints: NDArray[np.uint8]
    """0 unknown, 1 counter reset, 2 none, 3 gauge."""
    buckets: NDArray[np.int64] | NDArray[np.float64]
    """Samples x buckets: absolute counts of the positive buckets, then of the negative ones."""

class PlainHistogram(TypedDict):
    """A native histogram as a value of PromQL. Buckets are (index, count), ascending; empty ones may be among them."""

    schema: int
    zero_threshold: float
    zero_count: float
    count: float
    sum: float
    hint: int
    """0 unknown, 1 counter reset, 2 none, 3 gauge."""
    positive: list[tuple[int, float]]
    negative: list[tuple[int, float]]
    bounds: list[float]

class FloatHistogram:
    """One native histogram of PromQL. What changes it does so in place."""

    def __new__(
        cls,
        *,
        schema: int = 0,
        zero_threshold: float = 0.0,
        zero_count: float = 0.0,
        count: float = 0.0,
        sum: float = 0.0,
        hint: int = 0,
        positive: Sequence[tuple[int, float]] = (),
        negative: Sequence[tuple[int, float]] = (),
        bounds: Sequence[float] = (),
    ) -> FloatHistogram:
        """Bounds go with custom buckets (schema -53) alone. Raises ValueError for what no storage would give."""

    def plain(self) -> PlainHistogram: ...
    def __str__(self) -> str:
        """As Prometheus shows it to people: {count:3, sum:4.5, (1,2]:3}."""

    def copy(self) -> FloatHistogram: ...
    def equals(self, other: FloatHistogram) -> bool:
        """Every number but the reset hint; counts and sums by their bits."""

    @property
    def samples(self) -> int:
        """How many samples it counts for against a query's limits."""

    def multiply(self, factor: float) -> None: ...
    def divide(self, divisor: float) -> None: ...
    def compact(self) -> None:
        """Drops empty buckets."""

    def add(self, other: FloatHistogram) -> tuple[bool, bool, bool]:
        """Gives (incompatible: nothing was done, reset hints contradict each other, custom bounds were reconciled)."""

    def subtract(self, other: FloatHistogram) -> tuple[bool, bool, bool]: ...
    @staticmethod
    def sum(values: Sequence[FloatHistogram]) -> tuple[FloatHistogram, tuple[bool, bool, bool]]:
        """The compensated sum, not compacted; useless where incompatible."""

    @staticmethod
    def mean(values: Sequence[FloatHistogram]) -> tuple[FloatHistogram, tuple[bool, bool, bool]]: ...
    def reset_since(self, before: FloatHistogram) -> bool:
        """Whether a counter began anew between the two."""

    def quantile(self, q: float) -> tuple[float, bool]:
        """The quantile, and whether there are observations of NaN."""

    def fraction(self, lower: float, upper: float) -> tuple[float, bool]: ...
    def variance(self) -> float: ...
    def trim(self, value: float, keep_below: bool) -> None: ...
    def buckets(self) -> list[tuple[int, float, float, float]]:
        """Populated buckets in ascending order: (0 where the upper bound belongs to it, 1 the lower, 2 none, 3 both,
        lower bound, upper bound, count)."""

class HistogramBatch:
    """Native histograms for one append, a value a sample; they need not be of one series."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def pick(self, rows: NDArray[np.uint32]) -> HistogramBatch:
        """These values in this order. Raises IndexError."""

    def runs(self) -> list[HistogramRun]:
        """Runs of values that share a layout: a dictionary each, with columns; times are 0."""

    def add_value(self, value: FloatHistogram) -> None:
        """Adds one result of a query."""

    def add(
        self,
        *,
        floats: bool,
        schema: int,
        zero_threshold: float = 0.0,
        positive_spans: Sequence[tuple[int, int]],
        negative_spans: Sequence[tuple[int, int]] = (),
        bounds: Sequence[float] = (),
        counts: NDArray[np.uint64] | NDArray[np.int64] | NDArray[np.float64],
        zero_counts: NDArray[np.uint64] | NDArray[np.int64] | NDArray[np.float64],
        sums: NDArray[np.float64],
        hints: NDArray[np.uint8],
        buckets: NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.float64],
        positive: int | None = None,
    ) -> None:
        """Adds samples that share a layout: what HistogramRun says, without times.

        `positive` of the buckets are positive ones, None: as many as their spans say. What is wrong with a sample is
        the status that its append gives. Schemas above 8 are reduced to 8. TypeError when counts are not of one kind,
        ValueError when columns differ in length.
        """

class SeriesBatch:
    """What a selection gives: label sets (in label order, unique) and for each the chunks that hold its samples."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def labels(self) -> LabelSets: ...
    def chunk_count(self) -> int: ...
    def damage(self) -> tuple[int, list[str]]:
        """What should be in the batch and cannot be, as its bytes are broken: how much, and the first few reasons."""

    def add_damage(self, reason: str) -> None: ...
    def samples(self, row: int, mint: int, maxt: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Decoded float samples of a row with mint <= t <= maxt, stale markers included."""

    def histograms(self, row: int, mint: int, maxt: int) -> list[HistogramRun]:
        """Decoded histogram samples of a row with mint <= t <= maxt, stale markers included, in time order."""

    def histogram_chunk_count(self) -> int: ...
    @staticmethod
    def merge(batches: Sequence[SeriesBatch]) -> SeriesBatch:
        """One batch out of several; rows with equal labels become one row."""

    def add_columns(
        self, labels: Sequence[tuple[str, str]], timestamps: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Adds one series; rows must be added in label order, timestamps must ascend."""

    @staticmethod
    def gather(
        labels: LabelSets,
        first: int,
        last: int,
        rows: NDArray[np.uint32],
        times: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> tuple[SeriesBatch, int, int]:
        """Rows [first, last) of `labels` (in label order) with their samples, which may come in any order. Also gives
        how many samples were left out: equal ones, and ones with another value than the first of their time."""

    def add_chunks(self, labels: Sequence[tuple[str, str]], chunks: Sequence[tuple[int, int, int, bytes]]) -> None:
        """Adds one series of chunks (first time, last time, encoding, data), ordered by first time."""

# --- blocks -----------------------------------------------------------------------------------------------------------

MatchTerms = Sequence[tuple[str, list[str] | NDArray[np.uint32] | None, bool]]
"""(name, values or None for every value, exclude), see tsdb/select.py."""

class Tombstones:
    """Deleted time ranges (inclusive, milliseconds) by series reference; ranges of a series are joined."""

    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, other: Tombstones) -> None:
        """A copy."""

    @staticmethod
    def decode(file: bytes) -> Tombstones:
        """A whole tombstones file. Raises DecodeError."""

    def encode(self) -> bytes: ...
    def add(self, series: int, mint: int, maxt: int) -> None:
        """Not while another thread reads."""

    def intervals(self, series: int) -> list[tuple[int, int]]: ...
    def series_count(self) -> int: ...
    def __len__(self) -> int:
        """Number of intervals."""

class BlockReader:
    """A block's index and chunk segments, read in place; immutable and safe for concurrent use.

    Holds the buffers (bytes, mmap) and so does every batch it gives. All methods raise DecodeError on broken bytes.
    `index_version` overrides the index's own version byte when it is not 0. Times are inclusive.
    """

    def __init__(self, index: bytes | mmap, segments: Sequence[bytes | mmap], index_version: int = 0) -> None: ...
    @property
    def index_version(self) -> int: ...
    def symbol_count(self) -> int: ...
    def series_count(self) -> int: ...
    def select(
        self,
        terms: MatchTerms,
        mint: int,
        maxt: int,
        tombstones: Tombstones | None = None,
        skip_broken_of: str | None = None,
    ) -> SeriesBatch:
        """Matching series in label order with the chunks that overlap [mint, maxt] (milliseconds, inclusive).

        Broken series and chunks are a DecodeError; with `skip_broken_of`, the name of the block, they are left out and
        noted in the batch's damage under that name.
        """

    def series(
        self, terms: MatchTerms, mint: int, maxt: int, tombstones: Tombstones | None = None, limit: int = 0
    ) -> LabelSets:
        """Label sets of series with a chunk in the range that is not deleted as a whole; the first `limit` (0: all)."""

    def label_names(self, limit: int = 0) -> TextList: ...
    def label_values(self, name: str, limit: int = 0) -> TextList: ...
    def label_value_count(self, name: str) -> int: ...
    def value_texts(self, name: str, prefix: str = "", since: int = 0) -> ValueTexts:
        """Values that start with `prefix`, from position `since` on."""

    def matching_label_names(self, terms: MatchTerms, limit: int = 0) -> TextList: ...
    def matching_label_values(self, name: str, terms: MatchTerms, limit: int = 0) -> TextList: ...
    def delete(self, terms: MatchTerms, mint: int, maxt: int, into: Tombstones) -> int:
        """Adds intervals for the matching series, clipped to their chunks; gives the number of series."""

Ranked = list[tuple[str, str, int]]
"""(label name, value or "", count), largest count first."""

class LabelAnalysis(TypedDict):
    """core/block/analysis.h"""

    series: int
    names: int
    pairs: int
    entries: int
    churning_pairs: Ranked
    churning_names: Ranked
    common_pairs: Ranked
    longest_names: Ranked
    richest_names: Ranked
    largest_metrics: Ranked

class ChunkAnalysis(TypedDict):
    """One entry a chunk of the kind."""

    chunks: int
    float_samples: NDArray[np.uint32]
    float_bytes: NDArray[np.uint32]
    histogram_samples: NDArray[np.uint32]
    histogram_bytes: NDArray[np.uint32]
    histogram_buckets: NDArray[np.uint32]

def analyze_labels(block: BlockReader, terms: MatchTerms, mint: int, maxt: int, limit: int) -> LabelAnalysis:
    """Labels of the matching series; [mint, maxt) is the block's range. Raises DecodeError."""

def analyze_chunks(block: BlockReader, terms: MatchTerms) -> ChunkAnalysis:
    """Chunks of the matching series. Raises DecodeError."""

# ---- exposition text (core/text) ----

REF_DROPPED: int
"""A reference for `ScrapeCache.assign`: relabelling dropped the series."""
REF_UNSTORED: int
"""A reference for `ScrapeCache.assign`: passes relabelling, but is not stored (sample limit); comes up again."""

class ScanCounts:
    @property
    def samples(self) -> int:
        """Sample lines and native histograms."""
    @property
    def histograms(self) -> int:
        """Of these, native histograms."""
    @property
    def explicit_timestamps(self) -> int:
        """Of these, lines with a timestamp of their own."""
    @property
    def exemplars(self) -> int:
        """Exemplars that were read."""
    @property
    def unknown(self) -> int:
        """Series that need a reference (see `ScrapeCache.unknown`)."""
    @property
    def new_metadata(self) -> int:
        """Metadata lines, or their like in protobuf, that the scan before did not have."""
    @property
    def starts(self) -> bool:
        """Whether there may be start times among them."""

class Reading:
    """How the bodies of a target are read."""

    def __init__(
        self,
        *,
        honor_timestamps: bool = True,
        track_explicit: bool = False,
        exemplars: bool = False,
        starts: bool = False,
        type_and_unit: bool = False,
        native_histograms: bool = False,
        classic_histograms: bool = False,
        convert_histograms: bool = False,
        max_schema: int = 8,
        bucket_limit: int = 0,
    ) -> None:
        """The first two as `ScrapeCache.scan` has them. `exemplars` are kept. `starts`: start times go with samples,
        and OpenMetrics' _created lines of counters, histograms and summaries are start times only. `type_and_unit`:
        series get the labels __type__ and __unit__ of their family, where known. Native histograms are samples if
        `native_histograms`, at a resolution of at most `max_schema` and coarser ones as far as `bucket_limit` (0: none)
        asks for it; their classic series are left out unless `classic_histograms`.
        `convert_histograms`: histograms that are not samples that way become native ones with custom buckets; a
        broken one is left out."""

class ScrapeCache:
    """One target's memory of its last body, so that only new series cost more than a compare and a number parse.

    The life of one scrape: `scan`, then `assign` for what `unknown` names, then `samples` and `vanished`, then
    `commit`; or `fail` at any point. Calls from several threads are safe and take turns.
    """

    def __init__(self) -> None: ...
    def scan(
        self,
        body: bytes | memoryview,
        default_timestamp: int,
        openmetrics: bool = False,
        honor_timestamps: bool = True,
        track_explicit: bool = False,
        timestamps_required: bool = False,
        first_piece: bool = True,
        last_piece: bool = True,
    ) -> ScanCounts:
        """Reads a whole body in the text format 0.0.4/1.0.0 or OpenMetrics. Lines without a timestamp get
        `default_timestamp`; so do all when timestamps are not honoured. `track_explicit`: series with timestamps
        of their own vanish with a stale marker too. `timestamps_required`: a line without one is an error. A body
        may come in pieces that end with a line, with `keep` after each. Raises DecodeError that names line, reason
        and byte.
        Releases the GIL."""

    def scan_text(
        self, body: bytes | memoryview, default_timestamp: int, reading: Reading, openmetrics: bool
    ) -> ScanCounts:
        """`scan` of a whole body under all options."""

    def scan_protobuf(self, body: bytes | memoryview, default_timestamp: int, reading: Reading) -> ScanCounts:
        """The same for delimited MetricFamily messages."""

    def histograms(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], HistogramBatch, int, int]:
        """References, timestamps and values for `Appender.append_histograms`; then how many pass relabelling (stored or
        not), and how many of those stored have more buckets than the limit at the coarsest resolution."""

    def starts(self) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
        """Start times of what `samples` and `histograms` give, row by row: milliseconds, 0 where unknown; None for a
        column without one."""

    def exemplars(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], LabelSets]:
        """Columns for `Appender.append_exemplars`; those of a series ascend in time."""

    def unknown(self, with_unstored: bool = True) -> NDArray[np.uint32]:
        """Ids of the scan's series that need a reference, in body order: undecided ones and (unless left out) those
        with REF_UNSTORED. Valid until commit or fail."""

    def known_kept(self) -> int:
        """Sample lines of the scan whose series is known to pass relabelling."""

    def labels(self, ids: NDArray[np.uint32]) -> list[dict[str, str]]:
        """Label sets as exposed: `__name__` included, empty values included, `le` and `quantile` of histogram and
        summary families in OpenMetrics' float form. Raises IndexError for ids that are no series."""

    def label_sets(self, ids: NDArray[np.uint32]) -> LabelSets:
        """The same as columns, without empty values."""

    def find_refs(self, refs: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Ids of the series that have one of these references."""

    def refs(self, ids: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """The references of these ids. Raises IndexError."""

    def assign(self, ids: NDArray[np.uint32], refs: NDArray[np.uint64]) -> None:
        """Gives series their references, or REF_DROPPED, or REF_UNSTORED."""

    def samples(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], int, int]:
        """Columns for `Appender.append`; then the number of sample lines that pass relabelling (stored or not,
        duplicates included), and how many of these were duplicates: lines without a timestamp that repeat a series
        of this scan, left out of the columns."""

    def vanished(self) -> NDArray[np.uint64]:
        """References that were in the last committed scan and are not in this one, sorted; they want a stale
        marker. Series with timestamps of their own are left out unless `track_explicit`. Call it after `assign`."""

    def commit(self) -> None:
        """The scan becomes the last one. Series it lacks are forgotten."""

    def keep(self) -> None:
        """The scan becomes the last one; nothing is forgotten. For pieces of a body."""

    def fail(self) -> NDArray[np.uint64]:
        """The scrape failed: references of the last committed scan, which want a stale marker now. Also right when
        nothing was scanned. Series that a completely read scan brought stay known."""

    def metadata(self) -> list[tuple[str, str, str, str]]:
        """(family, type, help, unit) in body order; a family that vanished stays for ten more scans."""

    def metadata_size(self) -> tuple[int, int]:
        """Number of families that have a type, and bytes of all metadata lines."""

    def series(self) -> int: ...
    def memory_bytes(self) -> int: ...

def foreign_texts(labels: LabelSets) -> list[str]:
    """Names and values that are not ASCII, each once."""

def sample_lines(
    batch: SeriesBatch, first: int, mint: int, maxt: int, openmetrics: bool, quoted: dict[str, str], budget: int
) -> tuple[int, bytes]:
    """Samples with mint <= t <= maxt as lines (core/text/sample_lines.h), of rows from `first` on, until about
    `budget` bytes; gives the next row. `quoted` has the quoted form of all `foreign_texts`. Raises DecodeError."""

class BlockWriter:
    """Turns series rows into the bytes of a block's index and chunk segments; see tsdb/block_write.py.

    Order of calls: add_symbols (or add_block_symbols) for everything that will come, begin, add_rows, finish until it
    is True. Take the bytes in between. `mint` inclusive, `maxt` exclusive, milliseconds. Not safe for concurrent use.
    """

    def __init__(self, mint: int, maxt: int, segment_size: int, xor2: bool = False, skip_broken: bool = False) -> None:
        """`xor2`: floats that are encoded anew become XOR2 chunks. `skip_broken`: see `broken`."""

    def add_symbols(self, batch: SeriesBatch) -> None: ...
    def add_block_symbols(self, block: BlockReader) -> None: ...
    def begin(self) -> None: ...
    def add_rows(self, batch: SeriesBatch, first: int, budget: int) -> int:
        """Takes rows from `first` on until about `budget` bytes wait to be taken; gives the next row to add.

        Rows ascend in label order over all calls, else ValueError. Raises DecodeError, which names the series, on a
        broken chunk that is not to be skipped.
        """

    def finish(self, budget: int) -> bool:
        """Writes about `budget` bytes of what follows the series; True when the index is complete."""

    def take_chunks(self) -> list[tuple[int, bytes]]:
        """(segment number from 1, bytes to append) since the last call."""

    def take_index(self) -> bytes:
        """Bytes to append since the last call."""

    def counts(self) -> dict[str, int]:
        """samples, float_samples, histogram_samples, series, chunks so far."""

    def take_shapes(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
        """Bytes, samples and milliseconds from first to last sample of each chunk added since the last call."""

    def broken(self) -> tuple[int, list[str]]:
        """How many broken chunks were left out; the series and the reason for the first few."""

class BlockMerger:
    """Series of several blocks in label order, equal labels joined, deleted samples cut out."""

    def __init__(self, inputs: Sequence[tuple[BlockReader, Tombstones]]) -> None: ...
    def next(self, max_rows: int) -> SeriesBatch:
        """The next series; empty at the end. A batch must not be read while a later call runs."""

# --- head and log -----------------------------------------------------------------------------------------------------

HeadView = tuple[int, int]
"""What planning saw: (generation of the series table, number of series)."""

class HeadCounts:
    """A snapshot of the head's numbers. Times are milliseconds."""

    series: int
    chunks: int
    label_pairs: int
    symbol_bytes: int
    chunk_bytes: int
    """Bytes of closed chunks that are not mapped from a file."""
    min_time: int
    """2^63 - 1 before the first sample."""
    max_time: int
    """-2^63 before the first sample."""
    out_of_order_min_time: int
    """Of samples that came out of order; `min_time` and `max_time` are of the others. Same extremes without any."""
    out_of_order_max_time: int
    min_valid_time: int
    created: int
    removed: int
    out_of_order: int
    out_of_bounds: int
    histograms_out_of_order: int
    histograms_out_of_bounds: int
    too_old: int
    histograms_too_old: int
    appended: int
    """Samples since the start; `histograms_appended` are the native histograms, this the floats."""
    histograms_appended: int
    transactions: int
    """Begun since the start, `open_transactions` of them are under way."""
    open_transactions: int
    out_of_order_appended: int
    histograms_out_of_order_appended: int
    delays: list[tuple[int | None, int]]
    """(upper bound in seconds or None, samples): how far late samples, taken or not, were behind the newest of all."""
    delay_sum: int
    stale_series: int
    """Whose newest sample is a stale marker."""
    histogram_series: int
    """Whose newest sample is a native histogram."""
    histogram_buckets: int
    """Of the newest samples of those."""
    chunks_created: int
    chunks_removed: int

class ExemplarCounts:
    appended: int
    out_of_order: int
    stored: int
    series: int
    """With exemplars."""
    capacity: int
    oldest: int
    """Time of the one that goes next; 0 without any."""

class HeadTransaction:
    """Samples of one commit: append*, encode, (write the log), apply. Used by one thread at a time."""

    def append(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
        start_timestamps: NDArray[np.int64] | None = None,
    ) -> NDArray[np.uint8]:
        """Judges and keeps columns of equal length; one storage.contract.AppendStatus a sample."""

    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]:
        """`append` of the float samples of a cache's scan, and of stale markers at `timestamp` for what vanished: the
        numbers of `ScrapeCache.samples`, then statuses as of `append_row`."""

    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None:
        """`append` of samples of one time. None when all were taken."""

    def append_histograms(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: HistogramBatch,
        start_timestamps: NDArray[np.int64] | None = None,
    ) -> NDArray[np.uint8]: ...
    def append_metadata(self, refs: NDArray[np.uint64], metadata: Sequence[tuple[int, str, str]]) -> NDArray[np.uint8]:
        """What series measure, (number of the type in the log, unit, help) each; logged where it is news."""

    def append_exemplars(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
        labels: LabelSets,
    ) -> NDArray[np.uint8]:
        """Exemplars, a row of `labels` each."""

    def encode(self, position: int, compression: str = "snappy", zstd: ZstdCompress | None = None) -> bytes:
        """Framed log records for a segment that is `position` bytes long; b"" when there is nothing to log.

        Samples that other commits have overtaken since they were judged are dropped.
        """

    def encode_out_of_order(
        self, position: int, compression: str = "snappy", zstd: ZstdCompress | None = None
    ) -> bytes:
        """The same records of the samples that are out of order, for the log of those. After `encode`."""

    def apply(self) -> tuple[int, int]:
        """Makes the samples visible at once and gives the numbers of floats and histograms.

        Call after the log was written, once.
        """

    @property
    def pending(self) -> int:
        """Samples that a commit would store."""

class HeadPart(Enum):
    """Which samples of a head: all, those that came in order, the out-of-order ones that are being compacted, or those
    of series that ended."""

    ALL = ...
    IN_ORDER = ...
    COMPACTING = ...
    STALE = ...

class Head:
    """The newest samples of every series. Safe for several threads; see core/head/head.h."""

    def __init__(self, chunk_range: int, out_of_order_cap: int = 32) -> None:
        """Chunks are cut at multiples of chunk_range milliseconds (below 2^31), those of out-of-order samples at
        out_of_order_cap samples (1 to 255).
        """

    def series(self, pairs: Sequence[tuple[str, str]]) -> int:
        """The reference of a label set, created when new. ValueError on no label or a repeated name."""

    def series_many(self, label_sets: LabelSets) -> NDArray[np.uint64]:
        """The same for many label sets in one call."""

    def transaction(self) -> HeadTransaction: ...
    def view(self) -> HeadView: ...
    def value_texts(self, name: str, prefix: str = "", since: int = 0) -> ValueTexts:
        """Values that start with `prefix`, in order of first appearance from position `since` on.

        Their ids hold as long as the generation of a view.
        """

    def label_values(self, name: str, limit: int = 0) -> TextList: ...
    def label_names(self, limit: int = 0) -> TextList: ...
    def select(
        self, view: HeadView, terms: MatchTerms, mint: int, maxt: int, part: HeadPart = ...
    ) -> SeriesBatch | None:
        """Matching series in label order with their chunks that overlap [mint, maxt].

        None when a truncation came after the view was taken: take a new one and plan again.
        """

    def select_labels(
        self, view: HeadView, terms: MatchTerms, mint: int, maxt: int, limit: int = 0
    ) -> LabelSets | None:
        """The same without chunks; any `limit` of them (0: all)."""

    def matching_label_names(
        self, view: HeadView, terms: MatchTerms, mint: int, maxt: int, limit: int = 0
    ) -> TextList | None: ...
    def matching_label_values(
        self, view: HeadView, name: str, terms: MatchTerms, mint: int, maxt: int, limit: int = 0
    ) -> TextList | None: ...
    def counts(self) -> HeadCounts: ...
    def cardinality(
        self, name: str, limit: int
    ) -> tuple[
        list[tuple[str, str, int]], list[tuple[str, str, int]], list[tuple[str, str, int]], list[tuple[str, str, int]]
    ]:
        """(text, "", count) of series by value of `name`, values by label, bytes of values by label, and
        (name, value, count) of series by label pair; the `limit` largest each, largest first.
        """

    def set_max_exemplars(self, count: int) -> None:
        """How many exemplars are kept, the newest ones; 0 turns them off."""

    def exemplars(
        self, mint: int, maxt: int
    ) -> tuple[LabelSets, NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], LabelSets]:
        """(series, the end of each one's exemplars in the columns that follow, times, values, labels)."""

    def metadata(self, ref: int) -> tuple[int, str, str] | None:
        """The newest (number of the type in the log, unit, help) of a series."""

    def exemplar_counts(self) -> ExemplarCounts: ...
    def set_encoding(
        self, *, xor2: bool, histogram_starts: bool, store_starts: bool, start_zeros: bool = False
    ) -> None:
        """How chunks are encoded that begin from now on: floats as XOR2, histograms with start times; whether start
        times are kept at all, and whether series begin anew with a zero at them. ValueError when they are to be kept
        without XOR2.
        """

    def set_min_valid_time(self, mint: int) -> None:
        """Older samples are not taken in order from now on."""

    def set_out_of_order_window(self, window: int) -> None:
        """How much older than the newest sample of all an out-of-order one may be, in milliseconds; 0: not at all."""

    def begin_out_of_order_compaction(self) -> tuple[int, int]:
        """Closes all out-of-order chunks, which become HeadPart.COMPACTING; gives their first and last time
        (2^63 - 1 and -2^63 without any). May be called again before the end.
        """

    def end_out_of_order_compaction(self) -> None:
        """Forgets what is HeadPart.COMPACTING: blocks hold it."""

    def truncate(self, mint: int) -> NDArray[np.uint64]:
        """Drops chunks before mint and series that are left without samples; gives the references of those."""

    def unwritten_chunks(self) -> list[tuple[int, NDArray[np.uint8]]]:
        """(page, bytes) of the chunks that closed and are in no file yet, oldest first, as a head chunk file has them.

        One thread at a time may go through unwritten_chunks, chunks_written and map_chunks.
        """

    def chunks_written(self, page: int, file: int, position: int) -> None:
        """The page's bytes lie in file number `file` from `position` on."""

    def map_chunks(self, file: int, content: bytes | mmap) -> int:
        """Reads all written pages of a file through `content`, the whole file; gives how many chunks are newly mapped.

        ValueError when it is shorter than what was written.
        """

    def end_epoch(self) -> None:
        """A truncation drops series without samples that nobody asked for since the last end of an epoch.

        Those that an open transaction may have asked for stay. A truncation ends the epoch, too.
        """

    def oldest_chunk_file(self, none: int) -> int:
        """The number of the oldest file that holds a chunk of the head; `none` without any."""

    def refs(self) -> NDArray[np.uint64]:
        """Every reference that stands for a series, aliases from a replayed log included."""

class ReplayCounts:
    """What one segment held, before and behind damage.

    `fault` is "" or says what is wrong at the first of the `faults` damaged places, which follows `good_end`.
    """

    records: int
    series: int
    samples: int
    """Floats that were applied."""
    histograms: int
    exemplars: int
    old_samples: int
    unknown_refs: int
    invalid_series: int
    invalid_histograms: int
    tombstones: int
    markers: int
    skipped_records: int
    unknown_records: int
    faults: int
    good_end: int
    fault: str

ZstdDecompress = Callable[[bytes, int], bytes]
"""(frame, limit of the plain length) -> plain bytes."""

ZstdCompress = Callable[[bytes], bytes]
"""plain bytes -> frame; for compression "zstd", beside which there are "snappy" and "none"."""

class HeadChunkCounts:
    """What one head chunk file held. `fault` is "" or says why the bytes from `good_end` on cannot be used."""

    chunks: int
    out_of_order: int
    old: int
    overlapping: int
    unusable: int
    good_end: int
    fault: str

class HeadDeletion:
    """Samples to be deleted: plan, encode, (write the logs), apply; no commit may come in between."""

    def __init__(self, head: Head) -> None: ...
    def plan(self, view: HeadView, terms: MatchTerms, mint: int, maxt: int) -> bool:
        """Samples in [mint, maxt] of matching series. False when the view is out of date."""

    @property
    def series(self) -> int:
        """How many series have some."""

    def encode(self, position: int, compression: str = "snappy", zstd: ZstdCompress | None = None) -> bytes:
        """A framed log record; b"" when nothing is to be deleted."""

    def apply(self) -> None: ...

class StaleSeries:
    """The series that ended, as of now: (write blocks of HeadPart.STALE), drop, encode, (write the log), finish; no
    commit may come between drop and the log."""

    def __init__(self, head: Head) -> None: ...
    def __len__(self) -> int: ...
    def drop(self) -> NDArray[np.uint64]:
        """Drops those that got no sample since and no open transaction may have asked for; gives their references."""

    def encode(self, position: int, compression: str = "snappy", zstd: ZstdCompress | None = None) -> bytes:
        """A framed log record; b"" when none was dropped."""

    def finish(self) -> None:
        """Frees what is left of them."""

class LogKind(Enum):
    """The log of all samples, and that of out-of-order samples, which is replayed after the other."""

    ALL = ...
    OUT_OF_ORDER = ...

class HeadReplay:
    """Fills a head: first its chunk files, then its log segments, each in order, then finish()."""

    def __init__(self, head: Head, kind: LogKind = ...) -> None: ...
    def chunk_file(self, number: int, content: bytes | mmap) -> HeadChunkCounts:
        """Keeps a hold on the content for as long as a chunk of it is needed."""

    def snapshot(self, segment: bytes | mmap, zstd: ZstdDecompress | None = None) -> ReplayCounts:
        """A segment of a snapshot; after the chunk files, before the log. Ends at the first fault, which is counted."""

    def finish(self) -> int:
        """Gives the number of chunks that no series claimed."""
    def segment(self, segment: bytes | mmap | memoryview, zstd: ZstdDecompress | None = None) -> ReplayCounts: ...
    def salvage(self, segment: bytes | mmap, zstd: ZstdDecompress | None = None) -> bytes:
        """Replays a damaged segment again and gives its sound records, framed as a whole segment."""

class HeadSnapshot:
    """Records of what a head holds beside its chunk files; nobody may append meanwhile (core/head/snapshot.h)."""

    def __init__(self, head: Head) -> None: ...
    def step(self) -> bool:
        """Adds records of some series; False once all is written."""

    def fill_page(self) -> None:
        """Zeros to the end of the page, before the output goes on in another file."""

    def take(self) -> bytes:
        """Framed bytes since the last call."""

    @property
    def series(self) -> int:
        """How many were written."""

class AgentCounts:
    series: int
    created: int
    removed: int
    out_of_order: int

class AgentTransaction:
    """As HeadTransaction, for an agent. A sample is judged against what was committed before."""

    def append(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
        start_timestamps: NDArray[np.int64] | None = None,
    ) -> NDArray[np.uint8]: ...
    def append_scan(self, cache: ScrapeCache, timestamp: int) -> tuple[int, int, NDArray[np.uint8] | None]: ...
    def append_row(self, refs: Sequence[int], timestamp: int, values: Sequence[float]) -> NDArray[np.uint8] | None: ...
    def append_histograms(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: HistogramBatch,
        start_timestamps: NDArray[np.int64] | None = None,
    ) -> NDArray[np.uint8]: ...
    def append_exemplars(
        self,
        refs: NDArray[np.uint64],
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
        labels: LabelSets,
    ) -> NDArray[np.uint8]: ...
    def encode(self, position: int, compression: str = "snappy", zstd: ZstdCompress | None = None) -> bytes: ...
    def apply(self) -> tuple[int, int]: ...
    def append_metadata(self, refs: NDArray[np.uint64], metadata: Sequence[tuple[int, str, str]]) -> NDArray[np.uint8]:
        """Taken and forgotten: an agent's log holds none."""

    @property
    def exemplars(self) -> int:
        """How many exemplars a commit logs."""

class Agent:
    """Series whose samples go to the log alone (core/head/agent.h). Safe for several threads."""

    def __init__(self, out_of_order_window: int = 0, store_starts: bool = False, start_zeros: bool = False) -> None:
        """A sample may be older than the newest of its series by less than the window (milliseconds)."""

    def series(self, pairs: Sequence[tuple[str, str]]) -> int: ...
    def series_many(self, label_sets: LabelSets) -> NDArray[np.uint64]: ...
    def transaction(self) -> AgentTransaction: ...
    def counts(self) -> AgentCounts: ...
    def truncate(self, mint: int) -> NDArray[np.uint64]:
        """Forgets series without a sample at or after mint; gives their references. Not during a commit."""

    def refs(self) -> NDArray[np.uint64]:
        """Every reference that stands for a series, aliases from a replayed log included."""

    def segment(self, segment: bytes | mmap | memoryview, zstd: ZstdDecompress | None = None) -> ReplayCounts: ...
    def salvage(self, segment: bytes | mmap, zstd: ZstdDecompress | None = None) -> bytes:
        """As HeadReplay's."""

class CheckpointCounts:
    kept_series: int
    dropped_series: int
    kept_samples: int
    dropped_samples: int
    dropped_records: int
    faults: int
    fault: str

class WalCheckpoint:
    """Filters old segments: what concerns `refs` or happened at or after `mint` is kept (core/wal/checkpoint.h)."""

    def __init__(
        self, refs: NDArray[np.uint64], mint: int, compression: str = "snappy", zstd: ZstdCompress | None = None
    ) -> None: ...
    def segment(self, segment: bytes | mmap, zstd: ZstdDecompress | None = None) -> None:
        """Takes what is sound, before and behind damage; `counts` says what was not."""

    def finish(self) -> None:
        """After the last segment: metadata records, and zeros to the end of the page."""

    def fill_page(self) -> None:
        """Zeros to the end of the page, before the output goes on in another file."""

    def take(self) -> bytes:
        """Framed bytes since the last call."""

    @property
    def counts(self) -> CheckpointCounts: ...

class OutboxStop(Enum):
    """Why reading ended: end of the piece, a shard is full, new series wait for labels, bytes are no record."""

    END = ...
    FULL = ...
    UNDECIDED = ...
    FAULT = ...

class OutboxCounts:
    """Triples are floats, histograms, exemplars."""

    taken: tuple[int, int, int]
    relabelled_away: tuple[int, int, int]
    unknown: tuple[int, int, int]
    too_old: tuple[int, int, int]
    custom_buckets: int
    faults: int
    records: list[int]
    newest: int

class OutboxBatch:
    """Entries on their way to an endpoint, until `done`. From one thread at a time."""

    def encode(self) -> bytes:
        """The request, compressed."""

    def drop_older(self, t: int) -> tuple[int, int, int]:
        """Takes entries from before `t` out; gives how many of each kind."""

    def split(self) -> OutboxBatch | None:
        """Takes the second half out; None for a single entry."""

    def done(self) -> None:
        """The endpoint has it, or refused it for good. Nothing else may be called then."""

    def __len__(self) -> int: ...
    @property
    def newest(self) -> int: ...
    @property
    def counts(self) -> tuple[int, int, int]:
        """Floats, histograms, exemplars."""

class Outbox:
    """What one remote-write endpoint is still to get (core/outbox/outbox.h). Safe for several threads."""

    def __init__(
        self,
        shards: int,
        external: Sequence[tuple[str, str]],
        *,
        second_version: bool = False,
        exemplars: bool = False,
        histograms: bool = False,
        relabel: bool = False,
    ) -> None:
        """`external` labels, sorted, are added where a series has none of that name. With `relabel` new series wait."""

    def read(
        self,
        piece: bytes,
        start: int,
        segment: int,
        offset: int,
        *,
        complete: bool,
        series_only: bool,
        capacity: int,
        mint: int,
        zstd: ZstdDecompress,
    ) -> tuple[OutboxStop, int]:
        """Takes records from a piece of a segment that begins at byte `offset`, a page border; the first record lies
        at `start` in it. Gives why it stopped and how much of the piece is done with. When the piece is `complete`,
        damage is counted and passed over. Samples from before `mint` are dropped.
        """

    def undecided(self) -> list[list[tuple[str, str]]]: ...
    def decide(self, labels: Sequence[Sequence[tuple[str, str]] | None]) -> None:
        """The labels of those that wait, in their order; None drops a series."""

    def take(self, shard: int, most: int) -> OutboxBatch | None: ...
    def pending(self) -> list[int]:
        """Entries in each shard."""

    def unsent(self) -> list[int]:
        """Entries in shards and on their way: floats, histograms, exemplars."""

    def reshard(self, shards: int) -> None:
        """Only while nothing is on its way."""

    def acknowledged(self) -> tuple[int, int]:
        """Segment and byte from which on something is unsent."""

    def forget_before(self, segment: int) -> None:
        """Forgets series that no record of this or a later segment has."""

    def series(self) -> int: ...
    def counts(self) -> OutboxCounts: ...

class ReadIntake:
    """Takes in the answer of a remote read server to one query (core/remote/read_intake.h). Unusable after an error."""

    def __init__(self, dropped: list[str], *, frames: bool, frame_limit: int, limit: int, labels_only: bool) -> None:
        """The answer is frames of chunks, or samples. Labels named in `dropped` are taken off each series. Limits
        are bytes: of a frame's message, and of all frames or of samples when decompressed.
        """

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises DecodeError, and LimitError as soon as a length that they declare is over a limit."""

    def finish(self) -> SeriesBatch:
        """Everything, in label order. Raises DecodeError, also when the answer ends early."""

def encode_metadata(families: Sequence[tuple[str, int, str, str]]) -> bytes:
    """A compressed WriteRequest with the metadata of families: name, type number, help, unit."""

def wal_records(segment: bytes | mmap, zstd: ZstdDecompress | None = None) -> tuple[list[bytes], int, str]:
    """Plain records of a segment, the length of its sound part, and why the rest is not ("" when all is)."""

def wal_frame(records: Sequence[bytes], position: int = 0) -> bytes:
    """Framed (and where shorter, compressed) records for a segment that is `position` bytes long."""

def snappy_compress(data: bytes | mmap) -> bytes:
    """Snappy's block format."""

def snappy_decompress(data: bytes | mmap, limit: int) -> bytes:
    """Raises DecodeError on malformed input and when the declared length is over `limit`."""

# --- queries ----------------------------------------------------------------------------------------------------------
# A matrix of cells is rows x steps, float64, C-contiguous; a stale marker in a cell means "no value". `out` is a matrix
# to fill; it must not overlap an input. A grid is `count` steps, `start` the first, `step` apart. Row ids are uint32.

Cells = NDArray[np.float64]
Ids = NDArray[np.uint32]

class QueryBudget:
    """What the kernels of one query share. Safe for concurrent use."""

    def __init__(self, max_samples: int) -> None: ...
    def cancel(self) -> None:
        """Makes running kernels and `check` raise CanceledError."""

    @property
    def canceled(self) -> bool: ...
    def check(self) -> None: ...
    def hold(self, samples: int) -> None:
        """Counts samples as in memory. Raises LimitError when they are too many."""

    def hold_text(self, size: int) -> None:
        """The same for bytes of new text of labels, sixteen of which are a sample."""

    def release(self, samples: int) -> None: ...
    @property
    def live(self) -> int: ...
    @property
    def peak(self) -> int: ...
    @property
    def read(self) -> int:
        """Samples that kernels decoded."""

    def cells(self, rows: int, steps: int) -> Cells:
        """A matrix whose cells are not set; it counts as held for as long as it exists. Raises LimitError."""

class HistogramPool:
    """The native histograms of one query. A cell of a matrix that `is_histogram_cell` refers to one of them.

    They count as held samples of the budget, as many as Prometheus counts, for as long as the pool exists.
    """

    def __init__(self, budget: QueryBudget) -> None: ...
    def __len__(self) -> int: ...
    def add(self, histogram: FloatHistogram) -> float:
        """The cell of a copy. Raises LimitError."""

    def value(self, cell: float) -> FloatHistogram:
        """A copy."""

    def plain(self, cell: float) -> PlainHistogram: ...

HISTOGRAM_MARK: int
"""The upper 16 bits of a cell that refers to a histogram."""

def is_histogram_cell(cell: float) -> bool: ...
def histogram_numbers(what: int, cells: Cells, pool: HistogramPool, budget: QueryBudget, out: Cells) -> None:
    """One number of each histogram, absent elsewhere; see core/query/histogram_functions.h."""

def native_quantiles(
    cells: Cells, pool: HistogramPool, q: NDArray[np.float64], budget: QueryBudget, out: Cells, notes: Ids
) -> None:
    """The q-quantile (one a step) of each histogram. What is to be told of a row is added to its bits in `notes`."""

def native_fractions(
    cells: Cells,
    pool: HistogramPool,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    budget: QueryBudget,
    out: Cells,
    notes: Ids,
) -> None:
    """The share of observations between two values (one of each a step) of each histogram."""

def negate_histograms(cells: Cells, pool: HistogramPool, budget: QueryBudget, out: Cells) -> None:
    """Puts histograms times -1 where `cells` has histograms."""

def reduce_histograms(
    cells: Cells, ids: Ids, mean: bool, pool: HistogramPool, budget: QueryBudget, out: Cells, notes: Ids
) -> int:
    """Sums (or averages) histograms into the groups x steps cells of `out`, which has what numbers alone give.

    Rows whose buckets do not go together get a bit in `notes`; the other bits are returned.
    """

def combine_histograms(
    op: int,
    result: int,
    left: Cells,
    left_rows: NDArray[np.int64] | None,
    left_scalar: bool,
    right: Cells,
    right_rows: NDArray[np.int64] | None,
    right_scalar: bool,
    pool: HistogramPool,
    budget: QueryBudget,
    out: Cells,
) -> int:
    """As combine_cells for cells where a side is a histogram; others stay as they are. Gives bits of notes."""

class SampleSource:
    """Rows of samples for the kernels: a selection's chunks, or a matrix."""

    @staticmethod
    def batch(batch: SeriesBatch) -> SampleSource: ...
    @staticmethod
    def matrix(cells: Cells, start: int, step: int, pool: HistogramPool | None = None) -> SampleSource:
        """`pool` has the histograms that cells refer to; without one, only numbers are read."""

    def without_buckets(self) -> SampleSource:
        """The same, but of histograms there are counts, sums and hints about resets alone."""

    def __len__(self) -> int: ...

class Reducer:
    """Sums rows of a group into one (sum, avg, min, max, count, group, stddev, stdvar), a row at a time."""

    def __init__(self, op: int, groups: int, steps: int) -> None: ...
    @property
    def steps(self) -> int: ...
    def add(self, cells: Cells, groups: Ids, budget: QueryBudget) -> None: ...
    def merge(self, other: Reducer) -> None: ...
    def finish(self, out: Cells) -> None:
        """groups x steps cells."""

def select_rows(
    source: SampleSource,
    first: int,
    last: int,
    start: int,
    step: int,
    count: int,
    lookback: int,
    given: int,
    budget: QueryBudget,
    out: Cells | None = None,
    reducer: Reducer | None = None,
    groups: Ids | None = None,
    pool: HistogramPool | None = None,
) -> None:
    """Rows [first, last): at each step the newest sample in (t - lookback, t], absent when it is a stale marker.

    `given` is one of Given in core/query/select.h; times are in seconds. Results go to `out` (all rows x steps) or, by
    `groups`, to `reducer`.
    Histograms go to `pool`; without one, and into a reducer, numbers alone count.
    """

def range_rows(
    source: SampleSource,
    first: int,
    last: int,
    op: int,
    start: int,
    step: int,
    count: int,
    range: int,
    shift: int,
    param: NDArray[np.float64] | None,
    param2: NDArray[np.float64] | None,
    budget: QueryBudget,
    out: Cells | None = None,
    reducer: Reducer | None = None,
    groups: Ids | None = None,
    pool: HistogramPool | None = None,
    notes: Ids | None = None,
    start_times: bool = False,
) -> None:
    """Rows [first, last): a range function over the windows (t - range, t], see core/query/range_function.h.

    Parameters have one value a step. `shift` milliseconds later than a step is the time that predict_linear is about.
    Histograms go to `pool`; without one, and into a reducer, numbers alone count. What is to be told of a row goes to
    its bits in `notes`, which a pool needs. With `start_times` counters look at those of samples.
    """

def extended_rows(
    source: SampleSource,
    first: int,
    last: int,
    op: int,
    start: int,
    step: int,
    count: int,
    range: int,
    lookback: int,
    smoothed: bool,
    budget: QueryBudget,
    out: Cells,
    pool: HistogramPool | None = None,
    notes: Ids | None = None,
) -> None:
    """rate, increase, delta, changes or resets over anchored or smoothed windows, see core/query/extended.h.

    `pool` and `notes` as in range_rows.
    """

def raw_samples(
    source: SampleSource, end: int, range: int, lookback: int, smoothed: bool, budget: QueryBudget, pool: HistogramPool
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], bool]:
    """The samples of one window of all rows, without stale markers; with a lookback also those that stand for its
    edges. Gives the rows that have any, their offsets in the columns (one more than rows), the columns, and whether a
    row has histograms beside a lookback, which there is no answer for."""

def smoothed_rows(
    source: SampleSource,
    first: int,
    last: int,
    start: int,
    step: int,
    count: int,
    lookback: int,
    budget: QueryBudget,
    out: Cells,
    pool: HistogramPool | None = None,
    notes: Ids | None = None,
) -> None:
    """At each step the value on the line between the samples around it, within the lookback on either side."""

def map_cells(op: int, cells: Cells, out: Cells) -> None: ...
def round_cells(cells: Cells, to: NDArray[np.float64], out: Cells) -> None: ...
def clamp_cells(cells: Cells, low: NDArray[np.float64], high: NDArray[np.float64], out: Cells) -> None: ...
def combine_cells(
    op: int,
    result: int,
    left: Cells,
    left_rows: NDArray[np.int64] | None,
    left_scalar: bool,
    right: Cells,
    right_rows: NDArray[np.int64] | None,
    right_scalar: bool,
    out: Cells,
) -> None:
    """A binary operator on row pairs. A scalar side is one row for all; comparisons leave what `result` says."""

def quantile_columns(
    cells: Cells, ids: Ids, groups: int, q: NDArray[np.float64], budget: QueryBudget, out: Cells
) -> None:
    """groups x steps."""

def extreme_columns(
    cells: Cells, ids: Ids, groups: int, keep: NDArray[np.int64], greatest: bool, budget: QueryBudget, out: Cells
) -> None:
    """topk and bottomk: `out` has the input's shape, absent where a row is not among the group's `keep`."""

def first_columns(cells: Cells, ids: Ids, groups: int, keep: NDArray[np.int64], out: Cells) -> None: ...
def ratio_columns(cells: Cells, offsets: NDArray[np.float64], ratio: NDArray[np.float64], out: Cells) -> None: ...
def count_values(
    cells: Cells, ids: Ids, groups: int, pool: HistogramPool, budget: QueryBudget
) -> tuple[Ids, list[str], NDArray[np.float64]]:
    """Per result row its group and value text; the counts come flat (rows x steps)."""

def histogram_quantile(
    cells: Cells,
    ids: Ids,
    groups: int,
    bounds: NDArray[np.float64],
    q: NDArray[np.float64],
    budget: QueryBudget,
    out: Cells,
) -> list[tuple[int, int, int, int, float, float, float]]:
    """Classic histograms; rows with a NaN bound are left out. Gives what had to be made monotonic:
    (group, steps, first step, last step, least bound, greatest bound, greatest difference)."""

def histogram_fraction(
    cells: Cells,
    ids: Ids,
    groups: int,
    bounds: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    budget: QueryBudget,
    out: Cells,
) -> None: ...
def find_collision(cells: Cells, ids: Ids, count: int) -> tuple[int, int, int] | None:
    """Two rows of one id with values at one step: (row, later row, step)."""

def merge_cells(cells: Cells, ids: Ids, out: Cells) -> None:
    """Puts the rows of each id into one row."""

def mark_presence(cells: Cells, ids: Ids, out: NDArray[np.uint8]) -> None:
    """1 where any row of the id has a value."""

def mask_cells(cells: Cells, ids: Ids, presence: NDArray[np.uint8], wanted: bool, out: Cells) -> None:
    """Keeps cells whose id's presence is `wanted`."""

def rows_with_values(cells: Cells) -> NDArray[np.int64]: ...
def group_rows(rows: LabelSets, names: Sequence[str], keep: bool) -> tuple[Ids, LabelSets]:
    """Groups by the named labels (keep) or by all others; groups are numbered as rows show them."""

def match_rows(left: LabelSets, right: LabelSets, names: Sequence[str], keep: bool) -> tuple[Ids, Ids, int]:
    """Equal ids for equal key labels, and the number of ids."""

def join_labels(
    many: LabelSets,
    many_rows: NDArray[np.int64],
    one: LabelSets,
    one_rows: NDArray[np.int64],
    names: Sequence[str],
    keep: bool,
    kept: Sequence[str] | None,
    drop_name: bool,
    include: Sequence[str],
) -> LabelSets:
    """Labels of a binary operation's results; -1 is a side that was filled in.

    With `kept` only those labels of the many side stay (with `keep`), or all but those.
    """

def take_rows(rows: LabelSets, order: NDArray[np.int64]) -> LabelSets: ...
def concat_rows(tables: Sequence[LabelSets]) -> LabelSets: ...
def sorted_rows(rows: LabelSets) -> NDArray[np.int64]:
    """Row numbers in label order."""

def remove_labels(rows: LabelSets, names: Sequence[str], flags: NDArray[np.uint8] | None = None) -> LabelSets:
    """In all rows, or in those that are flagged."""

def label_column(rows: LabelSets, name: str) -> tuple[Ids, list[str]]:
    """One label as a dictionary column; "" where it is absent."""

def set_label(rows: LabelSets, name: str, ids: Ids, values: Sequence[str | None]) -> LabelSets:
    """values[ids[row]] becomes the label; "" removes it, None keeps what is there."""

def join_label(
    rows: LabelSets, target: str, separator: str, sources: Sequence[str], budget: QueryBudget
) -> LabelSets: ...
def stable_hashes(rows: LabelSets) -> NDArray[np.uint64]:
    """The hashes on which limit_ratio decides."""

def matrix_json(
    rows: LabelSets,
    cells: Cells,
    start: int,
    step: int,
    pool: HistogramPool | None = None,
    first: int = 0,
    last: int | None = None,
) -> bytes:
    """The API's "result" of a matrix: absent cells and empty rows are left out. `pool` is needed, here and below, for
    cells with histograms. Of rows [first, last) it gives that part of the text, if each row has a value."""

def samples_json(
    rows: LabelSets,
    offsets: NDArray[np.uint64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    pool: HistogramPool | None = None,
) -> bytes:
    """The API's "result" of raw samples: row i has the samples [offsets[i], offsets[i + 1]) of the columns."""

def vector_json(rows: LabelSets, cells: Cells, t: int, pool: HistogramPool | None = None) -> bytes: ...
def point_json(t: int, value: float) -> bytes:
    """[seconds,"value"]"""

def text_json(t: int, text: str) -> bytes: ...
def format_value(value: float, /) -> str:
    """A number as the API writes it."""

class OtlpRequest:
    """An OTLP metrics request as columns (core/otlp/request.h). Decoding releases the GIL."""

    def __init__(self, body: bytes) -> None:
        """Raises DecodeError, and LimitError for a request of too many parts."""

    @property
    def points(self) -> int: ...
    def key_names(self) -> list[str]:
        """Names of attributes, each once."""

    def resources(self) -> list[list[tuple[str, str]]]:
        """Attributes of each."""

    def scopes(self) -> list[tuple[int, str, str, str, list[tuple[str, str]]]]:
        """Number of the resource, name, version, schema URL and attributes of each."""

    def metrics(self) -> list[tuple[str, str, str, int, int, bool, int, int]]:
        """Name, unit, description, kind, temporality, whether monotonic, number of the scope, points of each."""

    def columns(
        self,
        *,
        keys: Sequence[str | None],
        ignored: Sequence[str],
        metrics: Sequence[tuple[str, Sequence[tuple[str, str]], bool] | None],
        scopes: Sequence[Sequence[tuple[str, str]]],
        resources: Sequence[tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]],
        join_collisions: bool,
        custom_buckets: bool,
        identifying: Sequence[str],
        keep_identifying: bool,
        target_info_every: int,
    ) -> OtlpColumns:
        """What storage is given (core/otlp/columns.h). Releases the GIL.

        `keys` are the labels' names, None for a key that cannot be one; keys in `ignored` are left out. A metric is its
        name, labels of its own and whether its histograms are gauges, None to leave it out. A resource is its
        identity and what is promoted of it. `target_info_every` is nanoseconds, 0 for none. Raises LimitError.
        """

class OtlpRows:
    """Columns with an entry a label set. Times are milliseconds; `metrics` are numbers, the largest for target_info."""

    @property
    def labels(self) -> LabelSets: ...
    @property
    def times(self) -> NDArray[np.int64]: ...
    @property
    def starts(self) -> NDArray[np.int64]: ...
    @property
    def metrics(self) -> NDArray[np.uint32]: ...

class OtlpExemplars:
    """`rows` are of the floats, then of the histograms."""

    @property
    def rows(self) -> NDArray[np.uint32]: ...
    @property
    def times(self) -> NDArray[np.int64]: ...
    @property
    def values(self) -> NDArray[np.float64]: ...
    @property
    def labels(self) -> LabelSets: ...

class OtlpColumns:
    floats: OtlpRows
    histograms: OtlpRows
    exemplars: OtlpExemplars
    batch: HistogramBatch
    invalid_labels: int
    """Points left out because an attribute's name cannot be a label."""
    coarse: int
    """Points left out because their exponential histogram is too coarse."""
    empty_with_sum: int
    """Histograms of no observations with a sum."""

    @property
    def values(self) -> NDArray[np.float64]: ...
    def collisions(self, request: OtlpRequest) -> list[tuple[str, list[str]]]:
        """Labels that several attributes became, with their keys."""

class DeltaHistograms:
    """Deltas of native histograms become totals (core/otlp/delta_histograms.h). For one thread at a time."""

    def __init__(self, silence_ms: int) -> None:
        """A series that was silent for longer begins anew."""

    def __len__(self) -> int:
        """Series that are remembered."""

    def convert(
        self,
        refs: NDArray[np.uint64],
        times: NDArray[np.int64],
        starts: NDArray[np.int64],
        samples: HistogramBatch,
        deltas: NDArray[np.bool_],
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], HistogramBatch]:
        """Which samples are kept, their start times and what takes their place.

        `deltas` tells which samples are to be added up; others stay. Changes nothing until `take`. Releases the GIL.
        """

    def take(self) -> None:
        """Remembers what `convert` gave last, once it is stored."""

class SeriesCache:
    """What senders call series, byte for byte, to references. Safe for several threads; takes about `max_bytes`."""

    def __init__(self, max_bytes: int) -> None: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...

class WriteRequest:
    """A remote write request as columns. Times are milliseconds; start times None where no sample has one.

    A source is a TimeSeries message that brings something and whose labels are right; columns give their numbers. When
    parts are appended in order, floats before histograms, samples of a series come in the order of the request.
    """

    @staticmethod
    def decode(
        body: bytes, *, version2: bool, latest: int, cache: SeriesCache, type_and_unit: bool = False
    ) -> WriteRequest:
        """Of snappy's block format, at most 32 MiB when decompressed. Raises DecodeError.

        Samples and exemplars later than `latest` are left out. `type_and_unit`: series of version 2.0 get the labels
        __type__ and __unit__ of their metadata. All users of a cache want the same of it.
        """

    @property
    def sources(self) -> int: ...
    @property
    def unknown(self) -> LabelSets:
        """Label sets that the cache does not know: `resolve` wants their references before the columns are read."""

    def resolve(self, refs: NDArray[np.uint64]) -> None:
        """The cache keeps them."""

    @property
    def parts(self) -> int: ...
    def floats(
        self, part: int
    ) -> tuple[
        NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64] | None
    ]:
        """Sources, references, times, values, start times (0: unknown)."""

    def histograms(
        self, part: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64] | None]:
        """Sources, references, times, start times (0: unknown)."""

    def histogram_values(self, part: int) -> HistogramBatch: ...
    def exemplars(self) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64]]:
        """Sources, references, times, values."""

    @property
    def exemplar_labels(self) -> LabelSets: ...
    @property
    def ahead(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Sources of floats and of histograms that were left out as too late."""
    def label_text(self, source: int) -> str:
        """{name="value", ...}; a very long one is cut."""

    @property
    def problems(self) -> tuple[int, list[str]]:
        """How many things were left out because they cannot be stored, and the first reasons."""

    @property
    def invalid(self) -> int:
        """Series (1.0) or samples (2.0) that were left out because of their labels."""

def read_request(
    body: bytes,
) -> tuple[list[tuple[int, int, int, int, list[tuple[int, str, str]]]], list[int]]:
    """A remote read request in snappy's block format: queries, and types of answers by preference.

    A query is its first and last time, those of what will be used of it, and matchers: type (=, !=, =~, !~ in this
    order), name, value. Types of answers are 0 for samples and 1 for chunks. Raises DecodeError.
    """

class ReadAnswer:
    """An answer in samples. `external` are labels that series have besides their own."""

    def __init__(self, external: Sequence[tuple[str, str]], sample_limit: int) -> None: ...
    def add(self, batch: SeriesBatch, mint: int, maxt: int) -> None:
        """A query's result. Raises LimitError when it has more than `sample_limit` (0: any number) samples."""

    def compressed(self) -> bytes:
        """In snappy's block format."""

class ReadFrames:
    """A query's part of an answer in chunks, which go out as they are stored where readers know their encoding."""

    def __init__(
        self,
        batch: SeriesBatch,
        mint: int,
        maxt: int,
        external: Sequence[tuple[str, str]],
        query: int,
        frame_bytes: int,
    ) -> None: ...
    def next(self, wanted: int) -> bytes:
        """Whole frames of about `wanted` bytes together; empty when there are no more."""
