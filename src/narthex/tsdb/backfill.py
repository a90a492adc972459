"""Blocks from samples of any time in any order, however many.

Samples go to disk by the block they belong to, then each block's by stretches of series in label order that fit into
memory; sorted stretches are what a block is written from. Memory is bounded but for labels: those of all series stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.native import BlockWriter, LabelSets, SeriesBatch, SeriesIndex, sorted_rows, take_rows
from narthex.storage.contract import Times, Values
from narthex.tsdb.block_write import SEGMENT_SIZE, Lineage, default_name, write_rows
from narthex.tsdb.compact_plan import DEFAULT_MIN_DURATION
from narthex.tsdb.meta import BlockMeta
from narthex.tsdb.spool import BATCH, Columns, Rows, Spool

_LEVELS = 10  # block ranges that are known: 2h x 3^i


def block_duration(longest: int) -> int:
    """The longest range of Prometheus' blocks that is at most `longest` milliseconds, but at least two hours."""
    ranges = [DEFAULT_MIN_DURATION * 3**i for i in range(_LEVELS)]
    return max((r for r in ranges if r <= longest), default=DEFAULT_MIN_DURATION)


@dataclass
class BackfillCounts:
    """`repeated`: samples left out because they equal another; `conflicting`: because an earlier one of the same series
    and time had another value."""

    samples: int = 0
    repeated: int = 0
    conflicting: int = 0


class Backfill:
    """`series` and `append` until everything is there, then `blocks`. Not safe for concurrent use."""

    def __init__(self, directory: Path, duration: int = DEFAULT_MIN_DURATION, stretch: int = BATCH * 2) -> None:
        """Blocks of `duration` milliseconds, aligned to it, go to `directory`, which is made if need be.

        `stretch`: about how many samples are sorted at a time. Raises StorageError.
        """
        self.directory, self.counts = directory, BackfillCounts()
        self._duration, self._stretch = duration, stretch
        self._index = SeriesIndex()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"create output dir: {e}") from e
        self._spool = Spool(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._spool.__exit__(kind, e, trace)

    def series(self, labels: LabelSets) -> Rows:
        """The number of each label set, for `append`."""
        return self._index.add(labels)

    def append(self, rows: Rows, times: Times, values: Values) -> None:
        """Columns of equal length. They must not change afterwards. Raises StorageError."""
        self.counts.samples += len(rows)
        self._spool.add(self._blocks_of(times), rows, times, values)

    def blocks(self) -> Iterator[BlockMeta]:
        """Writes the blocks, oldest first, each as soon as it is asked for. Raises StorageError."""
        order = sorted_rows(self._index.labels)
        ranks = np.empty(len(order), dtype=np.uint32)
        ranks[order] = np.arange(len(order), dtype=np.uint32)
        for key in self._spool.used_keys():
            meta = self._write(key, order, ranks)
            if meta is not None:
                yield meta

    def _blocks_of(self, times: Times) -> NDArray[np.int64]:
        if len(times) and (first := int(times.min()) // self._duration) == int(times.max()) // self._duration:
            return np.full(len(times), first, dtype=np.int64)
        return times // self._duration

    def _write(self, key: int, order: NDArray[np.int64], ranks: Rows) -> BlockMeta | None:
        mint, maxt, samples = 2**63 - 1, -(2**63), np.zeros(len(order), dtype=np.int64)
        for rows, times, _ in self._spool.read(key):
            mint, maxt = min(mint, int(times.min())), max(maxt, int(times.max()))
            samples += np.bincount(ranks[rows], minlength=len(order))
        used = np.flatnonzero(samples)
        # A copy with the texts of these series alone: a block has no others.
        labels = LabelSets.merge([take_rows(self._index.labels, order[used])])
        places = np.zeros(len(order), dtype=np.uint32)
        places[used] = np.arange(len(used), dtype=np.uint32)
        writer = BlockWriter(mint, maxt + 1, SEGMENT_SIZE)
        symbols, *_ = _gather(labels, 0, 0, _empty())
        writer.add_symbols(symbols)
        batches = self._batches(key, labels, places[ranks], np.cumsum(samples[used]))
        return write_rows(self.directory, writer, batches, mint, maxt + 1, Lineage(), default_name())

    def _batches(self, key: int, labels: LabelSets, places: Rows, ends: NDArray[np.int64]) -> Iterator[SeriesBatch]:
        """A block's series in label order. `places` gives each one's row in `labels`, `ends` the samples up to it."""
        stretches = -(-int(ends[-1]) // self._stretch)
        if stretches == 1:
            columns = _joined((places[rows], times, values) for rows, times, values in self._spool.read(key))
            yield self._gathered(labels, 0, len(labels), columns)
            return
        part_of = (ends - 1) // -(-int(ends[-1]) // stretches)
        with Spool(self.directory) as parts:
            for rows, times, values in self._spool.read(key):
                at = places[rows]
                parts.add(part_of[at], at, times, values)
            for part in parts.used_keys():
                first, last = np.searchsorted(part_of, (part, part + 1)).tolist()
                yield self._gathered(labels, first, last, _joined(parts.read(part)))

    def _gathered(self, labels: LabelSets, first: int, last: int, columns: Columns) -> SeriesBatch:
        batch, repeated, conflicting = _gather(labels, first, last, columns)
        self.counts.repeated += repeated
        self.counts.conflicting += conflicting
        return batch


def _gather(labels: LabelSets, first: int, last: int, columns: Columns) -> tuple[SeriesBatch, int, int]:
    return SeriesBatch.gather(labels, first, last, *columns)


def _empty() -> Columns:
    return np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64), np.empty(0)


def _joined(pieces: Iterator[Columns]) -> Columns:
    rows, times, values = zip(*pieces, strict=True)
    return np.concatenate(rows), np.concatenate(times), np.concatenate(values)
