"""Joins the test-script runner with the real engine and a head in a temporary directory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from narthex.errors import PromQLScriptError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.number import is_stale
from narthex.native import is_histogram_cell
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.promqltest.outcome import Matrix, Outcome, SampleValue, Scalar, Text, Value, Vector
from narthex.promql.promqltest.runner import (
    LOOKBACK_MS,
    MAX_SAMPLES,
    OPTIONS,
    SUBQUERY_STEP_MS,
    Verdict,
    run_script,
)
from narthex.promql.promqltest.script import parse_script
from narthex.promql.result import QueryResult
from narthex.promql.syntax import ValueType
from narthex.promql.syntax.histogram_literal import HINTS, HistogramLiteral
from narthex.storage.contract import Appender, Querier, Queryable
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings

_CHUNK_RANGE = 24 * 86_400_000
"""Milliseconds, about the longest that a head takes: series may be loaded one after the other from time zero on."""
_SEGMENT = 32 * 1024 * 1024
_SETTINGS = HeadSettings(xor2=True, histogram_starts=True, store_starts=True)


@dataclass(frozen=True)
class FileReport:
    """Of one script. `error` tells why it could not be run to its end, empty when it was."""

    path: str
    verdicts: tuple[Verdict, ...]
    error: str = ""

    @property
    def passed(self) -> int:
        return sum(v.passed for v in self.verdicts)

    @property
    def failed(self) -> int:
        return len(self.verdicts) - self.passed + bool(self.error)


def run_files(paths: list[Path]) -> Iterator[FileReport]:
    """Runs each script with an engine of its own."""
    for path in paths:
        yield _run_file(path)


def _run_file(path: Path) -> FileReport:
    try:
        commands = parse_script(path.read_text(encoding="utf-8"), str(path))
    except PromQLScriptError as e:
        return FileReport(str(path), (), f"{e.file}:{e.line}: {e.message}")
    except (OSError, UnicodeDecodeError) as e:
        return FileReport(str(path), (), f"{path}: cannot be read: {e}")
    with _engine() as engine:
        return FileReport(str(path), tuple(run_script(commands, engine, _TemporaryHead)))


@contextmanager
def _engine() -> Iterator[_Engine]:
    options = EngineOptions(
        lookback_ms=LOOKBACK_MS,
        max_samples=MAX_SAMPLES,
        timeout_s=100.0,
        default_subquery_step_ms=SUBQUERY_STEP_MS,
        delayed_name_removal=True,
        use_start_timestamps=True,
        threads=1,
        parser=OPTIONS,
    )
    engine = Engine(options, Registry())
    try:
        yield _Engine(engine)
    finally:
        engine.close()


class _TemporaryHead:
    """A head whose log lies in a directory that goes away with it."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="narthex-promqltest-"))
            self.head, _ = Head.open(Path(folder), Registry(), _CHUNK_RANGE, _SEGMENT, settings=_SETTINGS)
            stack.callback(self.head.close)
            self._stack = stack.pop_all()

    def appender(self) -> Appender:
        return self.head.appender()

    def querier(self, mint: int, maxt: int) -> Querier:
        return self.head.querier(mint, maxt)

    def close(self) -> None:
        self._stack.close()


class _Engine:
    """The engine as the runner wants it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def instant(self, storage: Queryable, expr: str, time_ms: int) -> Outcome:
        return _outcome(self._engine.instant(storage, expr, time_ms))

    def range(self, storage: Queryable, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Outcome:
        return _outcome(self._engine.range(storage, expr, start_ms, end_ms, step_ms))


def _outcome(result: QueryResult) -> Outcome:
    return Outcome(_value(result), tuple(result.warnings), tuple(result.infos))


def _value(result: QueryResult) -> Value:
    match result.kind:
        case ValueType.STRING:
            return Text(result.text)
        case ValueType.SCALAR:
            return Scalar(float(result.cells[0, 0]))
        case ValueType.VECTOR:
            cells = result.cells[:, 0].tolist()
            return Vector(tuple((_labels(result, row), _sample(result, cells[row])) for row in range(result.rows)))
        case _:
            return Matrix(tuple((_labels(result, row), _points(result, row)) for row in range(result.rows)))


def _labels(result: QueryResult, row: int) -> Labels:
    return Labels(result.labels[row])


def _points(result: QueryResult, row: int) -> tuple[tuple[int, SampleValue], ...]:
    if result.sequences is not None:
        times, values = result.sequences.row(row)
        return tuple((t, _sample(result, v)) for t, v in zip(times.tolist(), values.tolist(), strict=True))
    cells = np.asarray(result.cells[row])
    steps = range(result.start, result.start + result.step * len(cells), result.step)
    return tuple((t, _sample(result, v)) for t, v in zip(steps, cells.tolist(), strict=True) if not is_stale(v))


def _sample(result: QueryResult, cell: float) -> SampleValue:
    """The number or histogram that a cell stands for."""
    if result.pool is None or not is_histogram_cell(cell):
        return cell
    plain = result.pool.plain(cell)
    return HistogramLiteral(
        schema=plain["schema"],
        sum=plain["sum"],
        count=plain["count"],
        zero_count=plain["zero_count"],
        zero_threshold=plain["zero_threshold"],
        custom_values=tuple(plain["bounds"]),
        positive=tuple(plain["positive"]),
        negative=tuple(plain["negative"]),
        hint=HINTS[plain["hint"]],
    )
