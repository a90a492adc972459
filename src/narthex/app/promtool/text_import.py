"""Exposition text with timestamps as columns of samples, piece by piece: a file may be larger than memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

from narthex.errors import ExpositionError
from narthex.exposition import Format
from narthex.native import DecodeError, LabelSets, ScrapeCache, set_label
from narthex.tsdb.backfill import Backfill

PIECE = 8 << 20  # bytes of text at a time
_ERROR = re.compile(r"line (\d+): (.*) at byte \d+", re.S)


def import_text(
    file: BinaryIO,
    name: str,
    format: Format,
    labels: Mapping[str, str],
    into: Backfill,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Every sample of `file` goes to `into` with `labels` added. `progress` gets the number of bytes read so far.

    Raises ExpositionError, which names the file and line, also when a sample has no timestamp, and OSError.
    """
    cache = ScrapeCache()
    lines = done = 0
    first = True
    for piece, last in pieces(file):
        try:
            cache.scan(piece, 0, format is Format.OPENMETRICS, True, False, True, first, last)
        except DecodeError as e:
            raise located(e, name, lines) from None
        _take(cache, labels, into)
        cache.keep()
        first = False
        lines += piece.count(b"\n")
        done += len(piece)
        progress(done)


def _take(cache: ScrapeCache, labels: Mapping[str, str], into: Backfill) -> None:
    unknown = cache.unknown()
    if len(unknown):
        sets = cache.label_sets(unknown)
        cache.assign(unknown, into.series(with_labels(sets, labels)).astype(np.uint64))
    refs, times, values, _, _ = cache.samples()
    into.append(refs.astype(np.uint32), times, values)


def with_labels(sets: LabelSets, labels: Mapping[str, str]) -> LabelSets:
    """Each row with these labels as well; they win."""
    for name, value in labels.items():
        sets = set_label(sets, name, np.zeros(len(sets), dtype=np.uint32), [value])
    return sets


def pieces(file: BinaryIO, size: int = PIECE) -> Iterator[tuple[bytes, bool]]:
    """The file in pieces of about `size` bytes that end with a line, and whether each is the last one.

    The last may be empty; a line longer than a piece makes the piece longer.
    """
    held: list[bytes] = []
    waiting: bytes | None = None
    while block := file.read(size):
        cut = block.rfind(b"\n") + 1
        if cut == 0:
            held.append(block)
            continue
        if waiting is not None:
            yield waiting, False
        waiting = b"".join((*held, block[:cut]))
        held = [block[cut:]]
    rest = b"".join(held)
    if waiting is None:
        yield rest, True
    elif rest:
        yield waiting, False
        yield rest, True
    else:
        yield waiting, True


def located(error: DecodeError, name: str, lines: int) -> ExpositionError:
    """The error of a piece as one of the file; `lines` came before the piece."""
    if found := _ERROR.fullmatch(str(error)):
        return ExpositionError(f"{name}:{lines + int(found[1])}: {found[2]}")
    return ExpositionError(f"{name}: {error}")
