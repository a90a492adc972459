"""The tombstones file of a block: time ranges of series that are deleted but not yet rewritten.

Format: docs/formats/tombstones.md. A missing file means that nothing is deleted.
"""

from __future__ import annotations

from pathlib import Path

from narthex.errors import CorruptionError
from narthex.files.durable import write_durable
from narthex.native import DecodeError, Tombstones

FILENAME = "tombstones"


def read_tombstones(directory: Path) -> Tombstones:
    """Raises CorruptionError, which names the file."""
    path = directory / FILENAME
    try:
        return Tombstones.decode(path.read_bytes())
    except FileNotFoundError:
        return Tombstones()
    except OSError as e:
        raise CorruptionError(f"{path}: {e.strerror}") from None
    except DecodeError as e:
        raise CorruptionError(f"{path}: {e}") from None


def write_tombstones(directory: Path, tombstones: Tombstones) -> None:
    """Replaces the file atomically. Raises OSError."""
    write_durable(directory / FILENAME, tombstones.encode())
