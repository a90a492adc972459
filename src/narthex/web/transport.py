"""Sending bodies: compression when the client takes it, large bodies in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiohttp import web
from isal import isal_zlib

SMALLEST_COMPRESSED = 1024  # bytes; below, compressing costs more than it saves
PIECE = 256 * 1024  # bytes written at a time, so that one answer does not hold up the loop or double the memory
_THREADED = 128 * 1024  # bytes from which compressing is worth a thread
_GZIP, _DEFLATE = 31, 15  # zlib window bits that choose the container


async def send(
    request: web.Request,
    body: bytes | Sequence[bytes],
    *,
    status: int = 200,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answers with `body`, gzip or deflate when the request asks for it and it pays.

    A body in parts is not copied together when it is large.
    """
    parts = (body,) if isinstance(body, bytes) else body
    size = sum(map(len, parts))
    all_headers = {"Content-Type": content_type, **(headers or {})}
    if size > SMALLEST_COMPRESSED:
        all_headers["Vary"] = ", ".join(filter(None, (all_headers.get("Vary"), "Accept-Encoding")))
        if encoding := accepted_encoding(request.headers.get("Accept-Encoding", "")):
            bits = _GZIP if encoding == "gzip" else _DEFLATE
            if size > _THREADED:
                parts = await asyncio.to_thread(_compress, parts, bits)
            else:
                parts = _compress(parts, bits)
            size = sum(map(len, parts))
            all_headers["Content-Encoding"] = encoding
    if size <= PIECE or request.method == "HEAD":
        return web.Response(status=status, body=b"".join(parts), headers=all_headers)
    response = web.StreamResponse(status=status, headers=all_headers)
    response.content_length = size
    await response.prepare(request)
    for part in parts:
        view = memoryview(part)
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


def _compress(parts: Sequence[bytes], bits: int) -> list[bytes]:
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, bits)
    return [*(compressor.compress(part) for part in parts), compressor.flush()]
