"""What a query answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex.native import HistogramPool, LabelSets, matrix_json, point_json, samples_json, text_json, vector_json
from narthex.promql.syntax import ValueType
from narthex.promql.values import Cells
from narthex.promql.workers import Workers

POINTS_WORTH_A_THREAD = 10_000


@dataclass(frozen=True)
class Sequences:
    """Raw samples: the answer of an instant query `x[5m]`. Row i has [offsets[i], offsets[i + 1]) of the columns."""

    offsets: NDArray[np.uint64]
    times: NDArray[np.int64]  # milliseconds
    values: NDArray[np.float64]

    def row(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one row."""
        own = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        return self.times[own], self.values[own]

    def first(self, rows: int) -> Sequences:
        """The same of that many rows only."""
        return Sequences(self.offsets[: rows + 1], self.times, self.values)


@dataclass(slots=True)
class QueryStats:
    """Seconds and samples, as far as they are measured."""

    total_s: float = 0.0
    prepare_s: float = 0.0
    inner_eval_s: float = 0.0
    sort_s: float = 0.0
    queue_s: float = 0.0
    samples_read: int = 0
    peak_samples: int = 0
    reads: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    """Times of the steps (milliseconds) and how many samples each read, if they were counted."""

    def fields(self, *, per_step: bool = False) -> Mapping[str, Mapping[str, Any]]:
        """The API's `stats`. Without `reads`, samples count as read once, however many steps use them."""
        timings = {
            "evalTotalTime": self.prepare_s + self.inner_eval_s + self.sort_s,
            "resultSortTime": self.sort_s,
            "queryPreparationTime": self.prepare_s,
            "innerEvalTime": self.inner_eval_s,
            "execQueueTime": self.queue_s,
            "execTotalTime": self.total_s,
        }
        samples: dict[str, Any] = {
            "totalQueryableSamples": self.samples_read if self.reads is None else int(self.reads[1].sum()),
            "peakSamples": self.peak_samples,
            "samplesRead": self.samples_read,
        }
        if per_step and self.reads is not None:
            steps = zip(*(column.tolist() for column in self.reads), strict=True)
            samples["totalQueryableSamplesPerStep"] = [[t / 1000 if t % 1000 else t // 1000, n] for t, n in steps]
        return {"timings": timings, "samples": samples}


@dataclass(slots=True)
class Explained:
    """One part with those below it, which its figures include.

    `evaluations` says how often it was evaluated by itself (0: its parent's kernel did its work on the way, or, when
    `reused`, an equal part elsewhere had its value). `steps` is at how many times it was evaluated, 1 where the value
    does not change; `series` are rows of the last evaluation.
    """

    head: str
    kind: str
    seconds: float = 0.0
    samples: int = 0
    series: int = 0
    steps: int = 0
    evaluations: int = 0
    reused: int = 0
    below: Sequence[Explained] = field(default_factory=tuple)

    def fields(self) -> dict[str, Any]:
        """As JSON values, in the API's spelling."""
        return {
            "node": self.head,
            "type": self.kind,
            "evaluations": self.evaluations,
            "reused": self.reused,
            "steps": self.steps,
            "series": self.series,
            "samplesRead": self.samples,
            "seconds": self.seconds,
            "children": [part.fields() for part in self.below],
        }

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Explained:
        """What `fields` gave."""
        return cls(
            fields["node"],
            fields["type"],
            fields["seconds"],
            fields["samplesRead"],
            fields["series"],
            fields["steps"],
            fields["evaluations"],
            fields["reused"],
            tuple(map(cls.of_fields, fields["children"])),
        )

    def lines(self, level: int = 0) -> Iterator[str]:
        """As a table: node, milliseconds, samples, series x steps."""
        if self.evaluations:
            done = f"{self.seconds * 1000:9.3f} ms {self.samples:>12,} samples {self.series:>9,} x {self.steps:,}"
        else:
            done = "   reused" if self.reused else "   with the part above"
        yield f"{'  ' * level + self.head:<60} {done}"
        for part in self.below:
            yield from part.lines(level + 1)


@dataclass(slots=True)
class QueryResult:
    """For reading only once the engine has given it away. `kind` tells which fields count.

    VECTOR: `labels` and `cells` of one column, all at `start` (milliseconds). MATRIX: cells over start, start + step,
    ...; absent cells are stale markers; or `sequences` for raw samples. SCALAR: one cell. STRING: `text`.
    Rows always have a value somewhere.
    """

    kind: ValueType
    start: int
    step: int = 1
    labels: LabelSets = field(default_factory=LabelSets)
    cells: Cells = field(default_factory=lambda: np.empty((0, 0)))
    text: str = ""
    sequences: Sequences | None = None
    pool: HistogramPool | None = None
    """The native histograms that cells refer to; None when there are none."""
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    """What storage could not read, in words; it stands in `warnings` too."""
    stats: QueryStats = field(default_factory=QueryStats)
    explained: Explained | None = None
    """What each part of the expression took, if that was asked for."""

    @property
    def rows(self) -> int:
        return len(self.labels)

    def result_json(self, workers: Workers | None = None) -> Sequence[bytes]:
        """What stands in "result" of the API's response, in parts, which `workers` may make side by side."""
        match self.kind:
            case ValueType.VECTOR:
                return (vector_json(self.labels, self.cells, self.start, self.pool),)
            case ValueType.SCALAR:
                return (point_json(self.start, float(self.cells[0, 0])),)
            case ValueType.STRING:
                return (text_json(self.start, self.text),)
            case _ if self.sequences is not None:
                own = self.sequences
                return (samples_json(self.labels, own.offsets, own.times, own.values, self.pool),)
            case _ if workers is None or self.cells.size < POINTS_WORTH_A_THREAD:
                return (matrix_json(self.labels, self.cells, self.start, self.step, self.pool),)
        parts: dict[int, bytes] = {}

        def write(first: int, last: int) -> None:
            parts[first] = matrix_json(self.labels, self.cells, self.start, self.step, self.pool, first, last)

        workers.each(self.rows, True, write)
        return [parts[first] for first in sorted(parts)]

    def json(self) -> bytes:
        """The API's `data` object, without stats."""
        return b'{"resultType":"%s","result":%s}' % (self.kind.value.encode(), b"".join(self.result_json()))
