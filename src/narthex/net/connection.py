"""A server's connections: aiohttp's, with a way round it for plain requests that are answered at once.

aiohttp makes a task, a future, a request and a response for each request, and a parser for each connection; for an
answer that takes some microseconds that is most of the cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import web

from narthex.net.plain_request import PlainRequest, plain_request

AnswerAtOnce = Callable[[PlainRequest], bytes | None]
"""Gives a whole HTTP/1.1 response, or None to leave the request to aiohttp. Must not block and must not raise."""
AT_ONCE: web.AppKey[AnswerAtOnce] = web.AppKey("AT_ONCE")
"""Where an application keeps its way round aiohttp, if it has one."""


MOST_HEAD = 1 << 20
"""Bytes of a request line, and of a header, that are taken, as in Go: queries come in URLs."""


class NewConnection(asyncio.Protocol):
    """A connection on which aiohttp was not needed so far. It is in `open` while that holds."""

    __slots__ = ("_at_once", "_idle_seconds", "_loop", "_open", "_server", "_timer", "_transport", "_used")

    def __init__(
        self, server: web.Server, at_once: AnswerAtOnce, idle_seconds: float, open: set[NewConnection]
    ) -> None:
        self._server, self._at_once, self._idle_seconds, self._open = server, at_once, idle_seconds, open
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self._open.add(self)
        self._used = self._loop.time()
        self._timer = self._loop.call_later(self._idle_seconds, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        request = plain_request(data)
        assert self._transport is not None
        if request is None or not answer(self._transport, request, self._at_once):
            self._hand_over(self._transport, data)
        else:
            self._used = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _close_if_idle(self) -> None:
        closing = self._used + self._idle_seconds
        if self._loop.time() >= closing:
            self.close()
        else:
            self._timer = self._loop.call_at(closing, self._close_if_idle)

    def _leave(self) -> None:
        self._open.discard(self)
        self._timer.cancel()

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> None:
        self._leave()
        successor = Connection(self._server, self._at_once, self._loop, self._idle_seconds)
        transport.set_protocol(successor)
        successor.connection_made(transport)
        successor.data_received(data)


class Connection(web.RequestHandler):
    """A plain request is answered at once, if it can be and aiohttp owes no answer on this connection.

    Once something that is not a plain request came, all goes to aiohttp: whether its parser holds the beginning of
    another request cannot be seen from outside.
    """

    __slots__ = ("_at_once", "_finished", "_forwarded", "_idle_seconds", "_plain")

    def __init__(
        self, server: web.Server, at_once: AnswerAtOnce, loop: asyncio.AbstractEventLoop, idle_seconds: float
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None turns it off, as in the arguments of AppRunner
            keepalive_timeout=idle_seconds,
            max_line_size=MOST_HEAD,
            max_field_size=MOST_HEAD,
        )
        self._at_once, self._idle_seconds = at_once, idle_seconds
        self._plain = True
        self._forwarded = self._finished = 0  # plain requests given to aiohttp, and those it has answered

    def data_received(self, data: bytes) -> None:
        if self._plain:
            request = plain_request(data)
            if request is None:
                self._plain = False
            elif (
                self._forwarded == self._finished
                and self.transport is not None
                and answer(self.transport, request, self._at_once)
            ):
                self._next_keepalive_close_time = self._loop.time() + self._idle_seconds
                return
            else:
                self._forwarded += 1
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._finished += 1


def answer(transport: asyncio.Transport, request: PlainRequest, at_once: AnswerAtOnce) -> bool:
    """Whether the request could be answered at once, and was."""
    if transport.is_closing() or transport.get_write_buffer_size():  # a client that does not read must wait
        return False
    response = at_once(request)
    if response is None:
        return False
    transport.write(response)
    if request.close:
        transport.close()
    return True
