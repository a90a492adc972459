"""Out-of-order samples of the head: their log (`wbl/`) and their way into blocks.

The log of all samples comes first and has them too, but a replay cannot tell where they belong; this one can. Format:
docs/formats/wbl.md.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from narthex.errors import StorageError
from narthex.files.durable import directory_size
from narthex.instrument.registry import Registry
from narthex.tsdb.metrics import LogMetrics
from narthex.tsdb.wal import Wal

log = logging.getLogger("narthex.tsdb.out_of_order")

HINT = "from-out-of-order"


class OutOfOrderLog:
    """Closed until samples may come out of order. Callers serialize all but `sync_finished`, as with `Wal`."""

    def __init__(self, directory: Path, segment_size: int, registry: Registry) -> None:
        self.directory = directory
        self._segment_size, self._registry = segment_size, registry
        self._wal: Wal | None = None
        self._metrics: LogMetrics | None = None

    def holds_samples(self) -> bool:
        """Whether an earlier server left something to replay."""
        return self.directory.is_dir() and directory_size(self.directory) > 0

    def open(self) -> None:
        """Begins a segment, once. Raises StorageError, CorruptionError."""
        if self._wal is not None:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{self.directory}: cannot make the directory: {e.strerror}") from e
        if self._metrics is None:
            self._metrics = LogMetrics(self._registry, "out_of_order_wbl")
            self._metrics.storage_size.set_function(lambda: directory_size(self.directory))
        self._wal = Wal(self.directory, self._segment_size, self._metrics)

    @property
    def is_open(self) -> bool:
        return self._wal is not None

    def write(self, encode: Callable[[int], bytes]) -> None:
        """`Wal.write`; nothing while closed."""
        if self._wal is not None:
            self._wal.write(encode)

    def cut(self) -> int:
        """Begins the next segment; gives its number. Only while open. Raises StorageError."""
        assert self._wal is not None
        return self._wal.cut()

    def sync_finished(self) -> None:
        if self._wal is not None:
            self._wal.sync_finished()

    def remove_before(self, number: int) -> None:
        """Removes the segments below `number`. Only while open. Raises StorageError."""
        assert self._wal is not None and self._metrics is not None
        self._metrics.truncations.inc()
        try:
            self._wal.remove_before(number)
        except StorageError:
            self._metrics.truncations_failed.inc()
            raise

    def close(self) -> None:
        if self._wal is not None:
            self._wal.close()


def remove_blocks(directory: Path, names: list[str]) -> None:
    """Takes back blocks of a compaction that broke off; what cannot be removed is logged: it repeats samples only."""
    for name in names:
        try:
            shutil.rmtree(directory / name)
        except OSError as e:
            log.warning("Cannot remove a block of a broken compaction", extra={"block": name, "err": str(e)})
