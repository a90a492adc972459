"""A client's connection on which one GET at a time is asked, without aiohttp in between: what scrapes run on.

aiohttp makes a request, a response, a stream, a timer and some ten other objects for each request; for a target that is
asked every few seconds, with everything out of the processor's caches in between, that is most of the cost of a scrape.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple, cast

import httptools

from narthex.errors import HTTPClientError
from narthex.net.decompression import CUT_SHORT, Decompressor, decompressor

MOST_HEAD_BYTES = 1 << 19
"""Status line and headers of a response, together. Exporters send some hundred."""

_FIRST_FINAL_STATUS = 200


class Answer(NamedTuple):
    status: int
    reason: str
    content_type: str
    body: bytes  # decompressed


class BodyLimitExceeded(HTTPClientError):
    """The body, decompressed, has as many bytes as the limit or more."""

    def __init__(self) -> None:
        super().__init__("body size limit exceeded")


class ClosedWhileIdle(HTTPClientError):
    """A kept connection ended before a byte of the answer came: the request may be sent again on a new one."""

    def __init__(self) -> None:
        super().__init__("the server closed the connection without an answer")


class _TooLong(HTTPClientError):
    def __init__(self) -> None:
        super().__init__("malformed HTTP response: headers are too long")


class KeptConnection(asyncio.Protocol):
    """`ask` sends a request and gives its answer. When `usable` is false a new connection must be made.

    Methods named on_* are called by the parser.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context` is the TLS that the connection was made with."""
        self.context = context
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._asked = 0
        self._begin(0)

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._waiter is None

    async def ask(self, request: bytes, limit: int) -> Answer:
        """Sends a whole request. A body of `limit` bytes or more (0: any is fine) raises BodyLimitExceeded.

        Raises ClosedWhileIdle, another HTTPClientError or OSError; then, and when it is cancelled, the connection is
        closed.
        """
        assert self._transport is not None
        self._begin(limit)
        self._asked += 1
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._waiter = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():  # nothing was asked
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as e:
            # What a callback of ours raised is the parser's context.
            own = e.__context__ if isinstance(e.__context__, HTTPClientError) else None
            self._fail(own or HTTPClientError(f"malformed HTTP response: {e}"))
        else:
            if not self._headers_done and self._received > MOST_HEAD_BYTES:
                self._fail(_TooLong())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is None or self._waiter.done():
            return
        if not self._received and self._asked > 1:
            self._fail(ClosedWhileIdle())
        elif exc is not None:
            self._fail(exc)
        elif not self._headers_done:
            self._fail(HTTPClientError("the server closed the connection without an answer"))
        elif self._ends_with_connection:
            self._complete()
        else:
            self._fail(HTTPClientError(CUT_SHORT))

    def _begin(self, limit: int) -> None:
        self._limit, self._received, self._head_bytes, self._size = limit, 0, 0, 0
        self._pieces: list[bytes] = []
        self._decompressor: Decompressor | None = None
        self._begin_head()

    def _begin_head(self) -> None:
        self._reason = self._content_type = self._encoding = ""
        self._framed = self._headers_done = False

    @property
    def _ends_with_connection(self) -> bool:
        return not self._framed

    def on_message_begin(self) -> None:
        if self._headers_done:  # a second answer to one request
            raise HTTPClientError("malformed HTTP response: more than one")

    def on_status(self, status: bytes) -> None:
        self._reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise _TooLong
        match name.lower():
            case b"content-type":
                self._content_type = value.decode("latin-1")
            case b"content-encoding":
                self._encoding = value.decode("latin-1").lower()
            case b"content-length" | b"transfer-encoding":
                self._framed = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            return
        self._headers_done = True
        self._decompressor = decompressor(self._encoding)

    def on_body(self, data: bytes) -> None:
        if self._decompressor is not None:
            data = self._decompressor.feed(data, self._limit - self._size if self._limit else 0)
        self._size += len(data)
        if self._limit and self._size >= self._limit:
            raise BodyLimitExceeded
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        if not self._headers_done:  # an informational response; the answer is still to come
            self._begin_head()
            return
        self._complete()
        if not self._parser.should_keep_alive():
            self.close()

    def _complete(self) -> None:
        if self._decompressor is not None and self._pieces and not self._decompressor.finished:
            self._fail(HTTPClientError(CUT_SHORT))
            return
        if self._waiter is not None and not self._waiter.done():
            pieces, self._pieces = self._pieces, []
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._waiter.set_result(Answer(self._parser.get_status_code(), self._reason, self._content_type, body))

    def _fail(self, error: BaseException) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()
