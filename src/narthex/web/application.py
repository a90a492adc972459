"""The table of routes and what surrounds every request: metrics, readiness, errors, CORS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from aiohttp import web

from narthex.errors import RequestError
from narthex.net.connection import AT_ONCE, AnswerAtOnce
from narthex.tasks.origin import ORIGIN, request_origin
from narthex.web import admin, federate, labels, lifecycle, queries, rules, status, targets
from narthex.web.at_once import AtOnce
from narthex.web.context import Context
from narthex.web.http_metrics import HttpMetrics
from narthex.web.otlp import otlp_metrics
from narthex.web.pages import AGENT_PATHS, SERVER_PATHS, UI_PATHS, Pages, asset, index, not_found, user_asset
from narthex.web.parameters import Parameters
from narthex.web.remote_read import remote_read
from narthex.web.remote_write import remote_write
from narthex.web.reply import Reply, envelope, error_envelope, error_kind, error_status
from narthex.web.transport import send
from narthex.web.work import WorkHandler

MOST_FORM_BYTES = 10 * 1024 * 1024

ApiHandler = Callable[[Context, Parameters], Awaitable[Reply]]
PlainHandler = Callable[[Context, web.Request], Awaitable[web.StreamResponse]]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_GET_AND_POST: dict[str, ApiHandler] = {
    "query_exemplars": queries.query_exemplars,
    "format_query": queries.format_query,
    "parse_query": queries.parse_query,
}
_WORK_GET_AND_POST: dict[str, WorkHandler] = {
    "query": queries.query,
    "query_range": queries.query_range,
    "labels": labels.label_names,
    "series": labels.series,
}
_WORK_GET: dict[str, WorkHandler] = {"status/tsdb": status.tsdb}
_GET: dict[str, ApiHandler] = {
    "targets": targets.targets,
    "targets/metadata": targets.target_metadata,
    "metadata": targets.metadata,
    "scrape_pools": targets.scrape_pools,
    "scrape_pools/config": targets.scrape_pool_config,
    "alertmanagers": targets.alertmanagers,
    "rules": rules.rules,
    "alerts": rules.alerts,
    "status/config": status.config,
    "status/runtimeinfo": status.runtime_info,
    "status/buildinfo": status.build_info,
    "status/flags": status.flags,
    "status/tsdb/blocks": status.tsdb_blocks,
    "features": status.features,
    "notifications": status.notifications,
}
_BEFORE_READY: dict[str, ApiHandler] = {"status/walreplay": status.wal_replay}
_ADMIN: dict[str, ApiHandler] = {
    "admin/tsdb/delete_series": admin.delete_series,
    "admin/tsdb/clean_tombstones": admin.clean_tombstones,
    "admin/tsdb/snapshot": admin.snapshot,
}
# What has to do with stored samples or rules.
_NOT_FOR_AGENTS = frozenset(
    name
    for names in (
        *(_GET_AND_POST, _WORK_GET_AND_POST, _WORK_GET, _ADMIN),
        ("label", "alertmanagers", "rules", "alerts", "status/tsdb/blocks"),
    )
    for name in names
)
_ROOT_FILES = ("favicon.svg", "favicon.ico", "manifest.json", "robots.txt")


def make_application(context: Context) -> web.Application:
    """The whole web side of a server, below the route prefix."""
    routes = _Routes(context)
    for name, handler in _GET_AND_POST.items():
        routes.api(("GET", "POST"), name, handler)
    for name, handler in _GET.items():
        routes.api(("GET",), name, handler)
    for name, handler in _BEFORE_READY.items():
        routes.api(("GET",), name, handler, before_ready=True)
    for name, handler in _ADMIN.items():
        routes.api(("POST", "PUT"), name, handler)
    for name, work in _WORK_GET_AND_POST.items():
        routes.work(("GET", "POST"), name, work)
    for name, work in _WORK_GET.items():
        routes.work(("GET",), name, work)
    routes.label_values()
    for path, plain in (
        ("/-/healthy", lifecycle.healthy),
        ("/-/ready", lifecycle.ready),
        ("/metrics", lifecycle.metrics),
        ("/version", lifecycle.version),
    ):
        routes.plain(("GET", "HEAD"), path, plain)
    for path, plain in (("/-/reload", lifecycle.reload), ("/-/quit", lifecycle.quit)):
        routes.plain(("GET", "POST", "PUT"), path, plain)
    routes.plain(("POST",), "/api/v1/otlp/v1/metrics", otlp_metrics, before_ready=False)
    routes.plain(("GET",), "/federate", federate.federate, before_ready=False)
    routes.plain(("POST",), "/api/v1/write", remote_write, before_ready=False)
    if context.settings.agent:
        routes.api(("POST",), "read", _not_for_agents)
    else:
        routes.plain(("POST",), "/api/v1/read", remote_read, before_ready=False)
    routes.pages()
    return routes.application


async def _not_for_agents(context: Context, parameters: Parameters) -> Reply:
    raise RequestError("execution", "unavailable with Prometheus Agent")


class _Routes:
    """Adds routes; each request is counted under its route's name."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.metrics = HttpMetrics(context.registry)
        self.application = web.Application(client_max_size=MOST_FORM_BYTES, middlewares=[_unrouted])
        self.application.on_response_prepare.append(_anonymous)
        self._at_once = AtOnce(context)
        at_once: AnswerAtOnce = self._at_once
        self.application[AT_ONCE] = at_once
        self._prefix = context.settings.route_prefix

    def _add(self, methods: tuple[str, ...], path: str, name: str, handler: _Handler) -> None:
        counted = self.metrics.counted(name, handler)
        for method in methods:
            self.application.router.add_route(method, self._prefix + path, counted)

    def api(self, methods: tuple[str, ...], name: str, handler: ApiHandler, *, before_ready: bool = False) -> None:
        path = f"/api/v1/{name}"
        handler = self._of_mode(name, handler)
        self._add(methods, path, path, partial(_answer, self.context, handler, path, before_ready))
        self._add(("OPTIONS",), path, path, partial(_preflight, self.context))

    def _of_mode(self, name: str, handler: ApiHandler) -> ApiHandler:
        return _not_for_agents if self._hidden(name) else handler

    def _hidden(self, name: str) -> bool:
        return self.context.settings.agent and name in _NOT_FOR_AGENTS

    def work(self, methods: tuple[str, ...], name: str, handler: WorkHandler) -> None:
        """A route whose small requests need not go through aiohttp."""
        self.api(methods, name, partial(_done, handler))
        if not self._hidden(name):
            path = f"/api/v1/{name}"
            self._at_once.add(self._prefix + path, handler, self.metrics.route(path), "POST" in methods)

    def label_values(self) -> None:
        def handler_of(name: str) -> WorkHandler:
            return partial(labels.label_values, name=name)

        async def answer(request: web.Request) -> web.StreamResponse:
            handler = self._of_mode("label", partial(_done, handler_of(request.match_info["name"])))
            return await _answer(self.context, handler, route, False, request)

        route = "/api/v1/label/:name/values"
        self._add(("GET",), "/api/v1/label/{name}/values", route, answer)
        if not self._hidden("label"):
            self._at_once.add_named(f"{self._prefix}/api/v1/label/", "/values", handler_of, self.metrics.route(route))

    def plain(self, methods: tuple[str, ...], path: str, handler: PlainHandler, *, before_ready: bool = True) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not before_ready and not self.context.serves:
                return lifecycle.not_ready(self.context)
            return await handler(self.context, request)

        self._add(methods, path, path, answer)

    def pages(self) -> None:
        pages = Pages(self.context.settings.static)

        async def redirect(request: web.Request) -> web.StreamResponse:
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=302, headers={"Location": f"{self._prefix}/query{query}"})

        async def home(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": f"{self._prefix}/agent"})

        start = home if self.context.settings.agent else redirect
        self._add(("GET",), "/", "/", start)
        if self._prefix:
            self._add(("GET",), "", "/", start)
        self._add(("GET",), "/graph", "/graph", redirect)
        agent = self.context.settings.agent
        for path in UI_PATHS + (AGENT_PATHS if agent else SERVER_PATHS):
            self._add(("GET", "HEAD"), path, path, partial(index, self.context, pages))
        for name in _ROOT_FILES:
            self._add(("GET",), f"/{name}", f"/{name}", partial(asset, self.context, pages))
        self._add(("GET",), "/{asset:assets/.+}", "/assets/*filepath", partial(asset, self.context, pages))
        self._add(("GET",), "/user/{file:.+}", "/user/*filepath", partial(user_asset, self.context))


async def _done(handler: WorkHandler, context: Context, parameters: Parameters) -> Reply:
    work = handler(context, parameters)
    reply = work.quick()
    return await work.run() if reply is None else reply


async def _answer(
    context: Context, handler: ApiHandler, route: str, before_ready: bool, request: web.Request
) -> web.StreamResponse:
    ORIGIN.set(request_origin(request.remote or "", request.method, route))
    if not before_ready and not context.serves:
        return lifecycle.not_ready(context)
    code = 200
    body: bytes | Sequence[bytes] | Iterator[bytes]
    try:
        reply = await handler(context, await _parameters(request))
        if reply.data is None:
            return web.Response(status=204, headers=_cors(context, request))
        body = envelope(reply)
    except asyncio.CancelledError:
        raise
    except Exception as e:
        kind = error_kind(e)
        code = error_status(kind)
        if kind == "internal":
            context.log_error(f"{request.path} failed: {e!r}")
        body = error_envelope(kind, str(e))
    return await send(request, body, status=code, content_type="application/json", headers=_cors(context, request))


async def _parameters(request: web.Request) -> Parameters:
    body = ""
    if request.method in ("POST", "PUT") and request.content_type == "application/x-www-form-urlencoded":
        body = await request.text()
    return Parameters.of(request.rel_url.raw_query_string, body)


def _cors(context: Context, request: web.Request) -> dict[str, str]:
    origin = request.headers.get("Origin")
    pattern = context.settings.cors_origin
    if origin is None or pattern is None or not pattern.fullmatch(origin):
        return {}
    return {
        "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Date",
        "Vary": "Origin",
    }


async def _preflight(context: Context, request: web.Request) -> web.StreamResponse:
    return web.Response(status=204, headers=_cors(context, request))


async def _anonymous(request: web.Request, response: web.StreamResponse) -> None:
    """Like the peer, answers do not tell attackers which libraries and versions made them."""
    response.headers.pop("Server", None)


@web.middleware
async def _unrouted(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Plain texts, as Go's router has them, where no route fits."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return not_found()
    except web.HTTPMethodNotAllowed as e:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Allow": ", ".join(sorted(e.allowed_methods))}
        return web.Response(status=405, body=b"Method Not Allowed\n", headers=headers)
