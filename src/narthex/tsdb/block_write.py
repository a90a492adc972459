"""Writing a block directory: the core gives bytes, this module gives them to files.

A block appears at once: everything is written and synced under `<ULID>.tmp-for-creation`, then renamed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from narthex.clock import SystemClock, milliseconds
from narthex.errors import CompactionCanceled, CorruptionError, StorageError
from narthex.files.durable import new_directory, sync_directory
from narthex.native import BlockWriter, DecodeError, SeriesBatch, Tombstones
from narthex.tsdb.block import CHUNKS, INDEX
from narthex.tsdb.meta import FILENAME as META
from narthex.tsdb.meta import BlockMeta, BlockParent, BlockStats, encode_meta
from narthex.tsdb.tombstones import FILENAME as TOMBSTONES
from narthex.tsdb.ulid import new_ulid

TMP_FOR_CREATION = ".tmp-for-creation"
SEGMENT_SIZE = 512 << 20
_PIECE = 256 << 10  # bytes that the core holds before they go to a file: they stay in the processor's cache


@dataclass(frozen=True)
class Layout:
    """How blocks are laid out: bytes of a chunk file at most, and whether floats encoded anew become XOR2 chunks."""

    segment_size: int = SEGMENT_SIZE
    xor2: bool = False

    def writer(self, mint: int, maxt: int, skip_broken: bool = False) -> BlockWriter:
        return BlockWriter(mint, maxt, self.segment_size, self.xor2, skip_broken)


DEFAULT_LAYOUT = Layout()


@dataclass(frozen=True)
class Lineage:
    """Where a new block comes from. `sources` None: it is its own source (a block of level 1)."""

    level: int = 1
    sources: Sequence[str] | None = None
    parents: Sequence[BlockParent] = ()
    hints: Sequence[str] = ()


def default_name() -> str:
    return new_ulid(milliseconds(SystemClock().now()))


def write_block(
    directory: Path,
    batch: SeriesBatch,
    mint: int,
    maxt: int,
    level: int = 1,
    sources: Sequence[str] | None = None,
    *,
    ulid: str | None = None,
    hints: Sequence[str] = (),
    writer: BlockWriter | None = None,
) -> BlockMeta | None:
    """Writes the samples with mint <= t < maxt (milliseconds) as one block below `directory`.

    None, and nothing is written, when no sample lies in the range. `ulid` names the block (else a new name), `writer`
    is a new one for the same range. Raises StorageError when a file cannot be written, and CorruptionError, which
    names the series, on a broken chunk that the writer is not to skip; nothing stays behind then.
    """
    writer = writer or DEFAULT_LAYOUT.writer(mint, maxt)
    writer.add_symbols(batch)
    lineage = Lineage(level, sources, hints=hints)
    name = ulid or default_name()
    try:
        return write_rows(directory, writer, [batch], mint, maxt, lineage, name)
    except DecodeError as e:
        raise CorruptionError(f"cannot write block {name}: {e}") from None
    except ValueError as e:
        raise StorageError(f"cannot write block {name}: {e}") from e


def write_rows(
    directory: Path,
    writer: BlockWriter,
    batches: Iterable[SeriesBatch],
    mint: int,
    maxt: int,
    lineage: Lineage,
    ulid: str,
    canceled: Callable[[], bool] = lambda: False,
) -> BlockMeta | None:
    """The same with batches that come one by one, in label order over all; `writer` knows their symbols already.

    Raises CompactionCanceled soon after `canceled()` turns true.
    """
    try:
        with new_directory(directory / ulid, TMP_FOR_CREATION) as temporary:
            (temporary / CHUNKS).mkdir()
            _write_data(temporary, writer, batches, canceled)
            stats = BlockStats(**writer.counts())
            if stats.samples == 0:
                shutil.rmtree(temporary)
                return None
            meta = BlockMeta(
                ulid=ulid,
                min_time=mint,
                max_time=maxt,
                stats=stats,
                level=lineage.level,
                sources=tuple(lineage.sources if lineage.sources is not None else (ulid,)),
                parents=tuple(lineage.parents),
                hints=tuple(lineage.hints),
            )
            _write_file(temporary / TOMBSTONES, Tombstones().encode())
            _write_file(temporary / META, encode_meta(meta))
    except OSError as e:
        raise StorageError(f"cannot write block {ulid}: {e}") from e
    return meta


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as f:
        f.write(data)
        _sync(f)


def _sync(f: BinaryIO) -> None:
    f.flush()
    os.fsync(f.fileno())


def _write_data(
    directory: Path, writer: BlockWriter, batches: Iterable[SeriesBatch], canceled: Callable[[], bool]
) -> None:
    segments = _Segments(directory / CHUNKS)
    try:
        with (directory / INDEX).open("wb") as index:
            writer.begin()
            for batch in batches:
                row = 0
                while row < len(batch):
                    if canceled():
                        raise CompactionCanceled("canceled while writing a block")
                    row = writer.add_rows(batch, row, _PIECE)
                    segments.write(writer.take_chunks())
                    index.write(writer.take_index())
            while not writer.finish(_PIECE):
                index.write(writer.take_index())
            index.write(writer.take_index())
            _sync(index)
    finally:
        segments.close()
    sync_directory(directory / CHUNKS)


class _Segments:
    """The chunk segment files; each is synced before the next begins."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._file: BinaryIO | None = None

    def write(self, pieces: list[tuple[int, bytes]]) -> None:
        for number, data in pieces:
            if self._file is None or number != self._number:
                self.close()
                self._number = number
                self._file = (self._directory / f"{number:06d}").open("wb")
            self._file.write(data)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with file:
                _sync(file)
