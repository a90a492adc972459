"""/query and /query_range: parameters, errors, limits, cancelling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from narthex.errors import QueryCanceled, QueryError, QueryTimeout, StorageError, TooManySamples
from narthex.web.sources import QueryAnswer, QueryOptions

from .conftest import NOW, FakeQuery, Web


async def _started(web: Web) -> FakeQuery:
    """The query that a request just started, once its thread runs."""
    assert await asyncio.to_thread(web.engine.started.wait, 5)
    assert web.engine.last is not None
    return web.engine.last


async def test_an_instant_query_defaults_to_now(web: Web) -> None:
    assert await web.json("query", query="1") == {
        "status": "success",
        "data": {"resultType": "scalar", "result": [1, "1"]},
    }
    assert web.engine.asked == [("1", int(NOW * 1000), QueryOptions())]


async def test_form_values_come_before_url_values(web: Web) -> None:
    response = await web.client.post("/api/v1/query?query=a&time=5", data={"query": "b"})
    assert response.status == 200
    assert web.engine.asked[0][:2] == ("b", 5000)


async def test_options_reach_the_engine(web: Web) -> None:
    await web.json("query", query="x", time="1.5", timeout="3s", limit="7", lookback_delta="1m", stats="all")
    assert web.engine.asked == [("x", 1500, QueryOptions(60_000, 3.0, 7, "all"))]
    await web.json("query_range", query="x", start="1", end="2000-01-01T00:00:00.5Z", step="1d", timeout="1d")
    assert web.engine.asked[1] == ("x", 1000, 946_684_800_500, 86_400_000, QueryOptions(timeout=120.0))


async def test_what_parts_took_stands_beside_the_result_when_it_is_asked_for(web: Web) -> None:
    web.engine.answer = QueryAnswer("vector", (b"[]",), explain=b'{"node":"x"}')
    body = await web.json("query", query="x", explain="1")
    assert web.engine.asked[0][2].explain
    assert body["data"] == {"resultType": "vector", "result": [], "explain": {"node": "x"}}


async def test_warnings_and_infos_are_capped(web: Web) -> None:
    web.engine.answer = QueryAnswer("vector", (b"[]",), [f"w{i}" for i in range(13)], ["i", "i"], b'{"samples":{}}')
    body = await web.json("query", query="x", stats="true")
    assert body["warnings"] == [f"w{i}" for i in range(10)] + ["3 more warning annotations omitted"]
    assert body["infos"] == ["i"]
    assert body["data"]["stats"] == {"samples": {}}


async def test_other_stats_values_are_taken_with_a_warning(web: Web) -> None:
    body = await web.json("query", query="x", stats="1")
    assert web.engine.asked[0][2].stats == "true"
    assert body["warnings"] == ['stats="1" is deprecated, use true or all']


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("query", {"query": "bad("}, 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis'),
        (
            "query",
            {"query": "x", "time": "abc"},
            'invalid parameter "time": Invalid time value for \'time\': cannot parse "abc" to a valid timestamp',
        ),
        ("query", {"timeout": "abc"}, 'invalid parameter "timeout": cannot parse "abc" to a valid duration'),
        (
            "query",
            {"lookback_delta": "x"},
            'error parsing lookback delta duration: cannot parse "x" to a valid duration',
        ),
        ("query", {"limit": "-1"}, 'invalid parameter "limit": limit must be non-negative'),
        ("query_range", {}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ("query_range", {"start": 1, "end": 2}, 'invalid parameter "step": cannot parse "" to a valid duration'),
        (
            "query_range",
            {"start": 2, "end": 1, "step": 1},
            'invalid parameter "end": end timestamp must not be before start time',
        ),
        (
            "query_range",
            {"start": 1, "end": 2, "step": 0},
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer",
        ),
        (
            "query_range",
            {"start": 1, "end": 2, "step": "1e300"},
            'invalid parameter "step": cannot parse "1e300" to a valid duration. It overflows int64',
        ),
        (
            "query_range",
            {"start": 0, "end": 11001, "step": 1},
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        ),
    ],
)
async def test_bad_parameters_are_named_as_prometheus_does(
    web: Web, path: str, query: dict[str, Any], message: str
) -> None:
    response = await web.client.get(f"/api/v1/{path}", params=query)
    assert response.status == 400
    assert await response.json() == {"status": "error", "errorType": "bad_data", "error": message}


async def test_eleven_thousand_points_are_just_allowed(web: Web) -> None:
    assert (await web.json("query_range", query="x", start=0, end=11000, step=1))["status"] == "success"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (QueryError("many-to-many"), 422, "execution"),
        (TooManySamples("too many"), 422, "execution"),
        (QueryTimeout("query timed out"), 503, "timeout"),
        (QueryCanceled("query was canceled"), 499, "canceled"),
        (StorageError("disk"), 500, "internal"),
        (ZeroDivisionError("bug"), 500, "internal"),
    ],
)
async def test_each_failure_has_its_code(web: Web, error: Exception, status: int, kind: str) -> None:
    web.engine.answer = error
    response = await web.client.get("/api/v1/query?query=x")
    assert response.status == status
    body = await response.json()
    assert (body["errorType"], body["error"]) == (kind, str(error))


async def test_a_query_past_its_timeout_is_canceled(web: Web) -> None:
    response = await web.client.get("/api/v1/query?query=forever&timeout=20ms")
    assert response.status == 503
    assert (await response.json())["error"] == "query timed out in expression evaluation"
    assert web.engine.last is not None and web.engine.last.canceled.is_set()


async def test_a_timeout_of_zero_fails_at_once(web: Web) -> None:
    response = await web.client.get("/api/v1/query?query=forever&timeout=0")
    assert response.status == 503 and web.engine.last is not None


async def test_a_client_that_goes_away_cancels_its_query(web: Web) -> None:
    request = asyncio.create_task(web.client.get("/api/v1/query?query=forever"))
    query = await _started(web)
    request.cancel()
    assert await asyncio.to_thread(query.canceled.wait, 5)


async def test_stopping_cancels_running_queries(web: Web) -> None:
    request = asyncio.create_task(web.client.get("/api/v1/query?query=forever"))
    await _started(web)
    web.context.workers.stop()
    assert (await request).status == 499


async def test_formatting_and_parsing_report_positions(web: Web) -> None:
    assert (await web.json("format_query", query="a   +  b"))["data"] == "a + b"
    assert (await web.json("parse_query", query="1"))["data"] == {"type": "numberLiteral", "val": "1"}
