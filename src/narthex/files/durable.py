"""Files that survive a crash: written, synced, then moved into place."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


def sync_directory(path: Path) -> None:
    """Makes creations, renames and removals in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durable(path: Path, data: bytes) -> None:
    """Replaces a file as a whole: readers see the old content or the new one, also after a crash.

    The half-written file is `<name>.tmp` beside it. Raises OSError.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def map_file(path: Path) -> mmap.mmap | bytes:
    """The file's content, mapped for reading; b"" for an empty file, which cannot be mapped.

    The mapping stays valid after the file is removed and ends with its last user. Raises OSError.
    """
    with path.open("rb") as f:
        if os.fstat(f.fileno()).st_size == 0:
            return b""
        return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)


@contextmanager
def new_directory(path: Path, suffix: str, replace: bool = False) -> Iterator[Path]:
    """A directory to fill, which at the end of the block is synced and becomes `path`, instead of an old one if wanted.

    Until then it is `<name><suffix>`: a crash never leaves half of it under its name. It is removed when the block
    raises; the block may also remove it to leave everything as it was. The files in it are synced by those who write
    them. Raises OSError.
    """
    temporary = path.with_name(path.name + suffix)
    try:
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir(parents=True)
        yield temporary
        if temporary.exists():
            sync_directory(temporary)
            if replace and path.exists():
                shutil.rmtree(path)
            temporary.rename(path)
            sync_directory(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_directory(path: Path, suffix: str = ".tmp-for-deletion") -> None:
    """Removes a directory: a crash leaves it whole or under a name with `suffix`, never half. Raises OSError."""
    doomed = path.with_name(path.name + suffix)
    if doomed.exists():
        shutil.rmtree(doomed)
    path.rename(doomed)
    sync_directory(path.parent)
    shutil.rmtree(doomed)


class Space(NamedTuple):
    """Bytes of a file system, and those of them that are free to this process."""

    size: int
    free: int


def disk_space(path: Path) -> Space | None:
    """Of the file system that holds `path`; None when it cannot be asked, or does not tell."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize) if found.f_blocks else None


def directory_size(path: Path) -> int:
    """Bytes of all files below a directory; files that vanish meanwhile count nothing."""
    total = 0
    for root, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total
