"""The query engine as the API and the rules see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from narthex.app.server.query_log import QueryLog
from narthex.errors import MustWait, NarthexError, QueryError, QueryTimeout, StorageError, TooManySamples
from narthex.instrument import Registry
from narthex.model.matcher import Matcher
from narthex.native import is_histogram_cell, take_rows
from narthex.promql.active_queries import ActiveQueries
from narthex.promql.engine import Engine, QueryHandle
from narthex.promql.options import EngineOptions
from narthex.promql.parsed import ParseCache, Parsed
from narthex.promql.result import QueryResult
from narthex.promql.syntax import (
    ParserOptions,
    ValueType,
    VectorSelector,
    parse_expr,
    parse_selector,
    prettify,
    to_json,
    walk,
)
from narthex.rules.contract import Sample
from narthex.storage.contract import Queryable
from narthex.tasks.origin import ORIGIN
from narthex.tasks.paces import Paces, shape
from narthex.tracing import OFF, Tracing
from narthex.web.reply import TRUNCATED
from narthex.web.sources import QueryAnswer, QueryOptions

MOST_TRACED = 4096  # characters of a query in its span


class Language:
    """web.sources.Language with the server's language features."""

    def __init__(self, options: ParserOptions) -> None:
        self._options = options
        self._selectors = ParseCache(parse_selector)

    def selector(self, text: str) -> Sequence[Matcher]:
        return self._selectors.get(text).matchers

    def selectors(self, query: str) -> Sequence[Sequence[Matcher]]:
        tree = parse_expr(query, self._options)
        return [node.matchers for node in walk(tree) if isinstance(node, VectorSelector)]

    def format(self, query: str) -> str:
        return prettify(parse_expr(query, self._options))

    def tree(self, query: str) -> Any:
        return to_json(parse_expr(query, self._options))


class Queries:
    """web.sources.QueryEngine and rules.contract.Evaluate over one engine and one storage."""

    def __init__(
        self,
        options: EngineOptions,
        storage: Queryable,
        registry: Registry,
        active: ActiveQueries | None = None,
        tracing: Tracing = OFF,
    ) -> None:
        self._tracing = tracing
        self._engine, self._storage = Engine(options, registry, active), storage
        self._log: QueryLog | None = None
        self.paces = Paces()

    def instant(self, query: str, time: int, options: QueryOptions) -> Prepared:
        return self._prepared(self._engine.parse(query), options, (time,))

    def range(self, query: str, start: int, end: int, step: int, options: QueryOptions) -> Prepared:
        parsed = self._engine.parse(query)
        if parsed.tree.type not in (ValueType.VECTOR, ValueType.SCALAR):
            kind = parsed.tree.type.documented
            raise QueryError(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')
        return self._prepared(parsed, options, (start, end, step))

    def _prepared(self, parsed: Parsed, options: QueryOptions, times: tuple[int, ...]) -> Prepared:
        return Prepared(self._engine, self._storage, self.paces, parsed, options, times, self._tracing)

    def evaluate(self, expression: str, time: int) -> list[Sample]:
        """The instant vector of an expression at a time (milliseconds); a scalar is one sample without labels.

        Raises StorageError when stored samples could not be read: a recorded value would hide that for ever.
        """
        with query_span(self._tracing, expression, (time,)):
            result = self._engine.instant(self._storage, expression, time, origin=ORIGIN.get({}))
        if result.damage:
            raise StorageError(result.damage[0])
        if result.kind is ValueType.SCALAR:
            return [Sample({}, float(result.cells[0, 0]))]
        if result.kind is not ValueType.VECTOR:
            raise QueryError("rule result is not a vector or scalar")
        cells = result.cells[:, 0].tolist()
        pool = result.pool
        if pool is None:
            return [Sample(result.labels[row], cell) for row, cell in enumerate(cells)]
        found = [(0.0, pool.value(cell)) if is_histogram_cell(cell) else (cell, None) for cell in cells]
        return [Sample(result.labels[row], *value) for row, value in enumerate(found)]

    def set_subquery_step(self, milliseconds: int) -> None:
        """The step of subqueries that name none: the global evaluation interval."""
        self._engine.options = replace(self._engine.options, default_subquery_step_ms=milliseconds)

    def set_log(self, path: str) -> None:
        """Opens the query log anew, so that a file that was moved away is made again; "" for none.

        Raises ConfigError, with the log before still in use.
        """
        log = QueryLog(path, self._engine.log_failed) if path else None
        self._engine.set_log(log.write if log is not None else None)
        self._log, old = log, self._log
        if old is not None:
            old.close()

    def close(self) -> None:
        self._engine.close()
        if self._log is not None:
            self._log.close()


class Prepared:
    """web.sources.PreparedQuery. `times` is one time, or start, end and step; milliseconds."""

    def __init__(
        self,
        engine: Engine,
        storage: Queryable,
        paces: Paces,
        parsed: Parsed,
        options: QueryOptions,
        times: tuple[int, ...],
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._engine, self._storage, self._paces, self._parsed = engine, storage, paces, parsed
        self._options, self._times = options, times
        self._handle = QueryHandle()
        self._origin = ORIGIN.get({})
        self._key = (parsed.text, options.lookback, *shape(times))

    def quick(self) -> QueryAnswer | None:
        if not self._paces.quick(self._key) or self._engine.logs:  # a file that is written may block
            return None
        try:
            return self._answer(inline=True)
        except (TooManySamples, QueryTimeout, MustWait):
            self._paces.forget(self._key)
            return None

    def run(self) -> QueryAnswer:
        return self._answer(inline=False)

    def _answer(self, inline: bool) -> QueryAnswer:
        options = self._options
        ask: Callable[..., QueryResult] = self._engine.instant if len(self._times) == 1 else self._engine.range
        begun = self._paces.now()
        with query_span(self._tracing, self._parsed.text, self._times):
            result = ask(
                self._storage,
                self._parsed,
                *self._times,
                lookback_ms=options.lookback or None,
                timeout_s=options.timeout or None,
                handle=self._handle,
                inline=inline,
                origin=self._origin,
                explain=options.explain,
                count_reads=bool(options.stats),
            )
        warnings = list(result.warnings)
        if options.limit and result.rows > options.limit:
            result = limited(result, options.limit)
            warnings.append(TRUNCATED)
        per_step = options.stats == "all" and self._engine.options.per_step_stats
        stats = orjson.dumps(result.stats.fields(per_step=per_step)) if options.stats else b""
        explain = orjson.dumps(result.explained.fields()) if result.explained else b""
        answer = QueryAnswer(
            result.kind.value, self._engine.result_json(result), warnings, result.infos, stats, explain
        )
        self._paces.took(self._key, self._paces.now() - begun)
        return answer

    def cancel(self) -> None:
        self._handle.cancel()


def about(query: str, times: tuple[int, ...]) -> Mapping[str, str | int]:
    """What a span of a query tells; times are milliseconds."""
    return {"query": query[:MOST_TRACED]} | dict(zip(("start", "end", "step"), times, strict=False))


_UNTRACED = nullcontext()


def query_span(tracing: Tracing, query: str, times: tuple[int, ...]) -> AbstractContextManager[None]:
    """The span of a query; the kind of a failure goes there."""
    return _query_span(tracing, query, times) if tracing.on else _UNTRACED


@contextmanager
def _query_span(tracing: Tracing, query: str, times: tuple[int, ...]) -> Iterator[None]:
    with tracing.span("query", about(query, times)) as span:
        try:
            yield
        except NarthexError as e:
            span.failed(type(e).__name__)
            raise


def limited(result: QueryResult, rows: int) -> QueryResult:
    """The first `rows` series of a vector or matrix."""
    labels = take_rows(result.labels, np.arange(rows, dtype=np.int64))
    if result.sequences is not None:
        return replace(result, labels=labels, sequences=result.sequences.first(rows))
    return replace(result, labels=labels, cells=np.ascontiguousarray(result.cells[:rows]))
