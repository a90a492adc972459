"""A copy of the blocks of one moment that costs no space: hard links. Files of blocks are replaced, never changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from narthex.errors import StorageError
from narthex.files.durable import sync_directory
from narthex.tsdb.block import CHUNKS, INDEX, Block
from narthex.tsdb.meta import FILENAME as META
from narthex.tsdb.tombstones import FILENAME as TOMBSTONES

SNAPSHOTS = "snapshots"


@contextmanager
def new_snapshot(directory: Path) -> Iterator[Path]:
    """A directory to fill; it is removed when the block raises. Raises StorageError, also when it exists."""
    try:
        directory.mkdir(parents=True)
    except OSError as e:
        raise StorageError(f"{directory}: cannot make a snapshot: {e.strerror}") from e
    try:
        yield directory
        sync_directory(directory)
        sync_directory(directory.parent)
    except BaseException as e:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(e, OSError):
            raise StorageError(f"{directory}: cannot make a snapshot: {e}") from e
        raise


def link_block(block: Block, directory: Path) -> None:
    """Raises OSError, for example where the file system has no hard links."""
    target = directory / block.path.name
    (target / CHUNKS).mkdir(parents=True)
    chunks = sorted(p.name for p in (block.path / CHUNKS).iterdir())
    for name in (INDEX, META, *(f"{CHUNKS}/{name}" for name in chunks)):
        os.link(block.path / name, target / name)
    if (block.path / TOMBSTONES).exists():
        os.link(block.path / TOMBSTONES, target / TOMBSTONES)
    sync_directory(target / CHUNKS)
    sync_directory(target)
