"""Sending bodies: compression when the client takes it, large bodies in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from isal import isal_zlib

SMALLEST_COMPRESSED = 1024  # bytes; below, compressing costs more than it saves
PIECE = 256 * 1024  # bytes written at a time, so that one answer does not hold up the loop or double the memory
_THREADED = 128 * 1024  # bytes from which compressing is worth a thread
_GZIP, _DEFLATE = 31, 15  # zlib window bits that choose the container


async def send(
    request: web.Request, body: bytes, *, status: int = 200, content_type: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Answers with `body`, gzip or deflate when the request asks for it and it pays."""
    all_headers = {"Content-Type": content_type, **(headers or {})}
    encoding = accepted_encoding(request.headers.get("Accept-Encoding", ""))
    if encoding and len(body) > SMALLEST_COMPRESSED:
        bits = _GZIP if encoding == "gzip" else _DEFLATE
        if len(body) > _THREADED:
            body = await asyncio.to_thread(_compress, body, bits)
        else:
            body = _compress(body, bits)
        all_headers["Content-Encoding"] = encoding
    if "Content-Encoding" in all_headers or len(body) > SMALLEST_COMPRESSED:
        all_headers["Vary"] = ", ".join(filter(None, (all_headers.get("Vary"), "Accept-Encoding")))
    if len(body) <= PIECE or request.method == "HEAD":
        return web.Response(status=status, body=body, headers=all_headers)
    response = web.StreamResponse(status=status, headers=all_headers)
    response.content_length = len(body)
    await response.prepare(request)
    view = memoryview(body)
    for start in range(0, len(view), PIECE):
        await response.write(view[start : start + PIECE])
    await response.write_eof()
    return response


def accepted_encoding(header: str) -> str:
    """ "gzip", "deflate" or "" by an Accept-Encoding header; q=0 refuses."""
    offered = set()
    for part in header.split(","):
        name, _, parameters = part.strip().partition(";")
        if parameters.replace(" ", "").rstrip("0.") != "q=":
            offered.add(name.strip().lower())
    if "gzip" in offered or "*" in offered:
        return "gzip"
    return "deflate" if "deflate" in offered else ""


def _compress(body: bytes, bits: int) -> bytes:
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, bits)
    return bytes(compressor.compress(body) + compressor.flush())
