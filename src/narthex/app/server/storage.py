"""The database as a part of the server: opening with progress, retention, what the API shows of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from narthex.app.flags import Flags
from narthex.app.server.settings import ServerSettings
from narthex.app.server.state import State
from narthex.clock import Clock
from narthex.instrument import Registry
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.meta import encode_meta
from narthex.tsdb.options import DBOptions
from narthex.tsdb.replay import ReplayStatus
from narthex.web.sources import StorageStatistics

log = logging.getLogger(__name__)

_NFS = ("nfs", "nfs4")


def db_options(flags: Flags, settings: ServerSettings) -> DBOptions:
    return DBOptions(
        min_block_duration=flags.milliseconds("storage.tsdb.min-block-duration"),
        max_block_duration=flags.milliseconds("storage.tsdb.max-block-duration"),
        retention_time=settings.retention,
        retention_size=settings.retention_size,
        wal_segment_size=settings.segment_size,
        no_lockfile=flags.on("storage.tsdb.no-lockfile"),
        head=HeadSettings(wal_compression=wal_compression(flags)),
    )


def wal_compression(flags: Flags) -> str:
    return flags.text("storage.tsdb.wal-compression-type") if flags.on("storage.tsdb.wal-compression") else "none"


async def open_db(flags: Flags, settings: ServerSettings, registry: Registry, clock: Clock, state: State) -> DB:
    """Opens the data directory in a thread; `state.replay` follows the log. Raises StorageError."""
    path = Path(flags.text("storage.tsdb.path"))
    if (kind := file_system(path)) in _NFS:
        log.warning("The data directory is on a network file system, which is not safe", extra={"fs": kind})
    log.info("Starting TSDB ...", extra={"path": str(path)})

    def progress(status: ReplayStatus) -> None:
        state.replay.first, state.replay.last, state.replay.current = status.min, status.max, status.current
        log.info("Replaying the log", extra={"segment": status.current, "last": status.max})

    start = clock.monotonic()
    db = await asyncio.to_thread(DB.open, path, db_options(flags, settings), registry, clock, progress)
    log.info("TSDB started", extra={"duration": f"{clock.monotonic() - start:.3f}s"})
    return db


def file_system(path: Path) -> str:
    """The type of the file system that holds `path` (or will, once it is made); "" when unknown."""
    target = path.resolve()
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, mount, name, *_ = line.split(" ")
        if "\\" in mount:
            mount = mount.encode().decode("unicode_escape")
        if target.is_relative_to(mount) and len(mount) > len(best):
            best, kind = mount, name
    return kind


class Status:
    """web.sources.StorageStatus over the database."""

    def __init__(self, db: DB) -> None:
        self._db = db

    def statistics(self, limit: int) -> StorageStatistics:
        found = self._db.head_stats(limit)
        return StorageStatistics(
            series=found.num_series,
            label_pairs=found.num_label_pairs,
            chunks=found.chunk_count,
            min_time=found.min_time,
            max_time=found.max_time,
            series_by_metric=found.series_count_by_metric_name,
            values_by_label=found.label_value_count_by_label_name,
            bytes_by_label=found.memory_in_bytes_by_label_name,
            series_by_pair=found.series_count_by_label_pair,
        )

    def blocks(self) -> Sequence[Mapping[str, Any]]:
        return [orjson.loads(encode_meta(block.meta)) for block in self._db.blocks()]
