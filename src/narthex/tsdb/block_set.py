"""All persisted blocks of a data directory: loading, querying over several, compaction, retention, deletion."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

from narthex.clock import Clock, SystemClock, milliseconds
from narthex.errors import CompactionCanceled, CorruptionError, StorageError
from narthex.files.durable import Space, disk_space, remove_directory
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SeriesBatch, TextList
from narthex.storage.contract import Querier
from narthex.tsdb.activity import Activity, span
from narthex.tsdb.block import Block
from narthex.tsdb.block_metrics import BlockMetrics
from narthex.tsdb.block_write import DEFAULT_LAYOUT, TMP_FOR_CREATION, Layout, write_block
from narthex.tsdb.compact import compact
from narthex.tsdb.compact_plan import (
    DEFAULT_MIN_DURATION,
    before_pending,
    block_ranges,
    max_block_duration,
    plan_compaction,
)
from narthex.tsdb.meta import BlockMeta
from narthex.tsdb.retention import Retention, beyond_size, beyond_time
from narthex.tsdb.ulid import is_ulid, new_ulid

log = logging.getLogger(__name__)

TMP_FOR_DELETION = ".tmp-for-deletion"
_LEFTOVERS = (TMP_FOR_CREATION, TMP_FOR_DELETION, ".tmp")


@dataclass(frozen=True)
class BlockOptions:
    """Durations in milliseconds; `max_duration` 0 means: derived from the retention.

    `pending` says of a block that neither it nor younger ones may be compacted yet.
    """

    retention: Retention = field(default_factory=Retention)
    min_duration: int = DEFAULT_MIN_DURATION
    max_duration: int = 0
    layout: Layout = DEFAULT_LAYOUT
    compact_overlapping: bool = True
    pending: Callable[[BlockMeta], bool] = lambda meta: False

    def ranges(self) -> list[int]:
        longest = self.max_duration or max_block_duration(self.retention.duration, self.min_duration)
        return block_ranges(self.min_duration, longest)


class Blocks:
    """The set is replaced as a whole, so queriers keep the blocks they began with, even when those are removed.

    `load`, `reload`, `compact`, `delete` and `clean_tombstones` block on disk and exclude each other: call them from a
    worker thread. `querier` and the properties are cheap and safe from any thread.
    """

    def __init__(
        self,
        directory: Path,
        options: BlockOptions = BlockOptions(),
        *,
        metrics: BlockMetrics | None = None,
        clock: Clock | None = None,
        other_bytes: Callable[[], int] = lambda: 0,
        disk: Callable[[Path], Space | None] = disk_space,
    ) -> None:
        """`other_bytes` gives the bytes of logs and head, which count against the size retention; `disk` those of the
        file system."""
        self.directory, self.options = directory, options
        self.metrics = metrics or BlockMetrics(Registry())
        self._clock = clock or SystemClock()
        self._other_bytes, self._disk = other_bytes, disk
        self._blocks: tuple[Block, ...] = ()
        self._broken: dict[str, str] = {}
        self.activity: Activity | None = None
        """The block that is being written now."""
        self._lock = threading.RLock()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Loaded blocks, by start time."""
        return self._blocks

    @property
    def broken(self) -> Mapping[str, str]:
        """Directories that could not be opened at the last reload, with the reason."""
        return self._broken

    @property
    def max_time(self) -> int | None:
        """Exclusive end of the newest block in milliseconds; None without blocks."""
        return max((b.meta.max_time for b in self._blocks), default=None)

    @property
    def min_time(self) -> int | None:
        """Inclusive start of the oldest block in milliseconds; None without blocks."""
        return min((b.meta.min_time for b in self._blocks), default=None)

    def load(self) -> None:
        """At start: removes what a crash left half-done, then `reload`. Raises StorageError as `reload` does."""
        with self._lock:
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                for path in self.directory.iterdir():
                    name, _, suffix = path.name.partition(".")
                    if is_ulid(name) and "." + suffix in _LEFTOVERS and path.is_dir():
                        log.info("removing the remains of an unfinished operation: %s", path)
                        shutil.rmtree(path)
            except OSError as e:
                raise StorageError(f"cannot prepare {self.directory}: {e}") from e
            self.reload()

    def reload(self) -> None:
        """Opens new directories, removes those that are replaced, deletable or beyond retention.

        A block that cannot be opened is reported in `broken` and skipped. Raises StorageError when the directory
        itself cannot be read.
        """
        with self._lock:
            self.metrics.reloads.inc()
            try:
                names = sorted(p.name for p in self.directory.iterdir() if is_ulid(p.name) and p.is_dir())
            except OSError as e:
                self.metrics.reload_failures.inc()
                raise StorageError(f"cannot read {self.directory}: {e}") from e
            blocks, broken = self._open(names)
            doomed = self._doomed(blocks)
            broken = {name: reason for name, reason in broken.items() if name not in doomed}
            for name, reason in broken.items():
                if self._broken.get(name) != reason:
                    log.error("block skipped block=%s reason=%s", name, reason)
            self._broken = broken
            kept = [b for b in blocks if b.meta.ulid not in doomed]
            self._blocks = tuple(sorted(kept, key=lambda b: (b.meta.min_time, b.meta.max_time)))
            self._remove(doomed & set(names))
            self._observe()

    def _open(self, names: Sequence[str]) -> tuple[list[Block], dict[str, str]]:
        known = {b.path.name: b for b in self._blocks}
        blocks, broken = [], {}
        for name in names:
            try:
                blocks.append(known.get(name) or self._open_one(name))
            except CorruptionError as e:
                broken[name] = str(e)
        if broken:
            self.metrics.reload_failures.inc()
        return blocks, broken

    def _open_one(self, name: str) -> Block:
        block = Block.open(self.directory / name)
        if block.meta.ulid != name:
            raise CorruptionError(f"{block.path}: meta.json is of block {block.meta.ulid}")
        block.check_end(milliseconds(self._clock.now()), self.options.min_duration)
        return block

    def _doomed(self, blocks: Sequence[Block]) -> set[str]:
        """Names of directories that must go. Parents count even if they are broken: their data lives on."""
        doomed = {p.ulid for b in blocks for p in b.meta.parents} | {b.meta.ulid for b in blocks if b.meta.deletable}
        metas = [b.meta for b in blocks if b.meta.ulid not in doomed]
        old = beyond_time(metas, self.options.retention.duration)
        if old:
            self.metrics.time_retentions.inc()
        metas = [m for m in metas if m.ulid not in old]
        sizes = {b.meta.ulid: b.size for b in blocks}
        limit = self._byte_limit()
        large = beyond_size(metas, sizes, self._other_bytes() if limit else 0, limit)
        if large:
            self.metrics.size_retentions.inc()
        return doomed | old | large

    def _byte_limit(self) -> int:
        retention = self.options.retention
        disk = self._disk(self.directory) if retention.percentage else None
        if retention.percentage and not disk:
            log.warning("The size of the file system is unknown, so the percentage of the retention has no effect")
        return retention.bytes(disk.size if disk else 0)

    def _remove(self, names: set[str]) -> None:
        for name in sorted(names):
            try:
                remove_directory(self.directory / name, TMP_FOR_DELETION)
                log.info("block removed block=%s", name)
            except OSError as e:
                log.error("block cannot be removed, will try again block=%s error=%s", name, e)

    def _observe(self) -> None:
        metrics, retention = self.metrics, self.options.retention
        metrics.loaded.set(len(self._blocks))
        metrics.bytes.set(sum(b.size for b in self._blocks))
        metrics.symbols.set(sum(4 * b.reader.symbol_count() for b in self._blocks))
        metrics.broken.set(len(self._broken))
        metrics.limit_bytes.set(retention.size)
        metrics.limit_percentage.set(retention.percentage)
        metrics.limit_seconds.set(retention.duration / 1000)

    def set_retention(self, retention: Retention) -> None:
        """Takes effect at the next reload."""
        with self._lock:
            self.options = replace(self.options, retention=retention)

    def set_float_encoding(self, xor2: bool) -> None:
        """How floats that compaction encodes anew are encoded from now on: XOR2 or XOR."""
        with self._lock:
            self.options = replace(self.options, layout=replace(self.options.layout, xor2=xor2))

    def querier(self, mint: int, maxt: int) -> BlocksQuerier:
        """A view on [mint, maxt] (inclusive, milliseconds) over all blocks that overlap it."""
        return BlocksQuerier([b.querier(mint, maxt) for b in self._blocks if b.meta.overlaps(mint, maxt)])

    def write(
        self, batch: SeriesBatch, mint: int, maxt: int, hints: Sequence[str] = (), directory: Path | None = None
    ) -> BlockMeta | None:
        """Writes samples of the head with mint <= t < maxt (milliseconds) as a block of level 1.

        None when there are none. Chunks that are broken are left out, counted and named in the log: what is sound
        must not wait for them. The block is loaded by the next reload; in another `directory` it is not one of these.
        Raises StorageError.
        """
        name, started = self._new_name(), self._clock.monotonic()
        log.info("write block started", extra={"mint": mint, "maxt": maxt, "ulid": name})
        writer = self.options.layout.writer(mint, maxt, skip_broken=True)
        with self._writing("Writing a block of the head", mint, maxt):
            meta = write_block(directory or self.directory, batch, mint, maxt, ulid=name, hints=hints, writer=writer)
        broken, reasons = writer.broken()
        if broken:
            self.metrics.broken_chunks.inc(broken)
            log.error("broken chunks were left out of the block", extra={"ulid": name, "chunks": broken})
            for reason in reasons:
                log.error("broken chunk", extra={"ulid": name, "err": reason})
        self.metrics.wrote_first(writer)
        seconds = f"{self._clock.monotonic() - started:.3f}s"
        if meta is None:
            log.info("write block resulted in empty block", extra={"mint": mint, "maxt": maxt, "duration": seconds})
            return None
        extra: dict[str, object] = {"mint": mint, "maxt": maxt, "ulid": name, "duration": seconds}
        extra |= {"samples": meta.stats.samples, "series": meta.stats.series}
        log.info("write block completed", extra=extra | ({"hints": ",".join(hints)} if hints else {}))
        return meta

    @contextmanager
    def _writing(self, what: str, mint: int, maxt: int, series: int = 0) -> Iterator[Activity]:
        """Counts, times and shows the writing of one block, whether it succeeds or not."""
        started = self._clock.monotonic()
        self.activity = activity = Activity(f"{what}, {span(mint, maxt)}", self._clock.now(), series)
        self.metrics.populating.set(1)
        try:
            yield activity
        finally:
            self.activity = None
            self.metrics.populating.set(0)
            self.metrics.compactions.inc()
            self.metrics.duration.observe(self._clock.monotonic() - started)

    def compact(self, canceled: Callable[[], bool] = lambda: False, enough: Callable[[], bool] = lambda: False) -> int:
        """Compacts until the plan is empty or `enough()` says so between two; gives the number of compactions done.

        A compaction that breaks marks its blocks so that it is not tried again, and the rest goes on. One that the
        disk may have no room for is not begun: it must not take what the log needs. Raises StorageError when disk
        operations fail.
        """
        done = 0
        with self._lock:
            while not (canceled() or enough()) and (planned := self._plan()) and self._has_room(planned):
                try:
                    self._compact(planned, canceled)
                except CompactionCanceled:
                    break
                done += 1
        return done

    def _has_room(self, blocks: Sequence[Block]) -> bool:
        needed, space = sum(b.size for b in blocks), self._disk(self.directory)
        if space is None or space.free >= needed:
            return True
        extra = {"needed": needed, "free": space.free, "sources": " ".join(b.meta.ulid for b in blocks)}
        log.warning("no room on the disk to compact blocks", extra=extra)
        return False

    def _plan(self) -> list[Block]:
        options = self.options
        metas = before_pending([b.meta for b in self._blocks], options.pending)
        plan = plan_compaction(metas, options.ranges(), overlapping=options.compact_overlapping)
        names = {m.ulid for m in plan}
        return [b for b in self._blocks if b.meta.ulid in names]

    def _compact(self, blocks: Sequence[Block], canceled: Callable[[], bool]) -> BlockMeta | None:
        started, name = self._clock.monotonic(), self._new_name()
        ends = list(accumulate((b.meta.max_time for b in blocks), max))
        if any(b.meta.min_time < end for b, end in zip(blocks[1:], ends, strict=False)):
            self.metrics.vertical.inc()
            log.info("Found overlapping blocks during compaction", extra={"ulid": name})
        facts = {"count": len(blocks), "sources": " ".join(b.meta.ulid for b in blocks)}
        log.info("compact blocks started", extra={"ulid": name, **facts})
        try:
            meta = self._merge(f"Compacting {len(blocks)} blocks", blocks, name, canceled)
        except CorruptionError as e:
            self.metrics.compactions_failed.inc()
            log.error("compaction failed, will not be tried again", extra={"err": str(e), **facts})
            self._mark(blocks, Block.set_failed)
            return None
        facts["duration"] = f"{self._clock.monotonic() - started:.3f}s"
        if meta is None:
            log.info("compact blocks resulted in empty block", extra=facts)
            self._mark(blocks, Block.set_deletable)
        else:
            log.info("compact blocks", extra={"ulid": name, "mint": meta.min_time, "maxt": meta.max_time, **facts})
        self.reload()
        return meta

    def _merge(
        self, what: str, blocks: Sequence[Block], name: str, canceled: Callable[[], bool] = lambda: False
    ) -> BlockMeta | None:
        metas = [b.meta for b in blocks]
        mint, maxt, series = metas[0].min_time, max(m.max_time for m in metas), max(m.stats.series for m in metas)
        with self._writing(what, mint, maxt, series) as activity:
            layout, advance = self.options.layout, activity.advance
            return compact(self.directory, blocks, ulid=name, layout=layout, canceled=canceled, progress=advance)

    def _mark(self, blocks: Sequence[Block], mark: Callable[[Block], None]) -> None:
        try:
            for block in blocks:
                mark(block)
        except OSError as e:
            raise StorageError(f"cannot write meta.json: {e}") from e

    def _new_name(self) -> str:
        return new_ulid(milliseconds(self._clock.now()))

    def delete(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> int:
        """Marks samples in [mint, maxt] as deleted in all blocks; gives the number of series in blocks marked."""
        with self._lock:
            return sum(b.delete(matchers, mint, maxt) for b in self._blocks if b.meta.overlaps(mint, maxt))

    def clean_tombstones(self) -> None:
        """Rewrites every block that has deleted samples. Raises StorageError and CorruptionError."""
        with self._lock:
            started = self._clock.monotonic()
            for block in self._blocks:
                if len(block.tombstones) == 0:
                    continue
                if self._merge("Freeing the space of deleted samples", [block], self._new_name()) is None:
                    self._mark([block], Block.set_deletable)
            self.reload()
            self.metrics.tombstone_cleanup.observe(self._clock.monotonic() - started)


class BlocksQuerier:
    """The Querier contract over several sources; they may overlap in time."""

    warnings: Sequence[str] = ()

    def __init__(self, queriers: Sequence[Querier]) -> None:
        self._queriers = list(queriers)

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        batches = [q.select(matchers) for q in self._queriers]
        return batches[0] if len(batches) == 1 else SeriesBatch.merge(batches)

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        return LabelSets.merge([q.series(matchers, limit) for q in self._queriers])

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList.merge([q.label_names(matchers, limit) for q in self._queriers], limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList.merge([q.label_values(name, matchers, limit) for q in self._queriers], limit)

    def close(self) -> None:
        self._queriers.clear()
