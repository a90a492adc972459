"""Requests to the API: a page of a list, and the frames of a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import orjson
from yarl import URL

from narthex.clock import Clock
from narthex.discovery.kubernetes.metrics import KubernetesMetrics
from narthex.discovery.kubernetes.objects import Json, mapping, text
from narthex.errors import HTTPClientError, NarthexError
from narthex.net import HTTPClient

MAX_LIST_BYTES = 256 * 1024 * 1024  # of one answer
MAX_FRAME_BYTES = 16 * 1024 * 1024  # etcd takes objects of 1.5 MiB
MAX_ERROR_BYTES = 64 * 1024
LIST_TIMEOUT_SECONDS = 60.0
BEGIN_TIMEOUT_SECONDS = 60.0  # until an answer has begun
GONE = 410


class ApiError(NarthexError):
    """An answer other than the one asked for. `status` is an HTTP status, 0 for an answer that cannot be read."""

    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def gone(self) -> bool:
        """Whether the resource version asked for is too old."""
        return self.status == GONE


class Access(Protocol):
    """The way to an API server: its URL, and a client with headers that are good now."""

    server: str
    own_namespace: str

    async def client(self) -> tuple[HTTPClient, Mapping[str, str]]: ...

    def refused(self) -> None:
        """The server answered 401: credentials that are kept must be had anew."""
        ...

    async def close(self) -> None: ...


class Watch:
    """Frames as the server sends them, one JSON object a line."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def close(self) -> None:
        """Makes whoever reads frames fail."""
        self._response.close()

    async def frames(self) -> AsyncGenerator[Json]:
        """Until the server ends the watch."""
        rest = bytearray()
        async for chunk in self._response.content.iter_any():
            *lines, last = chunk.split(b"\n")
            for line in lines:
                rest += line
                if rest.strip():
                    yield decoded(rest)
                rest.clear()
            rest += last
            if len(rest) > MAX_FRAME_BYTES:
                raise ApiError(0, f"a frame is larger than {MAX_FRAME_BYTES // 1024 // 1024} MiB")
        if rest.strip():
            yield decoded(rest)


class Api:
    def __init__(self, access: Access, metrics: KubernetesMetrics, clock: Clock) -> None:
        self._access, self._metrics, self._clock = access, metrics, clock

    async def close(self) -> None:
        await self._access.close()

    async def page(self, path: str, query: Mapping[str, str], accept: str) -> Json:
        """One answer of a list. Raises ApiError, HTTPClientError, aiohttp.ClientError, OSError or TimeoutError."""
        async with await self._get(path, query, accept, LIST_TIMEOUT_SECONDS) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_LIST_BYTES:
                    raise ApiError(0, f"the list is larger than {MAX_LIST_BYTES // 1024 // 1024} MiB")
        found = decoded(body)
        if not isinstance(found.get("items"), list):
            raise ApiError(0, "the answer is not a list of objects")
        return found

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> AsyncIterator[Watch]:
        """A watch of `seconds` at most. Raises as `page`."""
        async with await self._get(path, {"watch": "true", **query}, accept, seconds) as response:
            yield Watch(response)

    async def _get(self, path: str, query: Mapping[str, str], accept: str, seconds: float) -> aiohttp.ClientResponse:
        client, headers = await self._access.client()
        url = URL(self._access.server + path).with_query(query)
        start, status = self._clock.monotonic(), "<error>"
        try:
            async with asyncio.timeout(BEGIN_TIMEOUT_SECONDS):
                response = await client.get(url, timeout_seconds=seconds, headers={"Accept": accept, **headers})
            status = str(response.status)
        finally:
            self._metrics.requests.labels(status).inc()
            self._metrics.request_seconds.labels(path).observe(self._clock.monotonic() - start)
        if response.status != 200:
            if response.status == 401:
                self._access.refused()
            async with response:
                raise await _refusal(response)
        return response


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    status, reason = response.status, response.reason or ""
    try:
        found: Any = orjson.loads(await response.content.read(MAX_ERROR_BYTES))
    except (orjson.JSONDecodeError, aiohttp.ClientError):
        found = None
    message = text(mapping(found).get("message"))
    wait = response.headers.get("Retry-After", "")
    seconds = float(min(int(wait[:9]), 3600)) if wait.isascii() and wait.isdigit() else 0.0
    return ApiError(status, message or f"the server answered {status} {reason}".rstrip(), seconds)


def decoded(data: bytes | bytearray) -> Json:
    try:
        found: Any = orjson.loads(data)
    except orjson.JSONDecodeError as e:
        raise ApiError(0, f"the answer is not JSON: {e}") from None
    if not isinstance(found, dict):
        raise ApiError(0, "the answer is not a JSON object")
    return found


EXPECTED = (ApiError, HTTPClientError, aiohttp.ClientError, OSError, TimeoutError)
"""What fails when the API or the way to it does."""
