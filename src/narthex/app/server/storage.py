"""The database as a part of the server: opening with progress, retention, what the API shows of it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from narthex.app.flags import Flags
from narthex.app.server.settings import ServerSettings
from narthex.app.server.state import State
from narthex.clock import Clock
from narthex.config.prometheus import Config
from narthex.errors import StorageError
from narthex.files.durable import disk_space
from narthex.instrument import Registry
from narthex.model.matcher import Matcher
from narthex.tsdb.db import DB, HeadStats
from narthex.tsdb.delay_file import UploadList
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.meta import encode_meta
from narthex.tsdb.options import DBOptions
from narthex.tsdb.replay import Progress, ReplayStatus
from narthex.tsdb.retention import Retention
from narthex.tsdb.snapshot import SNAPSHOTS
from narthex.web.sources import StorageStatistics

log = logging.getLogger(__name__)

_DEFAULT_EXEMPLARS = 100_000
_NFS = ("nfs", "nfs4")


def wanted_retention(settings: ServerSettings, config: Config) -> Retention:
    """The configuration file's limits, all of them, once it sets one; else those of the flags."""
    tsdb = config.storage.tsdb
    wanted = tsdb.retention if tsdb is not None else None
    if wanted is not None and (wanted.time or wanted.size or wanted.percentage):
        return Retention(wanted.time, wanted.size, wanted.percentage)
    return Retention(settings.retention, settings.retention_size)


def db_options(flags: Flags, settings: ServerSettings, config: Config, clock: Clock) -> DBOptions:
    """Raises StorageError when the file system cannot say of how much a percentage is to be kept."""
    retention = wanted_retention(settings, config)
    path = Path(flags.text("storage.tsdb.path"))
    if retention.percentage and not disk_space(existing(path)):
        raise StorageError(
            f"{path}: the size of the file system is unknown; use storage.tsdb.retention.size instead of a percentage"
        )
    if retention.percentage and retention.size:
        log.warning("storage.tsdb.retention.size is ignored, because storage.tsdb.retention.percentage is specified")
    uploads = flags.text("storage.tsdb.delay-compact-file.path")
    more: dict[str, Any] = {"pending": UploadList(Path(uploads), clock).pending} if uploads else {}
    if "delayed-compaction" in settings.features:
        longest = flags.seconds("storage.tsdb.min-block-duration")
        longest *= flags.number("storage.tsdb.delayed-compaction.max-percent") / 100
        more["compaction_delay"] = lambda: random.uniform(0, longest)
    return DBOptions(
        min_block_duration=flags.milliseconds("storage.tsdb.min-block-duration"),
        max_block_duration=flags.milliseconds("storage.tsdb.max-block-duration"),
        retention_time=retention.duration,
        retention_size=retention.size,
        retention_percentage=retention.percentage,
        block_segment_size=settings.block_segment_size,
        compact_overlapping=flags.on("storage.tsdb.allow-overlapping-compaction"),
        reload_interval=max(1.0, flags.seconds("storage.tsdb.block-reload-interval")),
        wal_segment_size=settings.segment_size,
        no_lockfile=flags.on("storage.tsdb.no-lockfile"),
        head=HeadSettings(
            wal_compression=wal_compression(flags),
            xor2=wants_xor2(settings, config),
            histogram_starts="histograms-st-encoding" in settings.features,
            store_starts="st-storage" in settings.features,
            start_zeros="created-timestamp-zero-ingestion" in settings.features,
            snapshot_on_shutdown="memory-snapshot-on-shutdown" in settings.features,
            max_exemplars=wanted_exemplars(settings, config),
        ),
        **more,
    )


def existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there already."""
    return next((p for p in (path.absolute(), *path.absolute().parents) if p.exists()), path)


def wants_xor2(settings: ServerSettings, config: Config) -> bool:
    """The configuration file wins over the feature flag."""
    tsdb = config.storage.tsdb
    floats = tsdb.chunk_encoding.floats if tsdb is not None else ""
    return floats == "xor2" if floats else "xor2-encoding" in settings.features


def wanted_exemplars(settings: ServerSettings, config: Config) -> int:
    """How many are to be kept."""
    if "exemplar-storage" not in settings.features:
        return 0
    return _DEFAULT_EXEMPLARS if config.storage.exemplars is None else max(0, config.storage.exemplars.max_exemplars)


def wal_compression(flags: Flags) -> str:
    return flags.text("storage.tsdb.wal-compression-type") if flags.on("storage.tsdb.wal-compression") else "none"


async def open_db(
    flags: Flags, settings: ServerSettings, config: Config, registry: Registry, clock: Clock, state: State
) -> DB:
    """Opens the data directory in a thread; `state.replay` follows the log. Raises StorageError."""
    path = Path(flags.text("storage.tsdb.path"))
    warn_of_network(path)
    log.info("Starting TSDB ...", extra={"path": str(path)})
    start = clock.monotonic()
    options = db_options(flags, settings, config, clock)
    db = await asyncio.to_thread(DB.open, path, options, registry, clock, replay_progress(state))
    log.info("TSDB started", extra={"duration": f"{clock.monotonic() - start:.3f}s"})
    return db


def replay_progress(state: State) -> Progress:
    """What a replay calls before each segment: `state.replay` follows it."""

    def progress(status: ReplayStatus) -> None:
        state.replay.first, state.replay.last, state.replay.current = status.min, status.max, status.current
        log.info("Replaying the log", extra={"segment": status.current, "last": status.max})

    return progress


def warn_of_network(path: Path) -> None:
    if (kind := file_system(path)) in _NFS:
        log.warning("The data directory is on a network file system, which is not safe", extra={"fs": kind})


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

    def known_statistics(self, limit: int) -> StorageStatistics | None:
        found = self._db.known_head_stats(limit)
        return None if found is None else _statistics(found)

    def statistics(self, limit: int) -> StorageStatistics:
        return _statistics(self._db.head_stats(limit))

    def blocks(self) -> Sequence[Mapping[str, Any]]:
        return [orjson.loads(encode_meta(block.meta)) for block in self._db.blocks()]


def _statistics(found: HeadStats) -> StorageStatistics:
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


class Admin:
    """web.sources.StorageAdmin over the database."""

    def __init__(self, db: DB, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def delete(self, matchers: Sequence[Matcher], start: int, end: int) -> None:
        self._db.delete(matchers, start, end)

    def clean_tombstones(self) -> None:
        self._db.clean_tombstones()

    def snapshot(self, with_head: bool) -> str:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now()))
        name = f"{moment}-{secrets.token_hex(8)}"
        self._db.snapshot(self._db.path / SNAPSHOTS / name, with_head)
        return name
