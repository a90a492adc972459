"""A client's connection on which one GET at a time is asked, without aiohttp in between: what scrapes run on.

aiohttp makes a request, a response, a stream, a timer and some ten other objects for each request; for a target that is
asked every few seconds, with everything out of the processor's caches in between, that is most of the cost of a scrape.
For the same reason bodies stay where the kernel put them, and answers in the plainest form go round the parser.
"""

from __future__ import annotations

import asyncio
import ssl
from mmap import mmap
from typing import cast

from narthex.errors import HTTPClientError
from narthex.net.answer import NO_ANSWER, Answer, BodyLimitExceeded, ClosedWhileIdle
from narthex.net.decompression import CUT_SHORT, decompressor
from narthex.net.parsed_answer import ParsedAnswer
from narthex.net.plain_answer import PlainHead, plain_head
from narthex.net.receive_buffers import give_buffer, larger_buffer, take_buffer

_PLAIN_HEAD_BYTES = 4096
_END_OF_HEAD = b"\r\n\r\n"


class KeptConnection(asyncio.BufferedProtocol):
    """`ask` sends a request. When `usable` is false a new connection must be made."""

    __slots__ = (
        "_asked",
        "_buffer",
        "_end",
        "_filled",
        "_lent",
        "_limit",
        "_loop",
        "_parsed",
        "_parsing",
        "_plain",
        "_timer",
        "_transport",
        "_waiter",
        "context",
    )

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context` is the TLS that the connection was made with."""
        self.context = context
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = self._limit = 0
        self._buffer: mmap | None = None  # its first `_filled` bytes were received and are not used up
        self._lent: mmap | None = None  # holds the body of the newest answer
        self._filled = self._end = 0
        self._plain: PlainHead | None = None  # of the answer under way; it ends at `_end` of the buffer
        self._parsed: ParsedAnswer | None = None
        self._parsing = False

    @property
    def usable(self) -> bool:
        return self._transport is not None and self._waiter is None and not self._transport.is_closing()

    def ask(self, request: bytes, limit: int, seconds: float | None = None) -> asyncio.Future[Answer]:
        """Sends a whole request. A body of `limit` bytes or more (0: any is fine) raises BodyLimitExceeded.

        The future raises TimeoutError after `seconds`, ClosedWhileIdle, another HTTPClientError or OSError; the
        connection is closed then. Who cancels it must `close`.
        """
        assert self._transport is not None
        self._lent = None  # whoever did not release it may look at it still
        self._limit = limit
        self._asked += 1
        self._waiter = waiter = self._loop.create_future()
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._timed_out)
        self._transport.write(request)
        return waiter

    def _release(self) -> None:
        """The body of the newest answer is needed no more."""
        if self._lent is not None:
            give_buffer(self._lent)
            self._lent = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it

    def get_buffer(self, sizehint: int) -> memoryview:
        buffer = self._buffer
        if buffer is None:
            buffer = self._buffer = take_buffer()
            self._filled = 0
        elif self._filled == len(buffer):
            # At most double: a target may promise any length.
            buffer = self._buffer = larger_buffer(buffer, min(2 * len(buffer), max(self._end, len(buffer) + 1)))
        return memoryview(buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is None or self._waiter.done():  # nothing was asked
            self.close()
            return
        self._filled += nbytes
        try:
            if self._parsing:
                self._parse()
            elif self._plain is not None:
                self._complete_plain(self._plain)
            else:
                self._begin()
        except HTTPClientError as e:
            self._fail(e)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            try:
                self._succeed(self._last_answer(exc))
            except Exception as e:
                self._fail(e)
        self._give_back()

    def _last_answer(self, exc: Exception | None) -> Answer:
        """What came before the connection ended; raises what is wrong with it."""
        if self._parsing and exc is None:
            assert self._parsed is not None
            return self._parsed.end()
        if not self._parsing and self._plain is None and self._asked > 1:
            raise ClosedWhileIdle
        raise exc or HTTPClientError(NO_ANSWER if self._plain is None else CUT_SHORT)

    def _begin(self) -> None:
        """The first bytes of an answer are there."""
        assert self._buffer is not None
        at = self._buffer.find(_END_OF_HEAD, 0, min(self._filled, _PLAIN_HEAD_BYTES))
        head = plain_head(bytes(memoryview(self._buffer)[:at])) if at > 0 else None
        if head is None:
            if self._parsed is None:
                self._parsed = ParsedAnswer()
            self._parsed.begin(self._limit)
            self._parsing = True
            self._parse()
            return
        if self._limit and not head.encoding and head.length >= self._limit:
            raise BodyLimitExceeded
        self._plain, self._end = head, at + len(_END_OF_HEAD) + head.length
        self._complete_plain(head)

    def _complete_plain(self, head: PlainHead) -> None:
        """Ends the answer if all of it is there."""
        if self._filled < self._end:
            return
        assert self._buffer is not None
        body: memoryview | bytes = memoryview(self._buffer)[self._end - head.length : self._end]
        decompress = decompressor(head.encoding) if head.encoding else None
        if decompress is None:
            self._lent, self._buffer = self._buffer, None
        else:
            body = decompress.feed(body, self._limit)
            if self._limit and len(body) >= self._limit:
                raise BodyLimitExceeded
            if head.length and not decompress.finished:
                raise HTTPClientError(CUT_SHORT)
        keep = self._filled == self._end and not head.close
        self._succeed(Answer(head.status, head.reason, head.content_type, body, self._release))
        if not keep:
            self.close()

    def _parse(self) -> None:
        assert self._buffer is not None
        assert self._parsed is not None
        received, self._filled = memoryview(self._buffer)[: self._filled], 0
        answer = self._parsed.feed(received)
        if answer is None:
            return
        self._succeed(answer)
        if not self._parsed.keeps_connection:
            self.close()

    def _succeed(self, answer: Answer) -> None:
        waiter = self._ended()
        if waiter is not None:
            waiter.set_result(answer)

    def _fail(self, error: BaseException) -> None:
        waiter = self._ended()
        if waiter is not None:
            waiter.set_exception(error)
        self.close()

    def _timed_out(self) -> None:
        self._fail(TimeoutError())

    def _ended(self) -> asyncio.Future[Answer] | None:
        """The answer under way is none any more: gives who waits for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._buffer is not None:
            self._give_back()
        waiter, self._waiter = self._waiter, None
        self._plain, self._end, self._parsing = None, 0, False
        return None if waiter is None or waiter.done() else waiter

    def _give_back(self) -> None:
        """An idle connection has no buffer."""
        if self._buffer is not None:
            give_buffer(self._buffer)
            self._buffer = None
