"""/query, /query_range, /query_exemplars, /format_query and /parse_query."""

from __future__ import annotations

from narthex.errors import PromQLError, QueryError, RequestError
from narthex.model.labels import quote
from narthex.native import format_value
from narthex.web.context import Context, need
from narthex.web.parameters import MAX_TIME, MIN_TIME, Parameters, bad_parameter, parse_seconds
from narthex.web.reply import Reply, json_reply
from narthex.web.sources import PreparedQuery, QueryAnswer, QueryOptions
from narthex.web.work import Work

MOST_POINTS = 11_000
_STATS = ("", "true", "all")
_OPTIONAL = frozenset({"limit", "timeout", "lookback_delta", "stats", "explain"})
_NO_OPTIONS = QueryOptions()


def query(context: Context, parameters: Parameters) -> Work:
    options, timeout = _options(context, parameters)
    at = parameters.time("time", int(context.clock.now() * 1000))
    try:
        prepared = need(context.engine, "the query engine").instant(parameters.text("query"), at, options)
    except (PromQLError, QueryError) as e:
        raise bad_parameter("query", str(e)) from None
    return _work(context, parameters, prepared, timeout)


def query_range(context: Context, parameters: Parameters) -> Work:
    start, end = parameters.time("start"), parameters.time("end")
    if end < start:
        raise bad_parameter("end", "end timestamp must not be before start time")
    step = round(parameters.duration("step") * 1000)
    if step <= 0:
        raise bad_parameter(
            "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if (end - start) // step > MOST_POINTS:
        raise RequestError(
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        )
    options, timeout = _options(context, parameters)
    try:
        engine = need(context.engine, "the query engine")
        prepared = engine.range(parameters.text("query"), start, end, step, options)
    except (PromQLError, QueryError) as e:
        raise bad_parameter("query", str(e)) from None
    return _work(context, parameters, prepared, timeout)


async def query_exemplars(context: Context, parameters: Parameters) -> Reply:
    """Exemplars of the series that the query's selectors name; empty where they are not stored."""
    start, end = parameters.time("start", MIN_TIME), parameters.time("end", MAX_TIME)
    if end < start:
        raise RequestError("bad_data", "end timestamp must not be before start timestamp")
    try:
        selectors = need(context.language, "the parser").selectors(parameters.text("query"))
    except PromQLError as e:
        raise bad_parameter("query", str(e)) from None
    if not selectors:
        return json_reply([])
    found = await context.workers.call(need(context.exemplars, "the storage").exemplars, selectors, start, end)
    return json_reply(
        [
            {
                "seriesLabels": dict(series),
                "exemplars": [
                    {"labels": dict(e.labels), "value": format_value(e.value), "timestamp": e.timestamp / 1000}
                    for e in exemplars
                ],
            }
            for series, exemplars in found
        ]
    )


async def format_query(context: Context, parameters: Parameters) -> Reply:
    return json_reply(_formatted(context, parameters))


async def parse_query(context: Context, parameters: Parameters) -> Reply:
    try:
        return json_reply(need(context.language, "the parser").tree(parameters.text("query")))
    except PromQLError as e:
        raise bad_parameter("query", str(e)) from None


def _formatted(context: Context, parameters: Parameters) -> str:
    try:
        return need(context.language, "the parser").format(parameters.text("query"))
    except PromQLError as e:
        raise bad_parameter("query", str(e)) from None


def _options(context: Context, parameters: Parameters) -> tuple[QueryOptions, float]:
    """The options of the query and its timeout in seconds (never more than the server's)."""
    if not parameters.has_any(_OPTIONAL):
        return _NO_OPTIONS, context.settings.query_timeout
    limit = parameters.limit()
    timeout = context.settings.query_timeout
    if parameters.text("timeout"):
        timeout = min(timeout, parameters.duration("timeout"))
    lookback = 0
    if text := parameters.text("lookback_delta"):
        try:
            lookback = round(parse_seconds(text) * 1000)
        except ValueError as e:
            raise RequestError("bad_data", f"error parsing lookback delta duration: {e}") from None
        if lookback < 0:
            raise RequestError("bad_data", "error parsing lookback delta duration: it must not be negative")
    stats = parameters.text("stats")
    explain = bool(parameters.text("explain"))
    return QueryOptions(lookback, timeout, limit, stats if stats in _STATS else "true", explain), timeout


def _work(context: Context, parameters: Parameters, prepared: PreparedQuery, timeout: float) -> Work:
    workers = context.workers

    def quick() -> Reply | None:
        try:
            answer = workers.quick_query(prepared) if timeout > 0 else None
        except PromQLError as e:
            raise bad_parameter("query", str(e)) from None
        return None if answer is None else _reply(parameters, answer)

    async def run() -> Reply:
        try:
            answer = await workers.query(prepared, timeout)
        except PromQLError as e:
            raise bad_parameter("query", str(e)) from None
        return _reply(parameters, answer)

    return Work(quick, run)


def _reply(parameters: Parameters, answer: QueryAnswer) -> Reply:
    parts = [b'{"resultType":"', answer.result_type.encode(), b'","result":', *answer.result]
    if answer.stats:
        parts += [b',"stats":', answer.stats]
    if answer.explain:
        parts += [b',"explain":', answer.explain]
    parts.append(b"}")
    warnings = answer.warnings
    if (stats := parameters.text("stats")) not in _STATS:
        warnings = [*warnings, f"stats={quote(stats)} is deprecated, use true or all"]
    return Reply(parts, warnings, answer.infos)
