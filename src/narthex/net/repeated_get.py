"""One GET that is sent again and again, as scrapes are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from narthex.net.answer import Answer, BodyLimitExceeded, ClosedWhileIdle
from narthex.net.kept_connection import KeptConnection

NO_HEADERS: Mapping[str, str] = {}


class PlainWay:
    """How to ask without aiohttp: `request` is what goes out or makes it anew each time, `tls` gives the context to use
    now (None: plain HTTP), `dial` a connection made with it."""

    def __init__(
        self,
        request: bytes | Callable[[], bytes],
        tls: Callable[[], ssl.SSLContext] | None,
        dial: Callable[[ssl.SSLContext | None], Awaitable[KeptConnection]],
    ) -> None:
        self._request, self._tls, self._dial = request, tls, dial
        self._connection: KeptConnection | None = None

    def ask_kept(self, limit: int, headers: Mapping[str, str], seconds: float) -> asyncio.Future[Answer] | None:
        """Asks over the connection that is open; None when there is none of use."""
        connection = self._connection
        if connection is None or not connection.usable:
            return None
        if self._tls is not None and connection.context is not self._tls():
            return None
        return connection.ask(self._bytes(headers), limit, seconds)

    async def ask_anew(self, limit: int, headers: Mapping[str, str]) -> Answer:
        """Asks over a new connection."""
        self.close()
        self._connection = await self._dial(None if self._tls is None else self._tls())
        return await self._connection.ask(self._bytes(headers), limit)

    def _bytes(self, headers: Mapping[str, str]) -> bytes:
        request = self._request if isinstance(self._request, bytes) else self._request()
        if headers:
            more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            request = request[:-2] + more.encode() + b"\r\n"
        return request

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
        until = asyncio.get_running_loop().time() + self._timeout
        try:
            if self._plain is not None:
                asked = self._plain.ask_kept(limit, headers, self._timeout)
                if asked is not None:
                    try:
                        answer = await asked
                    except ClosedWhileIdle:
                        pass
                    else:
                        if answer.status not in self._redirects:
                            return answer
                        self._redirected()
            async with asyncio.timeout_at(until):
                return await self._anew(limit, headers)
        except BaseException:
            self.close()
            raise

    async def _anew(self, limit: int, headers: Mapping[str, str]) -> Answer:
        if self._plain is not None:
            answer = await self._plain.ask_anew(limit, headers)
            if answer.status not in self._redirects:
                return answer
            self._redirected()
        return await self._through_aiohttp(limit, headers)

    def _redirected(self) -> None:
        self.close()
        self._plain = None  # it will redirect again

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
