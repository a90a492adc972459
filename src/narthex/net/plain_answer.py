"""Responses in their plainest form: HTTP/1.1, a body of a length that is told in advance, nothing unusual.

Anything else (chunks, bodies that end with the connection, informational responses, repeated headers) is left to the
full parser.
"""

from __future__ import annotations

from typing import NamedTuple

from narthex.net.plain_fields import SHOWN, closes, plain_fields, plain_length

_VERSION = b"HTTP/1.1 "
_FIRST_FINAL, _LAST = 200, 599
_WITHOUT_BODY = frozenset((204, 205, 304))
_MOST_COMPRESSED = 1 << 20  # bytes; longer ones are decompressed while they come


class PlainHead(NamedTuple):
    status: int
    reason: str
    content_type: str
    encoding: str  # in lower case, empty for none
    length: int  # bytes of the body as it is sent
    close: bool  # the server ends the connection after it


def plain_head(head: bytes) -> PlainHead | None:
    """What status line and headers say, without the empty line that ends them, if they are plain."""
    first, _, rest = head.partition(b"\r\n")
    version, code, blank, reason = first[:9], first[9:12], first[12:13], first[13:]
    fields = plain_fields(rest)
    if version != _VERSION or blank != b" " or not code.isdigit() or reason.translate(None, SHOWN) or fields is None:
        return None
    status = int(code)
    if not _FIRST_FINAL <= status <= _LAST or status in _WITHOUT_BODY:
        return None
    length, close = plain_length(fields.get(b"content-length", b"")), closes(fields)
    encoding = fields.get(b"content-encoding", b"").lower()
    if length is None or close is None or (encoding and length > _MOST_COMPRESSED):
        return None
    content_type = fields.get(b"content-type", b"").decode("ascii")
    return PlainHead(status, reason.decode("ascii"), content_type, encoding.decode("ascii"), length, close)
