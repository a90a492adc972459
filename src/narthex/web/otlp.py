"""POST /otlp/v1/metrics: OTLP over HTTP.

Answers have the request's encoding (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response): the empty or partly
successful ExportMetricsServiceResponse, or a google.rpc.Status with the reason. Status codes are Prometheus'.
"""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiohttp import web

from narthex.errors import MetricsRefused, StorageError
from narthex.remote.otlp import Received
from narthex.remote.otlp_wire import put_bytes, put_int
from narthex.web.context import Context

log = logging.getLogger(__name__)

MOST_BYTES = 32 * 1024 * 1024
"""Of a body, decompressed."""
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
# google.rpc.Code: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14


async def otlp_metrics(context: Context, request: web.Request) -> web.StreamResponse:
    receiver = context.otlp
    kind = request.headers.get("Content-Type", "")
    if receiver is None:
        text = "otlp write receiver needs to be enabled with --web.enable-otlp-receiver"
        return _plain(404, text)
    if kind not in (_PROTOBUF, _JSON):
        return _plain(400, f"unsupported content type: {kind}, supported: [{_JSON}, {_PROTOBUF}]")
    encoding = request.headers.get("Content-Encoding", "")
    if encoding not in ("", "gzip"):
        text = f'unsupported compression: {encoding}. Only "gzip" or no compression supported'
        return _status(kind, 400, _INVALID_ARGUMENT, text)
    try:
        body = await _read(request)
        received = await asyncio.to_thread(receiver.receive, body, json=kind == _JSON)
    except MetricsRefused as e:
        log.error("OTLP request was refused", extra={"err": str(e)})
        return _status(kind, 400, _INVALID_ARGUMENT, str(e))
    except StorageError as e:
        # Worth another try by the sender, which 500 is not in OTLP.
        log.error("Error appending OTLP metrics", extra={"err": str(e)})
        return _status(kind, 503, _UNAVAILABLE, str(e))
    return _answer(kind, received)


async def _read(request: web.Request) -> bytes:
    """The body, decompressed piece by piece: one that grows over the limit is given up there."""
    parts, size = [], 0
    try:
        async for part in request.content.iter_any():
            size += len(part)
            if size > MOST_BYTES:
                raise MetricsRefused(f"the request has more than {MOST_BYTES} bytes")
            parts.append(part)
    except web.RequestPayloadError:
        raise MetricsRefused("the request cannot be decompressed") from None
    return b"".join(parts)


def _answer(kind: str, received: Received) -> web.Response:
    partial = bool(received.rejected or received.message)
    if kind == _JSON:
        counts = {"rejectedDataPoints": str(received.rejected)} if received.rejected else {}
        text = {"errorMessage": received.message} if received.message else {}
        document = {"partialSuccess": counts | text} if partial else {}
        return _reply(kind, 200, orjson.dumps(document))
    out = bytearray()
    if partial:
        success = bytearray()
        if received.rejected:
            put_int(success, 1, received.rejected)
        put_bytes(success, 2, received.message.encode())
        put_bytes(out, 1, success)
    return _reply(kind, 200, bytes(out))


def _status(kind: str, http_status: int, code: int, message: str) -> web.Response:
    if kind == _JSON:
        return _reply(kind, http_status, orjson.dumps({"code": code, "message": message}))
    out = bytearray()
    put_int(out, 1, code)
    put_bytes(out, 2, message.encode("utf-8", "replace"))
    return _reply(kind, http_status, bytes(out))


def _reply(kind: str, http_status: int, body: bytes) -> web.Response:
    return web.Response(status=http_status, body=body, headers={"Content-Type": kind})


def _plain(http_status: int, text: str) -> web.Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=http_status, body=f"{text}\n".encode(), headers=headers)
