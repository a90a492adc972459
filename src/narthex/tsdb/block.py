"""One persisted block: a directory of index, chunk segments, tombstones and meta.json, mapped into memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from narthex.errors import CorruptionError, StorageError
from narthex.files.durable import directory_size, map_file, write_durable
from narthex.model.matcher import Matcher
from narthex.native import BlockReader, DecodeError, LabelSets, SeriesBatch, TextList, Tombstones
from narthex.tsdb.meta import BAD_INDEX_VERSION, VERSION, BlockMeta, read_meta, write_meta
from narthex.tsdb.select import Planner
from narthex.tsdb.tombstones import read_tombstones, write_tombstones

log = logging.getLogger("narthex.tsdb")

INDEX = "index"
CHUNKS = "chunks"
_MOST_REPORTS = 50


class Block:
    """Immutable but for its tombstones; safe for concurrent use.

    There is no close: a batch that came from it holds the mapped files, so they go when the last of their users goes,
    even if the directory was removed meanwhile.
    """

    def __init__(self, path: Path, meta: BlockMeta, reader: BlockReader, tombstones: Tombstones, size: int) -> None:
        self.path, self.meta, self.reader, self.tombstones, self.size = path, meta, reader, tombstones, size
        self.plan = Planner(reader).plan
        self._lock = threading.Lock()
        self._reported: set[str] = set()

    @classmethod
    def open(cls, path: Path) -> Block:
        """Costs little: no series is read. Repairs the one known mistake of old writers (see docs/formats/meta.md).

        Raises CorruptionError, which names the file.
        """
        meta = read_meta(path)
        if meta.version == BAD_INDEX_VERSION:
            meta = _repair_index_version(path, meta)
        tombstones = read_tombstones(path)
        try:
            index = map_file(path / INDEX)
            segments = [map_file(p) for p in _segment_files(path / CHUNKS)]
            size = directory_size(path)
        except OSError as e:
            raise CorruptionError(f"{e.filename or path}: {e.strerror}") from None
        try:
            reader = BlockReader(index, segments)
        except DecodeError as e:
            raise CorruptionError(f"{path}: {e}") from None
        return cls(path, meta, reader, tombstones, size)

    def check_end(self, now: int, width: int) -> None:
        """Asks the index whether samples reach the last `width` milliseconds, if the block claims to end after `now`.

        meta.json has no checksum, and an end far in the future would make all other blocks fall under the retention
        and new samples too old. Raises CorruptionError.
        """
        end = self.meta.max_time
        if end <= now or self.meta.stats.samples == 0:
            return
        with self._naming():
            held = self.reader.series([], end - width, end - 1)
        if not len(held):
            raise CorruptionError(f"{self.path}: meta.json says that samples go up to {end}, but there are none")

    def querier(self, mint: int, maxt: int) -> BlockQuerier:
        """A view on the part of [mint, maxt] (inclusive, milliseconds) that the block covers."""
        return BlockQuerier(self, max(mint, self.meta.min_time), min(maxt, self.meta.max_time - 1))

    def delete(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> int:
        """Marks samples in [mint, maxt] as deleted, durably. Gives the number of series that were marked.

        Raises StorageError when the tombstones cannot be written; nothing is deleted then.
        """
        with self._lock, self._naming():
            tombstones = Tombstones(self.tombstones)
            marked = self.reader.delete(self.plan(matchers), mint, maxt, tombstones)
            if not marked:
                return 0
            meta = replace(self.meta, stats=replace(self.meta.stats, tombstones=len(tombstones)))
            try:
                write_tombstones(self.path, tombstones)
                write_meta(self.path, meta)
            except OSError as e:
                raise StorageError(f"{self.path}: cannot write tombstones: {e}") from e
            self.tombstones, self.meta = tombstones, meta
            return marked

    def set_failed(self) -> None:
        """Notes that a compaction broke on this block. Raises OSError."""
        with self._lock:
            self.meta = replace(self.meta, failed=True)
            write_meta(self.path, self.meta)

    def set_deletable(self) -> None:
        """Notes that nothing in this block is worth keeping. Raises OSError."""
        with self._lock:
            self.meta = replace(self.meta, deletable=True)
            write_meta(self.path, self.meta)

    def report(self, reasons: Sequence[str]) -> None:
        """Logs damage, each kind once, and no more than some dozens of kinds."""
        for reason in reasons:
            if len(self._reported) < _MOST_REPORTS and reason not in self._reported:
                self._reported.add(reason)
                log.error("broken part of a block is left out of answers", extra={"err": reason})

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except DecodeError as e:
            raise CorruptionError(f"{self.path}: {e}") from None

    def __repr__(self) -> str:
        return f"Block({self.meta.ulid}, {self.meta.min_time}..{self.meta.max_time}, level {self.meta.level})"


class BlockQuerier:
    """The Querier contract over one block. Every method raises CorruptionError on broken bytes, naming the block."""

    warnings: Sequence[str] = ()

    def __init__(self, block: Block, mint: int, maxt: int) -> None:
        self._block, self._mint, self._maxt = block, mint, maxt

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        block = self._block
        with block._naming():
            return block.reader.select(block.plan(matchers), self._mint, self._maxt, _some(block.tombstones))

    def select_sound(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        """What `select` would give without the parts that are broken; `damage` of the batch names those.

        An index whose lists are broken gives nothing. Damage is logged when it is seen first.
        """
        block = self._block
        try:
            batch = block.reader.select(
                block.plan(matchers), self._mint, self._maxt, _some(block.tombstones), str(block.path)
            )
        except DecodeError as e:
            batch = SeriesBatch()
            batch.add_damage(f"{block.path}: {e}")
        if batch.damage()[0]:
            block.report(batch.damage()[1])
        return batch

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        block = self._block
        with block._naming():
            terms, deleted = block.plan(matchers), _some(block.tombstones)
            return block.reader.series(terms, self._mint, self._maxt, deleted, limit)

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        """Names in the whole block, whatever the time range, as Prometheus does."""
        block, reader = self._block, self._block.reader
        with block._naming():
            if matchers:
                return reader.matching_label_names(block.plan(matchers), limit)
            return reader.label_names(limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        """Values in the whole block, whatever the time range, as Prometheus does."""
        block, reader = self._block, self._block.reader
        with block._naming():
            if matchers:
                return reader.matching_label_values(name, block.plan(matchers), limit)
            return reader.label_values(name, limit)

    def close(self) -> None:
        """Nothing to let go: what was selected keeps its own hold on the block."""


def _some(tombstones: Tombstones) -> Tombstones | None:
    return tombstones if len(tombstones) else None


def _segment_files(directory: Path) -> list[Path]:
    """Segments in order. A chunk reference counts them from 0, so names must be 000001, 000002 ... without a gap."""
    names = sorted(p.name for p in directory.iterdir() if p.name.isascii() and p.name.isdigit())
    for position, name in enumerate(names, 1):
        if int(name) != position:
            raise CorruptionError(f"{directory}: segment {position:06d} is missing")
    return [directory / name for name in names]


def _repair_index_version(path: Path, meta: BlockMeta) -> BlockMeta:
    """Old writers put version 1 into an index of version 2 and marked such blocks with meta version 2."""
    try:
        data = bytearray((path / INDEX).read_bytes())
        if len(data) > 4 and data[4] == 1:
            data[4] = 2
            write_durable(path / INDEX, bytes(data))
        meta = replace(meta, version=VERSION)
        write_meta(path, meta)
    except OSError as e:
        raise CorruptionError(f"{path}: cannot repair the index version: {e}") from None
    return meta
