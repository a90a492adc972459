"""Splitting the rows of one kernel call over a few threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

PIECES_A_THREAD = 4  # rows differ in cost: smaller pieces even that out

T = TypeVar("T")


class Workers:
    """A pool that helps the calling thread. Kernels release the GIL, so pieces run side by side."""

    def __init__(self, threads: int) -> None:
        """`threads` counts the caller: 1 means that everything runs there."""
        self.threads = max(1, threads)
        self._pool = (
            ThreadPoolExecutor(self.threads - 1, thread_name_prefix="promql-kernel") if self.threads > 1 else None
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def each(self, rows: int, split: bool, run: Callable[[int, int], None]) -> None:
        """Calls run(first, last) for disjoint ranges that cover all rows; the first exception is raised."""
        if self._alone(rows, split):
            run(0, rows)
        else:
            self.fold(rows, split, lambda: None, lambda _, first, last: run(first, last))

    def _alone(self, rows: int, split: bool) -> bool:
        return not split or rows < 2 or self._pool is None

    def fold(self, rows: int, split: bool, make: Callable[[], T], run: Callable[[T, int, int], None]) -> list[T]:
        """As `each`, with one state a thread, which `run` gets; gives the states."""
        if self._pool is None or self._alone(rows, split):
            state = make()
            run(state, 0, rows)
            return [state]
        pieces = min(rows, self.threads * PIECES_A_THREAD)
        bounds = [rows * i // pieces for i in range(pieces + 1)]
        todo: Iterator[tuple[int, int]] = iter(itertools.pairwise(bounds))
        lock = threading.Lock()

        def work() -> T:
            state = make()
            while True:
                with lock:
                    piece = next(todo, None)
                if piece is None:
                    return state
                run(state, *piece)

        others = [self._pool.submit(work) for _ in range(min(self.threads, pieces) - 1)]
        try:
            states = [work()]
        except BaseException:
            with lock:
                todo = iter(())
            for other in others:
                other.exception()
            raise
        return states + [other.result() for other in others]
