"""One GET that is sent again and again, as scrapes are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from narthex.net.kept_connection import Answer, BodyLimitExceeded, ClosedWhileIdle, KeptConnection

NO_HEADERS: Mapping[str, str] = {}


class PlainWay:
    """How to ask without aiohttp: `request` makes the bytes that go out, `tls` gives the context to use now (None for
    plain HTTP), `dial` a connection made with it."""

    def __init__(
        self,
        request: Callable[[], bytes],
        tls: Callable[[], ssl.SSLContext | None],
        dial: Callable[[ssl.SSLContext | None], Awaitable[KeptConnection]],
    ) -> None:
        self._request, self._tls, self._dial = request, tls, dial
        self._connection: KeptConnection | None = None

    async def ask(self, limit: int, headers: Mapping[str, str]) -> Answer:
        request, context, connection = self._request(), self._tls(), self._connection
        if headers:
            more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            request = request[:-2] + more.encode() + b"\r\n"
        if connection is not None and connection.usable and connection.context is context:
            try:
                return await connection.ask(request, limit)
            except ClosedWhileIdle:
                pass
        self.close()
        self._connection = connection = await self._dial(context)
        return await connection.ask(request, limit)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class RepeatedGet:
    """`fetch` asks over a connection of its own that stays open in between, `close` ends that.

    Requests that need more than that (a proxy, OAuth2, a redirect to follow) go through aiohttp.
    """

    def __init__(
        self,
        plain: PlainWay | None,
        other: Callable[[Mapping[str, str]], Awaitable[aiohttp.ClientResponse]],
        timeout_seconds: float,
        redirects: frozenset[int],
    ) -> None:
        """`redirects` are the statuses that are not an answer but followed by `other`."""
        self._plain, self._other, self._timeout, self._redirects = plain, other, timeout_seconds, redirects

    async def fetch(self, limit: int = 0, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
        """The whole answer, whatever its status. A body of `limit` bytes or more (0: any) raises BodyLimitExceeded.
        `headers` are of this request alone.

        Otherwise raises what HTTPClient.request does.
        """
        async with asyncio.timeout(self._timeout):
            if self._plain is not None:
                answer = await self._plain.ask(limit, headers)
                if answer.status not in self._redirects:
                    return answer
                self.close()
                self._plain = None  # it will redirect again
            return await self._through_aiohttp(limit, headers)

    def close(self) -> None:
        if self._plain is not None:
            self._plain.close()

    async def _through_aiohttp(self, limit: int, headers: Mapping[str, str]) -> Answer:
        async with await self._other(headers) as response:
            pieces: list[bytes] = []
            size = 0
            while piece := await response.content.readany():
                size += len(piece)
                if limit and size >= limit:
                    raise BodyLimitExceeded
                pieces.append(piece)
            content_type = response.headers.get("Content-Type", "")
            return Answer(response.status, response.reason or "", content_type, b"".join(pieces))
