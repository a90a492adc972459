"""A data directory opened for looking: nothing in it is written, repaired or removed, and no lock is taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from narthex.errors import CorruptionError, StorageError
from narthex.instrument.registry import Registry
from narthex.native import Head as CoreHead
from narthex.storage.contract import Querier
from narthex.tsdb.block import Block
from narthex.tsdb.block_set import BlocksQuerier
from narthex.tsdb.compact_plan import DEFAULT_MIN_DURATION
from narthex.tsdb.db import replay_from
from narthex.tsdb.head import CHUNKS_HEAD, WAL, WBL, HeadQuerier
from narthex.tsdb.head_chunks import HeadChunkFiles
from narthex.tsdb.metrics import WalMetrics
from narthex.tsdb.replay import replay, replay_out_of_order
from narthex.tsdb.select import Planner
from narthex.tsdb.ulid import is_ulid

log = logging.getLogger(__name__)


class ReadOnlyDB:
    """The blocks of a directory and what its log adds. Each call reads the directory anew."""

    def __init__(self, path: Path) -> None:
        """For `open`; use that."""
        self.path = path

    @classmethod
    def open(cls, path: Path) -> ReadOnlyDB:
        """Raises StorageError when there is no such directory."""
        if not path.exists():
            raise StorageError(f"opening the db dir: stat {path}: no such file or directory")
        if not path.is_dir():
            raise StorageError(f"opening the db dir: {path}: not a directory")
        return cls(path)

    def blocks(self) -> list[Block]:
        """Oldest first. Blocks without a sound meta.json are left out; so are broken ones that a later block replaced.

        Raises CorruptionError for any other broken block.
        """
        blocks: list[Block] = []
        broken: dict[str, CorruptionError] = {}
        for name in self._names():
            try:
                blocks.append(Block.open(self.path / name))
            except CorruptionError as e:
                log.warning("Block cannot be opened", extra={"block": name, "err": str(e)})
                broken[name] = e
        replaced = {parent.ulid for block in blocks for parent in block.meta.parents}
        for name, error in broken.items():
            if name not in replaced and (self.path / name / "meta.json").exists():
                raise CorruptionError(f"corrupted block {name}: {error}")
        return sorted(blocks, key=lambda b: b.meta.min_time)

    def last_block(self) -> str:
        """Name of the newest block by its creation. Raises StorageError when there is none."""
        names = self._names()
        if not names:
            raise StorageError("no blocks found")
        return max(names, key=lambda name: name[:10])

    def block(self, name: str) -> Block:
        """Raises StorageError when there is no such block, CorruptionError when it is broken."""
        if not is_ulid(name) or not (self.path / name).is_dir():
            raise StorageError(f"invalid block ID {name}")
        return Block.open(self.path / name)

    @contextmanager
    def querier(self, mint: int, maxt: int) -> Iterator[Querier]:
        """A view on [mint, maxt], inclusive milliseconds. What the log holds is read only when blocks end before maxt.

        Raises CorruptionError; a damaged log gives what it has before the damage, with a warning.
        """
        blocks = self.blocks()
        sources: list[Querier] = [b.querier(mint, maxt) for b in blocks if b.meta.overlaps(mint, maxt)]
        end = replay_from(tuple(blocks))
        if end is None or end <= maxt:
            head = self._head(end)
            sources.append(HeadQuerier(head, Planner(head), mint, maxt))
        yield BlocksQuerier(sources)

    def _head(self, min_valid_time: int | None) -> CoreHead:
        core = CoreHead(DEFAULT_MIN_DURATION)
        if min_valid_time is not None:
            core.set_min_valid_time(min_valid_time)
        chunks = HeadChunkFiles(self.path / CHUNKS_HEAD, Registry())
        metrics = WalMetrics(Registry())
        replay(self.path / WAL, core, chunks, metrics, repairing=False)
        replay_out_of_order(self.path / WBL, core, metrics, repairing=False)
        return core

    def _names(self) -> Sequence[str]:
        try:
            return sorted(p.name for p in self.path.iterdir() if is_ulid(p.name) and p.is_dir())
        except OSError as e:
            raise StorageError(f"find blocks: {e}") from e
