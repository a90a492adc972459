"""Following the log: whatever is written to it goes into the outbox of one endpoint."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from narthex.errors import StorageError
from narthex.files.zstd import decompress
from narthex.model.labels import Labels
from narthex.model.relabel import RelabelRule, process
from narthex.native import Outbox, OutboxStop
from narthex.remote.write_position import Place
from narthex.tsdb.checkpoint import last_checkpoint
from narthex.tsdb.wal import PAGE, list_segments, segment_name

log = logging.getLogger(__name__)

READ_BYTES = 1024 * 1024


class LogFollower:
    """Reads segment after segment, each as far as it is written. Call from one thread at a time; calls block."""

    def __init__(self, directory: Path, outbox: Outbox, rules: Sequence[RelabelRule], capacity: int) -> None:
        """`capacity` entries a shard, then reading waits; one record more may come."""
        self._directory, self._outbox, self._rules, self._capacity = directory, outbox, rules, capacity
        self._fd, self._open = -1, -1
        self._checkpoint = -1
        self.place = Place(0, 0)
        self.end_at_start = Place(0, 0)
        """Where the log ended when following began: what was sent before may come again up to here."""

    def start(self, wanted: Place | None) -> None:
        """Learns the series of all that lies before the place to start from: `wanted`, or else the log's end.

        Raises StorageError, CorruptionError.
        """
        segments = list_segments(self._directory)
        last = segments[-1]
        self.end_at_start = Place(last.number, last.path.stat().st_size)
        place = self.end_at_start
        if wanted is not None and wanted <= self.end_at_start:
            place = wanted
            if wanted.segment < segments[0].number:
                self._lost(wanted.segment, segments[0].number)
                place = Place(segments[0].number, 0)
        self._learn_checkpoint()
        for segment in segments:
            if self._checkpoint < segment.number < place.segment:
                self._series(segment.path, segment.number, None)
        if place.offset:
            self._series(self._directory / segment_name(place.segment), place.segment, place.offset)
        self._go_to(place)

    def step(self, mint: int) -> OutboxStop:
        """Takes what is there, until the end of the log (END) or until the outbox is full (FULL)."""
        while True:
            following = (self._directory / segment_name(self.place.segment + 1)).exists()
            if not self._opened():
                if not self._skip_missing():
                    return OutboxStop.END
                continue
            size = os.fstat(self._fd).st_size
            stop, at = self._read(self._fd, self.place, size, complete=following, mint=mint)
            self.place = at
            if stop == OutboxStop.FULL:
                return stop
            if not following:
                return OutboxStop.END
            self._go_to(Place(self.place.segment + 1, 0))
            self._forget()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = self._open = -1

    def _go_to(self, place: Place) -> None:
        self.place = place
        self._outbox.read(
            b"", 0, *place, complete=False, series_only=False, capacity=self._capacity, mint=0, zstd=decompress
        )

    def _opened(self) -> bool:
        if self._open == self.place.segment:
            return True
        self.close()
        try:
            self._fd = os.open(self._directory / segment_name(self.place.segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as e:
            raise StorageError(f"{self._directory}: cannot follow the log: {e.strerror}") from e
        self._open = self.place.segment
        return True

    def _skip_missing(self) -> bool:
        later = [s.number for s in list_segments(self._directory) if s.number > self.place.segment]
        if not later:
            return False
        self._lost(self.place.segment, later[0])
        self._learn_checkpoint()
        self._go_to(Place(later[0], 0))
        return True

    def _lost(self, first: int, found: int) -> None:
        log.error("Log segments were removed before everything in them was sent", extra={"first": first, "next": found})

    def _read(
        self, fd: int, place: Place, end: int, *, complete: bool, mint: int = 0, series_only: bool = False
    ) -> tuple[OutboxStop, Place]:
        """Up to byte `end` of a segment. Larger pieces are read where a record does not end in one."""
        number, offset = place
        size = READ_BYTES
        while offset < end:
            base = offset - offset % PAGE
            piece = os.pread(fd, min(size, end - base), base)
            whole = base + len(piece) >= end
            stop, done = self._outbox.read(
                piece,
                offset - base,
                number,
                base,
                complete=complete and whole,
                series_only=series_only,
                capacity=self._capacity,
                mint=mint,
                zstd=decompress,
            )
            moved, offset = base + done > offset, base + done
            if stop == OutboxStop.UNDECIDED:
                self._decide()
            elif stop == OutboxStop.FULL or (whole and stop in (OutboxStop.END, OutboxStop.FAULT)):
                return stop, Place(number, offset)
            elif not moved:
                size *= 2
        return OutboxStop.END, Place(number, offset)

    def _decide(self) -> None:
        answers = []
        for pairs in self._outbox.undecided():
            labels = process(Labels(pairs), self._rules)
            answers.append(labels.pairs() if labels else None)
        self._outbox.decide(answers)

    def _series(self, path: Path, number: int, end: int | None) -> None:
        """Learns the series of a file, which count as of segment `number`."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                end = os.fstat(fd).st_size if end is None else end
                self._read(fd, Place(number, 0), end, complete=True, series_only=True)
            finally:
                os.close(fd)
        except OSError as e:
            raise StorageError(f"{path}: cannot read the log: {e.strerror}") from e

    def _learn_checkpoint(self) -> None:
        found = last_checkpoint(self._directory)
        if found is None or found.number == self._checkpoint:
            return
        for segment in list_segments(found.path):
            self._series(segment.path, found.number + 1, None)
        self._checkpoint = found.number

    def _forget(self) -> None:
        """Series that a new checkpoint has no more are forgotten."""
        before = self._checkpoint
        found = last_checkpoint(self._directory)
        if found is None or found.number == before or found.number >= self.place.segment:
            return
        self._learn_checkpoint()
        self._outbox.forget_before(self._checkpoint + 1)
