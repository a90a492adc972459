"""Which heads of responses count as plain, and that the full parser agrees about those."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import HTTPClientError
from narthex.net.parsed_answer import ParsedAnswer
from narthex.net.plain_answer import PlainHead, plain_head

HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 12"


def test_status_type_encoding_and_length_are_read() -> None:
    assert plain_head(HEAD) == PlainHead(200, "OK", "text/plain", "", 12, close=False)
    other = b"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nCONTENT-ENCODING: \tGZip \r\nConnection: Close"
    assert plain_head(other) == PlainHead(404, "Not Found", "", "gzip", 0, close=True)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        HEAD.replace(b"1.1", b"1.0"),
        HEAD.replace(b"200", b"100"),
        HEAD.replace(b"200", b"204"),
        HEAD.replace(b"200", b"304"),
        HEAD.replace(b"200", b"600"),
        HEAD.replace(b"200", b"2x0"),
        HEAD.replace(b"200 OK", b"200"),
        HEAD.replace(b"OK", b"\xff"),
        HEAD.replace(b": 12", b": -1"),
        HEAD.replace(b": 12", b": "),
        HEAD.replace(b": 12", b": 1234567890"),
        HEAD.replace(b"Content-Length: 12", b"X: y"),
        HEAD + b"\r\nContent-Length: 12",
        HEAD + b"\r\nTransfer-Encoding: chunked",
        HEAD + b"\r\nConnection: upgrade",
        HEAD + b"\r\nTrailer: x",
        HEAD + b"\r\nX : y",
        HEAD + b"\r\n folded",
        HEAD + b"\r\nX",
        HEAD + b"\r\nX: a\nb",
        HEAD + b"\r\nX: \x00",
        HEAD.replace(b": 12", b": 2000000") + b"\r\nContent-Encoding: gzip",
    ],
)
def test_anything_else_is_left_to_the_full_parser(head: bytes) -> None:
    assert plain_head(head) is None


PIECES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 503 ", b"HTTP/1.0 200 OK", b"\r\n", b"\n", b"\r", b":", b" ", b"\t"),
        *(b"Content-Length: 3", b"content-length:0", b"Content-Length: +3", b"Transfer-Encoding: chunked", b"X: \t y "),
        *(b"Connection: close", b"connection: Keep-Alive", b"Content-Type: a/b; c=d", b"\x00", b"\xe9", b"ab"),
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_the_full_parser_understands_a_plain_head_in_the_same_way(pieces: list[bytes]) -> None:
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"".join(pieces), b"Content-Length: 3"])
    ours = plain_head(head)
    if ours is None or ours.encoding:
        return
    body = b"abc"[: ours.length]
    parsed = ParsedAnswer()
    try:
        answer = parsed.feed(memoryview(head + b"\r\n\r\n" + body))
    except HTTPClientError as e:
        raise AssertionError(f"{head!r} is not plain: {e}") from e
    assert answer is not None
    assert answer[:4] == (ours.status, ours.reason, ours.content_type, body)
    assert parsed.keeps_connection != ours.close
