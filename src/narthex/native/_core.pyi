"""Contracts of the compiled core. Arrays are one-dimensional and contiguous; times are milliseconds."""

from collections.abc import Sequence
from mmap import mmap
from typing import overload

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

class SeriesBatch:
    """What a selection gives: label sets (in label order, unique) and for each the chunks that hold its samples."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def labels(self) -> LabelSets: ...
    def chunk_count(self) -> int: ...
    def samples(self, row: int, mint: int, maxt: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Decoded samples of a row with mint <= t <= maxt, stale markers included."""

    @staticmethod
    def merge(batches: Sequence[SeriesBatch]) -> SeriesBatch:
        """One batch out of several; rows with equal labels become one row."""

    def add_columns(
        self, labels: Sequence[tuple[str, str]], timestamps: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Adds one series; rows must be added in label order, timestamps must ascend."""

# --- blocks -----------------------------------------------------------------------------------------------------------

MatchTerms = Sequence[tuple[str, list[str] | None, bool]]
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
    def select(self, terms: MatchTerms, mint: int, maxt: int, tombstones: Tombstones | None = None) -> SeriesBatch:
        """Matching series in label order with the chunks that overlap the range; deleted samples are cut out."""

    def series(self, terms: MatchTerms, mint: int, maxt: int, tombstones: Tombstones | None = None) -> LabelSets:
        """Label sets of series with a chunk in the range that is not deleted as a whole."""

    def label_names(self) -> list[str]:
        """Sorted."""

    def label_values(self, name: str, prefix: str = "") -> list[str]:
        """Sorted."""

    def label_value_count(self, name: str) -> int: ...
    def matching_label_names(self, terms: MatchTerms) -> list[str]: ...
    def matching_label_values(self, name: str, terms: MatchTerms) -> list[str]: ...
    def delete(self, terms: MatchTerms, mint: int, maxt: int, into: Tombstones) -> int:
        """Adds intervals for the matching series, clipped to their chunks; gives the number of series."""

# ---- exposition text (core/text) ----

REF_DROPPED: int
"""A reference for `ScrapeCache.assign`: relabelling dropped the series."""
REF_UNSTORED: int
"""A reference for `ScrapeCache.assign`: passes relabelling, but is not stored (sample limit); comes up again."""

class ScanCounts:
    @property
    def samples(self) -> int:
        """Sample lines."""
    @property
    def explicit_timestamps(self) -> int:
        """Of these, lines with a timestamp of their own."""
    @property
    def exemplars(self) -> int:
        """Exemplars: checked and skipped."""
    @property
    def unknown(self) -> int:
        """Series that need a reference (see `ScrapeCache.unknown`)."""

class ScrapeCache:
    """One target's memory of its last body, so that only new series cost more than a compare and a number parse.

    The life of one scrape: `scan`, then `assign` for what `unknown` names, then `samples` and `vanished`, then
    `commit`; or `fail` at any point. Calls from several threads are safe and take turns.
    """

    def __init__(self) -> None: ...
    def scan(
        self,
        body: bytes,
        default_timestamp: int,
        openmetrics: bool = False,
        honor_timestamps: bool = True,
        track_explicit: bool = False,
    ) -> ScanCounts:
        """Reads a whole body in the text format 0.0.4/1.0.0 or OpenMetrics. Lines without a timestamp get
        `default_timestamp`; so do all when timestamps are not honoured. `track_explicit`: series with timestamps
        of their own vanish with a stale marker too. Raises DecodeError that names line, reason and byte.
        Releases the GIL."""

    def unknown(self) -> NDArray[np.uint32]:
        """Ids of the scan's series without a stored reference, in body order; valid until commit or fail."""

    def known_kept(self) -> int:
        """Sample lines of the scan whose series is known to pass relabelling."""

    def labels(self, ids: NDArray[np.uint32]) -> list[dict[str, str]]:
        """Label sets as exposed: `__name__` included, empty values included, `le` and `quantile` of histogram and
        summary families in OpenMetrics' float form. Raises IndexError for ids that are no series."""

    def find_refs(self, refs: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Ids of the series that have one of these references."""

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

    def fail(self) -> NDArray[np.uint64]:
        """The scrape failed: references of the last committed scan, which want a stale marker now. Also right when
        nothing was scanned. Series that a completely read scan brought stay known."""

    def metadata(self) -> list[tuple[str, str, str, str]]:
        """(family, type, help, unit) in body order; a family that vanished stays for ten more scans."""

    def metadata_size(self) -> tuple[int, int]:
        """Number of families that have a type, and bytes of all metadata lines."""

    def series(self) -> int: ...
    def memory_bytes(self) -> int: ...

class BlockWriter:
    """Turns series rows into the bytes of a block's index and chunk segments; see tsdb/block_write.py.

    Order of calls: add_symbols (or add_block_symbols) for everything that will come, begin, add_rows, finish until it
    is True. Take the bytes in between. `mint` inclusive, `maxt` exclusive, milliseconds. Not safe for concurrent use.
    """

    def __init__(self, mint: int, maxt: int, segment_size: int) -> None: ...
    def add_symbols(self, batch: SeriesBatch) -> None: ...
    def add_block_symbols(self, block: BlockReader) -> None: ...
    def begin(self) -> None: ...
    def add_rows(self, batch: SeriesBatch, first: int, budget: int) -> int:
        """Takes rows from `first` on until about `budget` bytes wait to be taken; gives the next row to add.

        Rows ascend in label order over all calls, else ValueError. Raises DecodeError on a broken chunk, and on one
        that would have to be cut or merged but holds no floats.
        """

    def finish(self, budget: int) -> bool:
        """Writes about `budget` bytes of what follows the series; True when the index is complete."""

    def take_chunks(self) -> list[tuple[int, bytes]]:
        """(segment number from 1, bytes to append) since the last call."""

    def take_index(self) -> bytes:
        """Bytes to append since the last call."""

    def counts(self) -> dict[str, int]:
        """samples, float_samples, histogram_samples, series, chunks so far."""

class BlockMerger:
    """Series of several blocks in label order, equal labels joined, deleted samples cut out."""

    def __init__(self, inputs: Sequence[tuple[BlockReader, Tombstones]]) -> None: ...
    def next(self, max_rows: int) -> SeriesBatch:
        """The next series; empty at the end. A batch must not be read while a later call runs."""
