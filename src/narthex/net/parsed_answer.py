"""Responses in any form that HTTP/1 allows, read by the full parser in pieces as they come."""

from __future__ import annotations

import httptools

from narthex.errors import HTTPClientError
from narthex.net.answer import MOST_HEAD_BYTES, NO_ANSWER, Answer, BodyLimitExceeded, HeadTooLong
from narthex.net.decompression import CUT_SHORT, Decompressor, decompressor

_FIRST_FINAL_STATUS = 200


class ParsedAnswer:
    """Reads one answer after another: `begin`, then `feed` until it gives one. Methods named on_* are the parser's."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin(0)

    def begin(self, limit: int) -> None:
        """A body of `limit` bytes or more (0: any is fine) raises BodyLimitExceeded."""
        self._limit, self._received, self._head_bytes, self._size = limit, 0, 0, 0
        self._pieces: list[bytes] = []
        self._decompressor: Decompressor | None = None
        self._answer: Answer | None = None
        self._spoiled = self._keeps_connection = False
        self._begin_head()

    def _begin_head(self) -> None:
        self._reason = self._content_type = self._encoding = ""
        self._framed = self._headers_done = False

    def feed(self, data: memoryview) -> Answer | None:
        """The answer, once it is whole. Raises HTTPClientError."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as e:
            self._spoiled = True  # by what follows the answer, perhaps
            if self._answer is None:
                # What a callback of ours raised is the parser's context.
                own = e.__context__ if isinstance(e.__context__, HTTPClientError) else None
                raise own or HTTPClientError(f"malformed HTTP response: {e}") from None
        if not self._headers_done and self._received > MOST_HEAD_BYTES:
            raise HeadTooLong
        answer, self._answer = self._answer, None  # a connection that waits holds no body
        return answer

    def end(self) -> Answer:
        """The connection has ended: gives the answer if that is what ends it. Raises HTTPClientError."""
        if not self._headers_done:
            raise HTTPClientError(NO_ANSWER)
        if self._framed:
            raise HTTPClientError(CUT_SHORT)
        return self._whole()

    @property
    def keeps_connection(self) -> bool:
        """Whether another request may be sent after this answer."""
        return self._keeps_connection and not self._spoiled

    def on_message_begin(self) -> None:
        if self._headers_done:  # a second answer to one request
            raise HTTPClientError("malformed HTTP response: more than one")

    def on_status(self, status: bytes) -> None:
        self._reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise HeadTooLong
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
        else:
            self._answer = self._whole()
            self._keeps_connection = bool(self._parser.should_keep_alive())  # it does not tell later

    def _whole(self) -> Answer:
        if self._decompressor is not None and self._pieces and not self._decompressor.finished:
            raise HTTPClientError(CUT_SHORT)
        pieces, self._pieces = self._pieces, []
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return Answer(self._parser.get_status_code(), self._reason, self._content_type, body)
