"""/-/healthy, /-/ready, /-/reload, /-/quit, /metrics and /version."""

from __future__ import annotations

import orjson
from aiohttp import web

from narthex.errors import NarthexError
from narthex.web.context import Context
from narthex.web.transport import send

_TEXT = "text/plain; charset=utf-8"


def not_ready(context: Context) -> web.Response:
    """What every endpoint that needs data answers until the server is ready and once it stops."""
    headers = {"Content-Type": _TEXT, "X-Prometheus-Stopping": str(context.state.stopping).lower()}
    return web.Response(status=503, body=b"Service Unavailable", headers=headers)


async def healthy(context: Context, request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"Prometheus Server is Healthy.\n", headers={"Content-Type": _TEXT})


async def ready(context: Context, request: web.Request) -> web.StreamResponse:
    if not context.state.ready or context.state.stopping:
        return not_ready(context)
    return web.Response(body=b"Prometheus Server is Ready.\n", headers={"Content-Type": _TEXT})


async def reload(context: Context, request: web.Request) -> web.StreamResponse:
    if (refused := _refused(context, request)) is not None:
        return refused
    try:
        await context.state.reload()
    except NarthexError as e:
        return web.Response(
            status=500, body=f"failed to reload config: {e}\n".encode(), headers={"Content-Type": _TEXT}
        )
    return web.Response()


async def quit(context: Context, request: web.Request) -> web.StreamResponse:
    if (refused := _refused(context, request)) is not None:
        return refused
    context.state.request_stop()
    return web.Response(body=b"Requesting termination... Goodbye!", headers={"Content-Type": _TEXT})


async def metrics(context: Context, request: web.Request) -> web.StreamResponse:
    body = context.registry.expose()
    return await send(request, body, content_type="text/plain; version=0.0.4; charset=utf-8")


async def version(context: Context, request: web.Request) -> web.StreamResponse:
    return web.Response(
        body=orjson.dumps(dict(context.state.build_info())), headers={"Content-Type": "application/json"}
    )


def _refused(context: Context, request: web.Request) -> web.Response | None:
    if request.method not in ("POST", "PUT"):
        return web.Response(status=405, body=b"Only POST or PUT requests allowed", headers={"Content-Type": _TEXT})
    if not context.settings.lifecycle:
        return web.Response(status=403, body=b"Lifecycle API is not enabled.", headers={"Content-Type": _TEXT})
    return None
