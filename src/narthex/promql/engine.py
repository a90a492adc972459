"""Runs queries: the door to this package."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np

from narthex.errors import PromQLError, QueryCanceled, QueryError, QueryTimeout, StorageError, TooManySamples
from narthex.instrument.registry import Registry
from narthex.native import (
    CanceledError,
    DecodeError,
    LabelSets,
    LimitError,
    QueryBudget,
    sorted_rows,
    take_rows,
    window_samples,
)
from narthex.promql.annotations import Annotations
from narthex.promql.context import QueryContext
from narthex.promql.evaluator import Evaluator, unwrap
from narthex.promql.metrics import EngineMetrics
from narthex.promql.options import EngineOptions
from narthex.promql.result import QueryResult, QueryStats, Sequences
from narthex.promql.selections import Selections, selector_ranges, subquery_grid
from narthex.promql.syntax import Expr, SubqueryExpr, ValueType, parse_expr, resolve
from narthex.promql.values import Matrix, QueryTimes, Scalar, Text, Value
from narthex.promql.watchdog import Watchdog
from narthex.promql.workers import Workers
from narthex.storage.contract import Queryable


class QueryHandle:
    """Lets another thread cancel a query, before or while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._budget: QueryBudget | None = None
        self.canceled = False

    def cancel(self) -> None:
        with self._lock:
            self.canceled = True
            if self._budget is not None:
                self._budget.cancel()

    def attach(self, budget: QueryBudget) -> None:
        """The engine's side: from now on `cancel` stops this budget."""
        with self._lock:
            self._budget = budget
            if self.canceled:
                budget.cancel()


class Engine:
    """Evaluates expressions. Calls block and are meant for worker threads; any number may run, up to the limit.

    `start` and `end` are milliseconds, both inclusive; `lookback_ms` overrides the engine's. All raise PromQLError
    (does not parse), QueryError and its kinds, and StorageError.
    """

    def __init__(self, options: EngineOptions, registry: Registry) -> None:
        self.options = options
        self._metrics = EngineMetrics(registry)
        self._metrics.limit.set(options.max_concurrency)
        self._slots = threading.BoundedSemaphore(options.max_concurrency)
        self._workers = Workers(options.threads)
        self._watchdog = Watchdog()

    def close(self) -> None:
        """Stops the engine's threads; no query may run any more."""
        self._watchdog.close()
        self._workers.close()

    def parse(self, text: str) -> Expr:
        """The tree of an expression with this engine's language features."""
        return parse_expr(text, self.options.parser)

    def instant(
        self,
        queryable: Queryable,
        expr: str | Expr,
        time_ms: int,
        *,
        lookback_ms: int | None = None,
        timeout_s: float | None = None,
        handle: QueryHandle | None = None,
    ) -> QueryResult:
        """The value at one time."""
        tree, text = self._tree(expr)
        times = QueryTimes(time_ms, time_ms, 0)
        return self._run(queryable, tree, text, times, lookback_ms, timeout_s, handle)

    def range(
        self,
        queryable: Queryable,
        expr: str | Expr,
        start: int,
        end: int,
        step: int,
        *,
        lookback_ms: int | None = None,
        timeout_s: float | None = None,
        handle: QueryHandle | None = None,
    ) -> QueryResult:
        """The values at start, start + step, ... up to end: a matrix sorted by labels."""
        tree, text = self._tree(expr)
        if tree.type not in (ValueType.VECTOR, ValueType.SCALAR):
            raise PromQLError(
                f'invalid expression type "{tree.type.documented}" for range query, must be Scalar or instant Vector'
            )
        if step <= 0:
            raise QueryError("zero or negative query resolution step widths are not accepted")
        if end < start:
            raise QueryError("end timestamp must not be before start time")
        return self._run(queryable, tree, text, QueryTimes(start, end, step), lookback_ms, timeout_s, handle)

    def _tree(self, expr: str | Expr) -> tuple[Expr, str]:
        if isinstance(expr, str):
            return self.parse(expr), expr
        return expr, str(expr)

    def _run(
        self,
        queryable: Queryable,
        tree: Expr,
        text: str,
        times: QueryTimes,
        lookback_ms: int | None,
        timeout_s: float | None,
        handle: QueryHandle | None,
    ) -> QueryResult:
        options = self.options
        timeout = options.timeout_s if timeout_s is None else min(timeout_s, options.timeout_s)
        budget = QueryBudget(options.max_samples)
        if handle is not None:
            handle.attach(budget)
        begun = time.perf_counter()
        self._metrics.queries.inc()
        try:
            if not self._slots.acquire(timeout=timeout):
                raise QueryTimeout("query timed out in expression evaluation: the engine is busy")
            queued = time.perf_counter() - begun
            try:
                with self._watchdog.watch(budget, timeout) as watch:
                    try:
                        result = self._evaluate(queryable, tree, text, times, lookback_ms, budget)
                    except CanceledError:
                        if watch.expired:
                            raise QueryTimeout("query timed out in expression evaluation") from None
                        raise QueryCanceled("query was canceled in expression evaluation") from None
                    except RecursionError:
                        raise QueryError("expression is nested too deeply to be evaluated") from None
            finally:
                self._slots.release()
        except LimitError as e:
            raise TooManySamples(str(e)) from None
        except DecodeError as e:
            raise StorageError(f"a chunk cannot be read: {e}") from e
        finally:
            self._metrics.queries.inc(-1)
        return self._measured(result, begun, queued, budget)

    def _measured(self, result: QueryResult, begun: float, queued: float, budget: QueryBudget) -> QueryResult:
        stats = replace(
            result.stats,
            total_s=time.perf_counter() - begun,
            queue_s=queued,
            samples_read=budget.read,
            peak_samples=budget.peak,
        )
        self._metrics.queue_time.observe(queued)
        self._metrics.prepare_time.observe(stats.prepare_s)
        self._metrics.inner_eval.observe(stats.inner_eval_s)
        self._metrics.result_sort.observe(stats.sort_s)
        self._metrics.samples.inc(budget.read)
        return replace(result, stats=stats)

    def _evaluate(
        self,
        queryable: Queryable,
        tree: Expr,
        text: str,
        times: QueryTimes,
        lookback_ms: int | None,
        budget: QueryBudget,
    ) -> QueryResult:
        options = self.options
        begun = time.perf_counter()
        try:
            tree = resolve(tree, times.step, times.end - times.start)
        except PromQLError as e:
            raise PromQLError(e.message, text, e.start, e.end) from None
        grid = times.grid()
        lookback = lookback_ms or options.lookback_ms
        selections = Selections(queryable)
        try:
            selections.plan(selector_ranges(tree, grid, times, options.default_subquery_step_ms, lookback))
            notes = Annotations(text)
            context = QueryContext(options, times, lookback, budget, notes, selections, self._workers)
            evaluator = Evaluator(context)
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
        stats = QueryStats(prepare_s=planned - begun, inner_eval_s=ended - planned, sort_s=time.perf_counter() - ended)
        return replace(result, warnings=notes.warnings(), infos=notes.infos(), stats=stats)


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


def _raw_samples(evaluator: Evaluator, tree: Expr, times: QueryTimes) -> QueryResult:
    """The samples of a range selector or subquery in an instant query, without stale markers."""
    context = evaluator.context
    grid = times.grid()
    inner = unwrap(tree)
    if isinstance(inner, SubqueryExpr):
        below = subquery_grid(inner, grid, times, context.options.default_subquery_step_ms)
        if below.count == 0:
            return QueryResult(ValueType.MATRIX, times.start, 1)
        done = context.finished(evaluator.vector(inner.expr, below))
        order = sorted_rows(done.labels)
        return QueryResult(ValueType.MATRIX, below.start, below.step, take_rows(done.labels, order), done.cells[order])
    vector = evaluator.range_vector(inner, grid)
    kept, rows = [], []
    for row in range(len(vector.labels)):
        context.budget.check()
        columns = window_samples(vector.source, row, vector.grid.last, vector.range, vector.reach, vector.smoothed)
        if len(columns[0]):
            context.budget.hold(len(columns[0]))
            kept.append(row)
            rows.append(columns)
    labels = take_rows(vector.labels, np.array(kept, dtype=np.int64))
    return QueryResult(ValueType.MATRIX, times.start, 1, labels, sequences=Sequences(rows))
