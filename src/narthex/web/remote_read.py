"""POST /api/v1/read: stored samples for another server, as it asks for them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from narthex.errors import NarthexError
from narthex.remote.read_server import ReadServer, ResponseType
from narthex.web.context import Context
from narthex.web.remote_write import body_of, plain
from narthex.web.reply import error_kind, error_status
from narthex.web.transport import send

_SAMPLES = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
_CHUNKS = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"


async def remote_read(context: Context, request: web.Request) -> web.StreamResponse:
    server = context.read_server
    if server is None:
        return plain(500, "remote read is not available")
    body = await body_of(request)
    if body is None:
        return plain(400, "request body is too large")
    try:
        async with server.admitted():
            return await _answer(server, request, body)
    except NarthexError as e:
        return plain(error_status(error_kind(e)), str(e))


async def _answer(server: ReadServer, request: web.Request, body: bytes) -> web.StreamResponse:
    wanted = await asyncio.to_thread(server.decode, body)
    if wanted.response is ResponseType.SAMPLES:
        return web.Response(body=await asyncio.to_thread(server.samples, wanted), headers=_SAMPLES)
    # Chunks are compressed already.
    return await send(request, server.frames(wanted), content_type=_CHUNKS, compress=False)
