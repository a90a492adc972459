"""What surrounds the API: readiness, lifecycle, CORS, compression, pages, metrics."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from narthex.web.application import make_application
from narthex.web.context import WebSettings
from narthex.web.sources import QueryAnswer
from narthex.web.transport import accepted_encoding

from .conftest import Web


async def test_nothing_but_health_answers_before_the_server_is_ready(web: Web) -> None:
    web.state.ready = False
    for path in ("/-/ready", "/api/v1/query?query=1", "/api/v1/targets", "/federate"):
        response = await web.client.get(path)
        assert (response.status, response.headers["X-Prometheus-Stopping"]) == (503, "false")
    for path in ("/-/healthy", "/api/v1/status/walreplay", "/metrics", "/query"):
        assert (await web.client.get(path)).status == 200
    assert (await web.json("status/walreplay"))["data"] == {"min": 0, "max": 7, "current": 3}
    web.state.ready = web.state.stopping = True
    response = await web.client.get("/api/v1/labels")
    assert (response.status, response.headers["X-Prometheus-Stopping"]) == (503, "true")


async def test_lifecycle_needs_its_flag_and_a_post(web: Web) -> None:
    for name in ("reload", "quit"):
        response = await web.client.get(f"/-/{name}")
        assert (response.status, await response.text()) == (405, "Only POST or PUT requests allowed")
        response = await web.client.post(f"/-/{name}")
        assert (response.status, await response.text()) == (403, "Lifecycle API is not enabled.")
    web.context.settings = replace(web.context.settings, lifecycle=True)
    assert (await web.client.put("/-/reload")).status == 200 and web.state.reloads == 1
    web.state.fail_reload = True
    response = await web.client.post("/-/reload")
    assert response.status == 500
    assert await response.text() == "failed to reload config: p.yml:3: global.x: unknown key\n"
    assert "Goodbye" in await (await web.client.post("/-/quit")).text() and web.state.stopping


async def test_cors_echoes_an_origin_that_the_pattern_allows(web: Web) -> None:
    response = await web.client.get("/api/v1/query?query=1", headers={"Origin": "http://a"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://a" and response.headers["Vary"] == "Origin"
    response = await web.client.options("/api/v1/query", headers={"Origin": "http://a"})
    assert response.status == 204 and response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert "Access-Control-Allow-Origin" not in (await web.client.get("/api/v1/labels")).headers
    web.context.settings = replace(web.context.settings, cors_origin=None)
    response = await web.client.get("/api/v1/labels", headers={"Origin": "http://a"})
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("size", [10, 5_000, 900_000])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "gzip;q=0"])
async def test_bodies_of_any_size_arrive_whole_in_any_encoding(web: Web, size: int, encoding: str) -> None:
    numbers = ",".join(str(i * 7919 % 10**6) for i in range(size // 7 + 1)).encode()
    web.engine.answer = QueryAnswer("vector", (b"[" + numbers + b"]",))
    headers = {"Accept-Encoding": encoding}
    async with TestClient[Any, Any](web.client.server, auto_decompress=False) as raw:
        response = await raw.get("/api/v1/query?query=x", headers=headers)
        body = await response.read()
    used = response.headers.get("Content-Encoding", "")
    assert used == (encoding if size > 1024 and encoding in ("gzip", "deflate") else "")
    plain = gzip.decompress(body) if used == "gzip" else zlib.decompress(body) if used else body
    assert plain == b'{"status":"success","data":{"resultType":"vector","result":[' + numbers + b"]}}"


def test_the_best_offered_encoding_is_chosen() -> None:
    assert accepted_encoding("") == ""
    assert accepted_encoding("deflate, gzip;q=0.5") == "gzip"
    assert accepted_encoding("deflate, gzip;q=0") == "deflate"
    assert accepted_encoding("br, *") == "gzip"


async def test_unknown_paths_and_methods_answer_like_gos_router(web: Web) -> None:
    response = await web.client.get("/api/v1/nope")
    assert (response.status, await response.text()) == (404, "404 page not found\n")
    response = await web.client.delete("/api/v1/query")
    assert (response.status, response.headers["Allow"]) == (405, "GET, OPTIONS, POST")
    response = await web.client.post("/api/v1/admin/tsdb/snapshot")
    assert (response.status, (await response.json())["error"]) == (500, "admin APIs disabled")


async def test_answers_do_not_name_the_http_library(web: Web) -> None:
    for path in ("/-/healthy", "/api/v1/query?query=1", "/nope"):
        assert "Server" not in (await web.client.get(path)).headers


async def test_requests_are_counted_by_handler_and_code(web: Web) -> None:
    await web.client.get("/api/v1/query?query=1")
    await web.client.get("/api/v1/query?query=bad(")
    text = await (await web.client.get("/metrics")).text()
    assert 'prometheus_http_requests_total{handler="/api/v1/query",code="200"} 1\n' in text
    assert 'prometheus_http_requests_total{handler="/api/v1/query",code="400"} 1\n' in text
    assert 'prometheus_http_request_duration_seconds_count{handler="/api/v1/query"} 2\n' in text


async def test_without_a_built_ui_the_page_says_how_to_build_it(web: Web) -> None:
    response = await web.client.get("/", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/query")
    response = await web.client.get("/graph?g0.expr=up", allow_redirects=False)
    assert response.headers["Location"] == "/query?g0.expr=up"
    assert "make build" in await (await web.client.get("/query")).text()
    assert (await web.client.get("/assets/x.js")).status == 404


@pytest.fixture
async def prefixed(web: Web, tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>TITLE_PLACEHOLDER</title>READY_PLACEHOLDER LOOKBACKDELTA_PLACEHOLDER")
    (static / "assets" / "app-1a2b.js").write_text("let x;")
    (tmp_path / "secret").write_text("secret")
    settings = WebSettings("http://h/p/", "/p", page_title="<T>", static=static, user_assets=static, lookback=60_000)
    web.context.settings = settings
    web.context.registry._metrics.clear()  # a second application on one registry, only here
    server = TestServer(make_application(web.context))
    async with TestClient[Any, Any](server) as client:
        yield client


async def test_the_ui_is_served_below_the_route_prefix(prefixed: TestClient[Any, Any]) -> None:
    response = await prefixed.get("/p/", allow_redirects=False)
    assert response.headers["Location"] == "/p/query"
    response = await prefixed.get("/p/alerts")
    assert await response.text() == "<title>&lt;T&gt;</title>true 1m"
    assert response.headers["Cache-Control"] == "no-cache"
    response = await prefixed.get("/p/assets/app-1a2b.js")
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (await prefixed.get("/p/user/index.html")).status == 200
    assert (await prefixed.get("/p/user/%2e%2e/secret")).status == 404
    assert (await prefixed.get("/query")).status == 404
