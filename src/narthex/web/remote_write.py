"""POST /api/v1/write: what a sender's headers ask for, and what the answer's headers say."""

from __future__ import annotations

import asyncio

from aiohttp import web

from narthex.errors import RequestError
from narthex.remote.receive import WriteReceiver, WriteVersion, Written
from narthex.web.context import Context

MEDIA_TYPE = "application/x-protobuf"
MOST_BYTES = 40 * 1024 * 1024
"""Of a compressed body: snappy makes 32 MiB, the most that is decoded, at most a sixth longer."""
THREAD_BYTES = 64 * 1024
"""Larger bodies are stored in a worker thread, so that they do not hold up scrapes and queries."""
_TEXT = "text/plain; charset=utf-8"
_RFC = "https://www.rfc-editor.org/rfc/rfc9110#parameter"


async def remote_write(context: Context, request: web.Request) -> web.StreamResponse:
    receiver = context.write_receiver
    if receiver is None:
        return plain(404, "remote write receiver needs to be enabled with --web.enable-remote-write-receiver")
    try:
        version = message_of(request.headers.get("Content-Type", ""))
    except RequestError as e:
        return plain(415, str(e))
    accepted = context.settings.write_messages
    if version not in accepted:
        names = " ".join(sorted(each.value for each in accepted))
        return plain(415, f"{version.value} protobuf message is not accepted by this server; only accepts [{names}]")
    encoding = request.headers.get("Content-Encoding", "")
    if encoding and encoding.lower() != "snappy":
        text = f"{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"
        return plain(415, text)
    body = await body_of(request)
    if body is None:
        return plain(400, f"request body is larger than {MOST_BYTES} bytes")
    return _answer(await _store(receiver, body, version), version)


def message_of(content_type: str) -> WriteVersion:
    """By the proto parameter, version 1.0 without it. Raises RequestError."""
    media, *parameters = (part.strip() for part in content_type.split(";"))
    if not media and not parameters:
        return WriteVersion.V1  # old senders
    if media != MEDIA_TYPE:
        raise RequestError(
            "bad_data", f"expected {MEDIA_TYPE} as the first (media) part, got {content_type} content-type"
        )
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals or "=" in value:
            text = f"as per {_RFC} expected parameters to be key-values, got {parameter} in {content_type} content-type"
            raise RequestError("bad_data", text)
        if name == "proto":
            try:
                return WriteVersion(value)
            except ValueError:
                known = " ".join(version.value for version in WriteVersion)
                text = f"unknown type for remote write protobuf message {value}, supported: [{known}]"
                raise RequestError("bad_data", f"got {content_type} content type; {text}") from None
    return WriteVersion.V1


async def body_of(request: web.Request) -> bytes | None:
    """None when it is too large."""
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


async def _store(receiver: WriteReceiver, body: bytes, version: WriteVersion) -> Written:
    if len(body) <= THREAD_BYTES:
        return receiver.receive(body, version)
    # A request whose sender hangs up is stored to its end all the same.
    return await asyncio.shield(asyncio.to_thread(receiver.receive, body, version))


def _answer(written: Written, version: WriteVersion) -> web.Response:
    headers = {}
    if version is WriteVersion.V2:
        headers = {
            "X-Prometheus-Remote-Write-Samples-Written": str(written.samples),
            "X-Prometheus-Remote-Write-Histograms-Written": str(written.histograms),
            "X-Prometheus-Remote-Write-Exemplars-Written": str(written.exemplars),
        }
    if written.status == 204:
        return web.Response(status=204, headers=headers)
    return plain(written.status, written.text, headers)


def plain(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    all_headers = {"Content-Type": _TEXT, "X-Content-Type-Options": "nosniff", **(headers or {})}
    return web.Response(status=status, body=f"{text}\n".encode(), headers=all_headers)
