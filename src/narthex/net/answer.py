"""What a GET over a kept connection gives, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from narthex.errors import HTTPClientError

MOST_HEAD_BYTES = 1 << 19
"""Status line and headers of a response, together. Exporters send some hundred."""


def _nothing() -> None:
    """Bodies that nobody else owns need no care."""


class Answer(NamedTuple):
    """The body is sound until `release` is called, and the next request of the same connection."""

    status: int
    reason: str
    content_type: str
    body: bytes | memoryview  # decompressed
    release: Callable[[], None] = _nothing


class BodyLimitExceeded(HTTPClientError):
    """The body, decompressed, has as many bytes as the limit or more."""

    def __init__(self) -> None:
        super().__init__("body size limit exceeded")


class ClosedWhileIdle(HTTPClientError):
    """A kept connection ended before a byte of the answer came: the request may be sent again on a new one."""

    def __init__(self) -> None:
        super().__init__(NO_ANSWER)


class HeadTooLong(HTTPClientError):
    def __init__(self) -> None:
        super().__init__("malformed HTTP response: headers are too long")


NO_ANSWER = "the server closed the connection without an answer"
