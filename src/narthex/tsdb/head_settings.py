"""How a head keeps and logs its samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadSettings:
    wal_compression: str = "snappy"
    """Or "zstd", or "none"."""


DEFAULT_SETTINGS = HeadSettings()
