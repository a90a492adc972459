"""Sending bodies: compression when the client takes it, large bodies in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web
from isal import isal_zlib

SMALLEST_COMPRESSED = 1024  # bytes; below, compressing costs more than it saves
PIECE = 256 * 1024  # bytes written at a time, so that one answer does not hold up the loop or double the memory
_THREADED = 128 * 1024  # bytes from which compressing is worth a thread
_BITS = {"gzip": 31, "deflate": 15}  # zlib window bits that choose the container


async def send(
    request: web.Request,
    body: bytes | Sequence[bytes] | Iterator[bytes],
    *,
    status: int = 200,
    content_type: str,
    headers: Mapping[str, str] | None = None,
    compress: bool = True,
) -> web.StreamResponse:
    """Answers with `body`, gzip or deflate when the request asks for it and it pays, unless `compress` is off.

    A body in parts is not copied together when it is large. The parts of an iterator are made in a thread, one ahead
    of what is being sent.
    """
    if isinstance(body, Iterator):
        accepted = request.headers.get("Accept-Encoding", "") if compress else ""
        return await _stream(request, body, accepted, status, {"Content-Type": content_type, **(headers or {})})
    parts = (body,) if isinstance(body, bytes) else body
    size = sum(map(len, parts))
    all_headers = {"Content-Type": content_type, **(headers or {})}
    accepted = request.headers.get("Accept-Encoding", "") if compress else ""
    if size > _THREADED:
        parts = await asyncio.to_thread(encode, parts, accepted, all_headers)
    else:
        parts = encode(parts, accepted, all_headers)
    size = sum(map(len, parts))
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


async def _stream(
    request: web.Request, parts: Iterator[bytes], accepted: str, status: int, headers: dict[str, str]
) -> web.StreamResponse:
    _vary(headers)
    encoding = accepted_encoding(accepted)
    if encoding:
        headers["Content-Encoding"] = encoding
        parts = _compressed(parts, _BITS[encoding])
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    following = asyncio.ensure_future(asyncio.to_thread(next, parts, None))
    try:
        while (part := await following) is not None:
            following = asyncio.ensure_future(asyncio.to_thread(next, parts, None))
            await response.write(part)
    finally:
        following.cancel()
    await response.write_eof()
    return response


def encode(parts: Sequence[bytes], accepted: str, headers: dict[str, str]) -> Sequence[bytes]:
    """`parts` as the client takes them by its Accept-Encoding; says so in `headers`."""
    if sum(map(len, parts)) <= SMALLEST_COMPRESSED:
        return parts
    _vary(headers)
    encoding = accepted_encoding(accepted)
    if not encoding:
        return parts
    headers["Content-Encoding"] = encoding
    return list(_compressed(iter(parts), _BITS[encoding]))


def _vary(headers: dict[str, str]) -> None:
    headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))


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


def _compressed(parts: Iterator[bytes], bits: int) -> Iterator[bytes]:
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, bits)
    for part in parts:
        if piece := compressor.compress(part):
            yield piece
    yield compressor.flush()
