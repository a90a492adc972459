"""Samples by key on disk, so that a sort of any number of them takes a bounded amount of memory."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.storage.contract import Times, Values

Rows = NDArray[np.uint32]
Columns = tuple[Rows, Times, Values]
"""Samples as columns of equal length: series, milliseconds, value."""

BATCH = 2 << 20
"""Samples that wait in memory until they go to disk together."""


class Spool:
    """A file without a name: it goes away with the process, whatever ends it. Not safe for concurrent use."""

    def __init__(self, directory: Path, batch: int = BATCH) -> None:
        """The file lies on the file system of `directory`. Raises StorageError."""
        self._batch = batch
        self._waiting: list[tuple[NDArray[np.int64], Columns]] = []
        self._count = 0
        self._stretches: dict[int, list[tuple[int, int]]] = {}  # key: where in the file and how many samples
        self._sizes: dict[int, int] = {}
        try:
            self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # as long as the spool
        except OSError as e:
            raise StorageError(f"{directory}: cannot make a temporary file: {e.strerror}") from e
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, keys: NDArray[np.int64], rows: Rows, times: Times, values: Values) -> None:
        """Columns of equal length, one key a sample. Raises StorageError."""
        if not len(keys):
            return
        self._waiting.append((keys, (rows, times, values)))
        self._count += len(keys)
        if self._count >= self._batch:
            self._flush()

    def used_keys(self) -> list[int]:
        """Ascending."""
        self._flush()
        return sorted(self._sizes)

    def size(self, key: int) -> int:
        """Number of samples."""
        self._flush()
        return self._sizes.get(key, 0)

    def read(self, key: int) -> Iterator[Columns]:
        """The samples of a key in the order in which they came. Raises StorageError."""
        self._flush()
        for offset, count in self._stretches.get(key, ()):
            yield self._load(offset, count)

    def _flush(self) -> None:
        waiting, self._waiting, self._count = self._waiting, [], 0
        if not waiting:
            return
        keys = _joined([k for k, _ in waiting])
        columns = [_joined([c[i] for _, c in waiting]) for i in range(3)]
        low, high = int(keys.min()), int(keys.max())
        if low == high:
            self._write(low, columns)
            return
        # Few distinct keys as a rule: a radix sort on 16 bits, which keeps equal keys in order.
        narrow = (keys - low).astype(np.uint16) if high - low < 1 << 16 else keys
        order = np.argsort(narrow, kind="stable")
        keys = keys[order]
        columns = [column[order] for column in columns]
        starts = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist(), len(keys)]
        for first, last in itertools.pairwise(starts):
            self._write(int(keys[first]), [column[first:last] for column in columns])

    def _write(self, key: int, columns: list[NDArray[np.generic]]) -> None:
        count = len(columns[0])
        self._stretches.setdefault(key, []).append((self._end, count))
        self._sizes[key] = self._sizes.get(key, 0) + count
        try:
            for column in columns:
                rest = np.ascontiguousarray(column).view(np.uint8).data
                self._end += len(rest)
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError as e:
            raise StorageError(f"cannot write to a temporary file: {e.strerror}") from e

    def _load(self, offset: int, count: int) -> Columns:
        try:
            self._file.seek(offset)
            return (
                np.fromfile(self._file, dtype=np.uint32, count=count),
                np.fromfile(self._file, dtype=np.int64, count=count),
                np.fromfile(self._file, dtype=np.float64, count=count),
            )
        except OSError as e:
            raise StorageError(f"cannot read a temporary file: {e.strerror}") from e


def _joined(arrays: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
