"""`tsdb create-blocks-from openmetrics`, `prometheus` and `jsonl`: blocks from files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from narthex.app.promtool.lines_import import import_lines
from narthex.app.promtool.listing import block_table
from narthex.app.promtool.reporting import fallible
from narthex.app.promtool.text_import import import_text
from narthex.errors import StorageError
from narthex.exposition import Format
from narthex.tsdb.backfill import Backfill, block_duration
from narthex.tsdb.block import Block


@dataclass(frozen=True)
class ImportOptions:
    """`longest`: milliseconds that a block may span at most; `labels` are added to every series."""

    output: Path
    longest: int = 0
    human_readable: bool = False
    quiet: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@fallible
def import_openmetrics(path: Path, options: ImportOptions) -> None:
    """OpenMetrics text with timestamps (seconds)."""
    _import(path, options, lambda f, b, p: import_text(f, str(path), Format.OPENMETRICS, options.labels, b, p))


@fallible
def import_prometheus(path: Path, options: ImportOptions) -> None:
    """Prometheus' text format with timestamps (milliseconds), as VictoriaMetrics exports it, too."""
    _import(path, options, lambda f, b, p: import_text(f, str(path), Format.TEXT, options.labels, b, p))


@fallible
def import_jsonl(path: Path, options: ImportOptions) -> None:
    """A JSON object with values and timestamps a line, as VictoriaMetrics exports it."""
    _import(path, options, lambda f, b, p: import_lines(f, str(path), options.labels, b, p))


def _import(
    path: Path, options: ImportOptions, read: Callable[[BinaryIO, Backfill, Callable[[int], None]], None]
) -> None:
    try:
        file: BinaryIO = path.open("rb", buffering=0)
        size = path.stat().st_size
    except OSError as e:
        raise StorageError(f"open {path}: {e.strerror}") from None
    with file, Backfill(options.output, block_duration(options.longest)) as backfill:
        try:
            read(file, backfill, meter(size, options))
        except OSError as e:
            raise StorageError(f"read {path}: {e.strerror}") from None
        write_blocks(backfill, options)


def write_blocks(backfill: Backfill, options: ImportOptions) -> None:
    """Prints a row for each block as it is made. Raises StorageError."""
    header = True
    for meta in backfill.blocks():
        if not options.quiet:
            print(block_table([Block.open(options.output / meta.ulid)], options.human_readable, header), end="")
            sys.stdout.flush()
            header = False
    if backfill.counts.conflicting:
        print(
            f"{backfill.counts.conflicting} samples were left out: their series had another value at the same time",
            file=sys.stderr,
        )


def meter(size: int, options: ImportOptions) -> Callable[[int], None]:
    """Shows on a terminal how much of `size` bytes has been read."""
    if options.quiet or size == 0 or not sys.stderr.isatty():
        return lambda _: None

    def show(done: int) -> None:
        end = "\r" if done < size else "\r\033[K"
        print(f"read {100 * done // size} %", end=end, file=sys.stderr, flush=True)

    return show
