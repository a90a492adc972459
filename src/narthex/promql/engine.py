"""Runs queries: the door to this package."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import MappingProxyType

import numpy as np

from narthex.errors import PromQLError, QueryCanceled, QueryError, QueryTimeout, StorageError, TooManySamples
from narthex.instrument.registry import Registry
from narthex.native import (
    CanceledError,
    DecodeError,
    HistogramPool,
    LabelSets,
    LimitError,
    QueryBudget,
    raw_samples,
    sorted_rows,
    take_rows,
)
from narthex.promql.active_queries import ActiveQueries
from narthex.promql.annotations import Annotations
from narthex.promql.context import QueryContext, absent, histograms
from narthex.promql.evaluator import Evaluator
from narthex.promql.explain import ExplainingEvaluator
from narthex.promql.metrics import EngineMetrics
from narthex.promql.options import EngineOptions
from narthex.promql.parsed import ParseCache, Parsed, parse
from narthex.promql.query_log import QueryLog, log_entry
from narthex.promql.result import QueryResult, QueryStats, Sequences
from narthex.promql.selections import Selections, selector_ranges, subquery_grid
from narthex.promql.sharing import Sharing
from narthex.promql.step_reads import StepReads
from narthex.promql.syntax import Expr, SubqueryExpr, ValueType, resolve, unwrap
from narthex.promql.syntax.parser import MAX_HEIGHT
from narthex.promql.values import Matrix, QueryTimes, Scalar, Text, Value
from narthex.promql.watchdog import Watch, Watchdog
from narthex.promql.workers import Workers
from narthex.storage.contract import Queryable
from narthex.tasks.origin import Origin
from narthex.tasks.waiting import GIVEN_UP


class QueryHandle:
    """Lets another thread cancel a query, before or while it runs."""

    __slots__ = ("_budget", "canceled")

    def __init__(self) -> None:
        self._budget: QueryBudget | None = None
        self.canceled = False

    # Either side writes before it reads what the other writes, so one of them sees both without a lock.
    def cancel(self) -> None:
        self.canceled = True
        if (budget := self._budget) is not None:
            budget.cancel()

    def attach(self, budget: QueryBudget) -> None:
        """The engine's side: from now on `cancel` stops this budget."""
        self._budget = budget
        if self.canceled:
            budget.cancel()


_UNWATCHED = nullcontext()

INLINE_SAMPLES = 20_000
"""Samples that an inline query may have in memory: some tens of microseconds of work in kernels."""

_FRAMES = 16 * MAX_HEIGHT
"""Python frames that the evaluation of the tallest tree may take: up to twelve for each operator when it is explained.
They lie on the heap, so that a higher limit than Python's 1000 costs no thread its stack."""


@dataclass(slots=True)
class _Asked:
    """A query and how it is to be run; see Engine."""

    parsed: Parsed
    times: QueryTimes
    lookback_ms: int | None
    timeout_s: float | None
    handle: QueryHandle | None
    inline: bool
    origin: Origin
    explain: bool
    count_reads: bool


class Engine:
    """Evaluates expressions. Calls block and are meant for worker threads; any number may run, up to the limit.

    `start` and `end` are milliseconds, both inclusive; `lookback_ms` overrides the engine's. `inline` is for a query
    that is known to be quick and runs where nothing may block for long: it raises QueryTimeout when the engine is busy
    and TooManySamples beyond INLINE_SAMPLES. `origin` says who asks, for the query log; with `explain` the result tells
    what each part of the expression took, with `count_reads` its statistics tell how many samples each step read (both
    cost some time). All raise PromQLError (does not parse), QueryError and its kinds, and
    StorageError.
    """

    def __init__(self, options: EngineOptions, registry: Registry, active: ActiveQueries | None = None) -> None:
        """`active` has as many slots as queries may run."""
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _FRAMES))
        self.options = options
        self._active = active
        self._log: QueryLog | None = None
        self._metrics = EngineMetrics(registry)
        self._metrics.limit.set(options.max_concurrency)
        self._slots: SimpleQueue[int] = SimpleQueue()  # those in which no query runs
        for slot in range(options.max_concurrency):
            self._slots.put(slot)
        self._workers = Workers(options.threads)
        self._watchdog = Watchdog()
        self._parsed = ParseCache(lambda text: parse(text, options.parser))

    def close(self) -> None:
        """Stops the engine's threads; no query may run any more."""
        self._watchdog.close()
        self._workers.close()

    def set_log(self, log: QueryLog | None) -> None:
        """Where every query is logged from now on."""
        self._log = log
        self._metrics.log_enabled.set(0 if log is None else 1)

    @property
    def logs(self) -> bool:
        return self._log is not None

    def log_failed(self) -> None:
        """To be called for a query that could not be logged."""
        self._metrics.log_failures.inc()

    def result_json(self, result: QueryResult) -> Sequence[bytes]:
        """What stands in "result" of the API's response, made by all of a query's threads where it is large."""
        return result.result_json(self._workers)

    def parse(self, text: str) -> Parsed:
        """An expression with this engine's language features. Raises PromQLError."""
        return self._parsed.get(text)

    def instant(
        self,
        queryable: Queryable,
        expr: str | Parsed | Expr,
        time_ms: int,
        *,
        lookback_ms: int | None = None,
        timeout_s: float | None = None,
        handle: QueryHandle | None = None,
        inline: bool = False,
        origin: Origin = MappingProxyType({}),
        explain: bool = False,
        count_reads: bool = False,
    ) -> QueryResult:
        """The value at one time."""
        times = QueryTimes(time_ms, time_ms, 0)
        tree = self._tree(expr)
        asked = _Asked(tree, times, lookback_ms, timeout_s, handle, inline, origin, explain, count_reads)
        return self._run(queryable, asked)

    def range(
        self,
        queryable: Queryable,
        expr: str | Parsed | Expr,
        start: int,
        end: int,
        step: int,
        *,
        lookback_ms: int | None = None,
        timeout_s: float | None = None,
        handle: QueryHandle | None = None,
        inline: bool = False,
        origin: Origin = MappingProxyType({}),
        explain: bool = False,
        count_reads: bool = False,
    ) -> QueryResult:
        """The values at start, start + step, ... up to end: a matrix sorted by labels."""
        parsed = self._tree(expr)
        kind = parsed.tree.type
        if kind not in (ValueType.VECTOR, ValueType.SCALAR):
            raise PromQLError(
                f'invalid expression type "{kind.documented}" for range query, must be Scalar or instant Vector'
            )
        if step <= 0:
            raise QueryError("zero or negative query resolution step widths are not accepted")
        if end < start:
            raise QueryError("end timestamp must not be before start time")
        times = QueryTimes(start, end, step)
        asked = _Asked(parsed, times, lookback_ms, timeout_s, handle, inline, origin, explain, count_reads)
        return self._run(queryable, asked)

    def _tree(self, expr: str | Parsed | Expr) -> Parsed:
        if isinstance(expr, Parsed):
            return expr
        return self._parsed.get(expr) if isinstance(expr, str) else Parsed(str(expr), expr)

    def _run(self, queryable: Queryable, asked: _Asked) -> QueryResult:
        options, inline = self.options, asked.inline
        timeout = options.timeout_s if asked.timeout_s is None else min(asked.timeout_s, options.timeout_s)
        budget = QueryBudget(min(options.max_samples, INLINE_SAMPLES) if inline else options.max_samples)
        if asked.handle is not None:
            asked.handle.attach(budget)
        stats, error = QueryStats(), None
        begun = time.perf_counter()
        self._metrics.queries.inc()
        try:
            try:
                slot = self._slots.get(not inline, timeout)
            except Empty:
                raise QueryTimeout("query timed out in expression evaluation: the engine is busy") from None
            stats.queue_s = time.perf_counter() - begun
            try:
                if self._active is not None:
                    self._active.insert(slot, asked.parsed.text)
                with _UNWATCHED if inline else self._watchdog.watch(budget, timeout) as watch:
                    return self._guarded(queryable, asked, budget, stats, watch)
            finally:
                if self._active is not None:
                    self._active.remove(slot)
                self._slots.put(slot)
        except Exception as e:
            error = e
            raise
        finally:
            self._metrics.queries.inc(-1)
            self._measure(stats, time.perf_counter() - begun, budget)
            if (log := self._log) is not None:  # a reload may take it away at any time
                log(log_entry(asked.parsed.text, asked.times, stats, asked.origin, error))

    def _guarded(
        self, queryable: Queryable, asked: _Asked, budget: QueryBudget, stats: QueryStats, watch: Watch | None
    ) -> QueryResult:
        """Evaluates; what ends it early becomes one of the public errors."""
        waiting = GIVEN_UP.set(lambda: budget.canceled)
        try:
            return self._evaluate(queryable, asked, budget, stats)
        except (CanceledError, QueryCanceled):
            if watch is not None and watch.expired:
                raise QueryTimeout("query timed out in expression evaluation") from None
            raise QueryCanceled("query was canceled in expression evaluation") from None
        except RecursionError:
            raise QueryError("expression is nested too deeply to be evaluated") from None
        except LimitError as e:
            raise TooManySamples(str(e)) from None
        except DecodeError as e:
            raise StorageError(f"a chunk cannot be read: {e}") from e
        finally:
            GIVEN_UP.reset(waiting)

    def _measure(self, stats: QueryStats, total: float, budget: QueryBudget) -> None:
        stats.total_s = total
        stats.samples_read, stats.peak_samples = budget.read, budget.peak
        metrics = self._metrics
        metrics.queue_time.observe(stats.queue_s)
        metrics.prepare_time.observe(stats.prepare_s)
        metrics.inner_eval.observe(stats.inner_eval_s)
        metrics.result_sort.observe(stats.sort_s)
        metrics.samples.inc(stats.samples_read)

    def _evaluate(self, queryable: Queryable, asked: _Asked, budget: QueryBudget, stats: QueryStats) -> QueryResult:
        parsed, times = asked.parsed, asked.times
        options = self.options
        begun = time.perf_counter()
        tree = parsed.tree if parsed.fixed else _resolved(parsed, times)
        grid = times.grid()
        lookback = asked.lookback_ms or options.lookback_ms
        selections = Selections(queryable)
        try:
            ranges = selector_ranges(tree, grid, times, options.default_subquery_step_ms, lookback)
            repeated = selections.plan(ranges)
            notes = Annotations(parsed.text)
            pool = HistogramPool(budget)
            reads = StepReads(grid.count) if asked.count_reads else None
            context = QueryContext(
                options, times, lookback, budget, notes, selections, self._workers, pool, tree, reads
            )
            sharing = Sharing(tree, context.bucketless) if repeated and reads is None else None
            evaluator = (ExplainingEvaluator if asked.explain else Evaluator)(context, sharing)
            planned = time.perf_counter()
            if tree.type is ValueType.MATRIX:
                result = _raw_samples(evaluator, tree, times)
                ended = time.perf_counter()
            else:
                value = evaluator.eval(tree, grid)
                ended = time.perf_counter()
                result = _finished(context, value, times)
        finally:
            selections.close()
        if len(pool) and _has_histograms(result):
            result.pool = pool
        result.damage = selections.damage.texts()
        away = selections.warnings()
        if result.damage or away or len(notes):
            result.warnings, result.infos = [*result.damage, *away, *notes.warnings()], notes.infos()
        result.stats = stats
        if reads is not None:
            stats.reads = grid.times(), reads.per_step
        if isinstance(evaluator, ExplainingEvaluator):
            result.explained = evaluator.explained(tree)
        stats.prepare_s, stats.inner_eval_s, stats.sort_s = (
            planned - begun,
            ended - planned,
            time.perf_counter() - ended,
        )
        return result


def _resolved(parsed: Parsed, times: QueryTimes) -> Expr:
    try:
        return resolve(parsed.tree, times.step, times.end - times.start)
    except PromQLError as e:
        raise PromQLError(e.message, parsed.text, e.start, e.end) from None


def _finished(context: QueryContext, value: Value, times: QueryTimes) -> QueryResult:
    step = max(times.step, 1)
    match value:
        case Text():
            return QueryResult(ValueType.STRING, times.start, text=value.text)
        case Scalar() if not times.is_range:
            return QueryResult(ValueType.SCALAR, times.start, cells=value.row())
        case Scalar():
            labels = LabelSets()
            labels.add(())
            return QueryResult(ValueType.MATRIX, times.start, step, labels, value.row())
        case Matrix() if not times.is_range:
            done = context.finished(value)
            return QueryResult(ValueType.VECTOR, times.start, step, done.labels, done.cells)
    done = context.finished(value)
    order = sorted_rows(done.labels)
    if (order == np.arange(len(order))).all():
        return QueryResult(ValueType.MATRIX, times.start, step, done.labels, done.cells)
    cells = np.ascontiguousarray(done.cells[order])
    return QueryResult(ValueType.MATRIX, times.start, step, take_rows(done.labels, order), cells)


def _has_histograms(result: QueryResult) -> bool:
    cells = result.cells if result.sequences is None else result.sequences.values
    return bool(histograms(cells).any())


def _raw_samples(evaluator: Evaluator, tree: Expr, times: QueryTimes) -> QueryResult:
    """The samples of a range selector or subquery in an instant query, without stale markers."""
    context = evaluator.context
    grid = times.grid()
    inner = unwrap(tree)
    if isinstance(inner, SubqueryExpr):
        below = subquery_grid(inner, grid, times, context.options.default_subquery_step_ms)
        if below.count == 0:
            return QueryResult(ValueType.MATRIX, times.start, 1)
        with nullcontext() if context.reads is None else context.reads.subquery():
            done = context.finished(evaluator.vector(inner.expr, below))
        order = sorted_rows(done.labels)
        _count_raw(context, int(np.count_nonzero(~absent(done.cells))))
        return QueryResult(ValueType.MATRIX, below.start, below.step, take_rows(done.labels, order), done.cells[order])
    vector = evaluator.range_vector(inner, grid)
    rows, offsets, seen, values, unextended = raw_samples(
        vector.source, vector.grid.last, vector.range, vector.reach, vector.smoothed, context.budget, context.pool
    )
    if unextended:
        raise QueryError(f"{'smoothed' if vector.smoothed else 'anchored'} modifier is not supported with histograms")
    _count_raw(context, len(values))
    labels = take_rows(vector.labels, rows)
    return QueryResult(ValueType.MATRIX, times.start, 1, labels, sequences=Sequences(offsets, seen, values))


def _count_raw(context: QueryContext, samples: int) -> None:
    if context.reads is not None:
        context.reads.add(np.array([samples], dtype=np.int64))
