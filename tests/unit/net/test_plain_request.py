"""Which bytes count as exactly one whole request in its plainest form."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from narthex.net.plain_request import PlainRequest, plain_request

GET = b"GET /api/v1/labels?start=1&x=%20 HTTP/1.1\r\nHost: a:1\r\nUser-Agent: curl/8 (x)\r\nAccept: */*\r\n\r\n"
POST = b"POST /q HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\ncontent-length: 3\r\nConnection: close\r\n\r\na=b"


def test_a_get_without_a_body_is_plain() -> None:
    request = plain_request(GET)
    assert request == PlainRequest(
        "GET",
        "/api/v1/labels",
        "start=1&x=%20",
        {b"host": b"a:1", b"user-agent": b"curl/8 (x)", b"accept": b"*/*"},
        b"",
        close=False,
    )


def test_a_post_with_all_of_its_body_is_plain() -> None:
    request = plain_request(POST)
    assert request is not None
    assert (request.method, request.path, request.body, request.close) == ("POST", "/q", b"a=b", True)


@pytest.mark.parametrize(
    "data",
    [
        GET[:-1],
        GET[:20],
        GET + b"G",
        GET + GET,
        POST[:-1],
        POST + b"x",
        b"",
        b"\r\n\r\n",
        GET.replace(b"GET", b"get"),
        GET.replace(b"GET", b"HEAD"),
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET.replace(b"/api", b"http://a/api", 1),
        GET.replace(b"?start", b"#start"),
        GET.replace(b"\r\nAccept", b"\nAccept"),
        GET.replace(b"Accept:", b"Accept :"),
        GET.replace(b"Accept:", b" Accept:"),
        GET.replace(b"Accept:", b"Host:"),
        GET.replace(b"Host:", b"X:"),
        GET.replace(b"*/*", b"\x00"),
        GET.replace(b"*/*", b"\xff"),
        GET.replace(b"Accept: */*", b"Transfer-Encoding: chunked"),
        GET.replace(b"Accept: */*", b"Upgrade: h2c"),
        GET.replace(b"Accept: */*", b"Connection: upgrade"),
        GET.replace(b"Accept: */*", b"Expect: 100-continue"),
        POST.replace(b": 3", b": +3"),
        POST.replace(b": 3", b": 3, 3"),
        POST.replace(b": 3", b": "),
        GET.replace(b"curl", b"c" * 9000),
    ],
)
def test_anything_else_is_left_to_the_full_parser(data: bytes) -> None:
    assert plain_request(data) is None


PIECES = st.sampled_from(
    [
        *(b"GET", b"POST", b" ", b"/", b"/a?b=c", b"HTTP/1.1", b"\r\n", b"\n", b"\r", b":", b"Host: x", b"\r\n\r\n"),
        *(
            b"Content-Length: 2",
            b"Content-Length:0",
            b"Transfer-Encoding: chunked",
            b"X: \t y ",
            b"ab",
            b"\x00",
            b"\xe9",
        ),
        *(
            b"Connection: close",
            b"connection: Keep-Alive",
            b"GET / HTTP/1.1\r\n",
            b"POST /x HTTP/1.1\r\n",
            b"#",
            b"%zz",
        ),
    ]
)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_what_counts_as_plain_is_one_whole_request_to_the_full_parser_too(data: bytes) -> None:
    ours = plain_request(data)
    if ours is None:
        return
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
        messages, upgraded, tail = parser.feed_data(data)
    finally:
        loop.close()
    assert (len(messages), upgraded, tail) == (1, False, b"")
    message, payload = messages[0]
    assert payload.is_eof()
    target = f"{ours.path}?{ours.query}" if ours.query else ours.path
    assert (message.method, message.path.rstrip("?")) == (ours.method, target.rstrip("?"))
    assert message.should_close == ours.close
    assert {k.lower().encode(): v.encode().strip() for k, v in message.headers.items()} == ours.headers
