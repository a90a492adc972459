"""Requests in their plainest form: one read from the socket that holds exactly one whole request.

Anything that could be understood in two ways (a repeated header, a body of unknown length, unusual characters, more
than one request, a part of one) is not plain, and is left to the full parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from narthex.net.plain_fields import closes, plain_fields, plain_length

MOST_HEAD = 8190  # bytes
MOST_REMEMBERED = 1024  # bytes of headers
_START = re.compile(rb"(GET|POST) (/[!-\"$-~]*) HTTP/1\.1\Z")


@dataclass(slots=True)
class PlainRequest:
    """`path` and `query` as they were sent, percent signs and all; names of headers in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: bytes
    close: bool
    """Whether the client wants the connection closed after the answer."""


def plain_request(data: bytes) -> PlainRequest | None:
    """The request that `data` is, if it is exactly one whole one in the plainest form."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or len(head) > MOST_HEAD:
        return None
    first, _, fields = head.partition(b"\r\n")
    start = _START.match(first)
    plain = _plain_headers(fields) if len(fields) <= MOST_REMEMBERED else _plain_headers.__wrapped__(fields)
    if start is None or plain is None:
        return None
    headers, length, close = plain
    if len(body) != length:
        return None
    method, target = start.groups()
    path, _, query = target.decode("ascii").partition("?")
    return PlainRequest(method.decode("ascii"), path, query, headers, body, close)


@lru_cache(256)  # a client's requests differ in their first line
def _plain_headers(text: bytes) -> tuple[Mapping[bytes, bytes], int, bool] | None:
    """Headers, the length of the body and whether to close, of headers that are plain."""
    headers = plain_fields(text)
    if headers is None or b"host" not in headers or b"content-encoding" in headers:
        return None
    length, close = plain_length(headers.get(b"content-length", b"0")), closes(headers)
    return None if length is None or close is None else (headers, length, close)
