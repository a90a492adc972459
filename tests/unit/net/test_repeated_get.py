"""GETs over a kept connection, against a server that sends the bytes that a test gives it."""

from __future__ import annotations

import asyncio
import gzip
import resource
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from yarl import URL

from narthex.config.http_client import HTTPClientConfig
from narthex.config.strict import load
from narthex.errors import HTTPClientError
from narthex.files.zstd import zstd
from narthex.net import HTTPClient, explain
from narthex.net.answer import MOST_HEAD_BYTES, BodyLimitExceeded
from narthex.net.decompression import CUT_SHORT
from narthex.net.receive_buffers import SIZE
from narthex.net.repeated_get import RepeatedGet

TEXT = b"up 1\n" * 100


def whole(body: bytes, *headers: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Script:
    """Answers each request with the next of its answers; None closes the connection instead."""

    def __init__(self, *answers: bytes | None, hang_up: bool = False) -> None:
        self.answers, self.hang_up = list(answers), hang_up
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                for at in range(0, len(answer), 70_000):  # in several reads
                    writer.write(answer[at : at + 70_000])
                    await writer.drain()
                if self.hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def asked(
    script: Script, config: str = "", timeout: float = 5.0, tls: ssl.SSLContext | None = None, path: str = "/metrics"
) -> AsyncIterator[RepeatedGet]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    url = URL(f"{'https' if tls else 'http'}://localhost:{port}{path}")
    async with server, HTTPClient(load(HTTPClientConfig, config, "f.yml")) as http:
        get = http.prepare_get(url, timeout, {"Accept": "text/plain"})
        try:
            yield get
        finally:
            get.close()


async def test_one_connection_serves_all_requests() -> None:
    script = Script(*[whole(TEXT, "Content-Type: text/plain")] * 3)
    async with asked(script, path="/a%20b?x=%C3%A9") as get:
        for _ in range(3):
            answer = await get.fetch()
            assert (answer.status, answer.reason, answer.content_type) == (200, "OK", "text/plain")
            assert answer.body == TEXT
    assert script.connections == 1
    assert script.requests[0].startswith(b"GET /a%20b?x=%C3%A9 HTTP/1.1\r\nHost: localhost:")
    assert b"\r\nAccept: text/plain\r\n" in script.requests[0]


_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n4\r\nup 1\r\n1;a=b\r\n\n\r\n0\r\nX: y\r\n\r\n"
)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (whole(b""), b""),
        (_CHUNKED, b"up 1\n"),
        (whole(gzip.compress(TEXT, mtime=0), "Content-Encoding: gzip"), TEXT),
        (
            whole(gzip.compress(TEXT, mtime=0) + gzip.compress(b"x 1\n", mtime=0), "Content-Encoding: GZIP"),
            TEXT + b"x 1\n",
        ),
        (whole(zstd.compress(TEXT), "Content-Encoding: zstd"), TEXT),
        (whole(TEXT, "Content-Encoding: identity"), TEXT),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(TEXT), TEXT),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(TEXT), TEXT),
        (whole(TEXT, version="1.0"), TEXT),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_bodies_come_in_every_framing(answer: bytes, body: bytes) -> None:
    script = Script(answer, answer)
    async with asked(script) as get:
        assert (await get.fetch()).body == body
        assert (await get.fetch()).body == body
    assert script.connections == (2 if answer.startswith(b"HTTP/1.0") else 1)


@pytest.mark.parametrize("size", [SIZE - 30, SIZE, 3 * SIZE, 3_000_000])
async def test_a_body_longer_than_a_buffer_comes_whole(size: int) -> None:
    first, second = b"a" * size, b"b" * size
    async with asked(Script(whole(first), whole(second))) as get:
        answer = await get.fetch()
        assert answer.body == first
        answer.release()
        assert (await get.fetch()).body == second


async def test_a_body_is_sound_as_long_as_nobody_releases_it() -> None:
    async with asked(Script(whole(TEXT), whole(b"b" * len(TEXT)))) as get:
        kept = await get.fetch()
        await get.fetch()
        assert kept.body == TEXT


async def test_a_promise_of_a_huge_body_takes_no_memory() -> None:
    promise = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"a" * 2_000_000
    async with asked(Script(promise, hang_up=True)) as get:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(HTTPClientError, match=CUT_SHORT):
            await get.fetch()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


async def test_a_body_of_a_length_over_the_limit_is_refused_before_it_comes() -> None:
    async with asked(Script(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as get:
        with pytest.raises(BodyLimitExceeded):
            await get.fetch(1000)


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    script = Script(b"HTTP/1.1 200 OK\r\n\r\nup 1\n", b"HTTP/1.0 200 OK\r\n\r\nup 2\n", hang_up=True)
    async with asked(script) as get:
        assert [(await get.fetch()).body for _ in range(2)] == [b"up 1\n", b"up 2\n"]
    assert script.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_opened_again_without_a_failure() -> None:
    script = Script(whole(TEXT), None, whole(TEXT))
    async with asked(script) as get:
        assert (await get.fetch()).body == TEXT
        assert (await get.fetch()).body == TEXT
    assert script.connections == 2
    assert len(script.requests) == 3


async def test_a_server_that_asks_for_it_gets_a_new_connection_each_time() -> None:
    script = Script(*[whole(TEXT, "Connection: close")] * 2)
    async with asked(script) as get:
        for _ in range(2):
            assert (await get.fetch()).body == TEXT
    assert script.connections == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, "the server closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the server closed the connection without an answer"),
        (whole(TEXT)[:-1], CUT_SHORT),
        (_CHUNKED[:-20], CUT_SHORT),
        (
            whole(gzip.compress(TEXT, mtime=0)[:-9], "Content-Encoding: gzip"),
            CUT_SHORT,
        ),
        (whole(TEXT, "Content-Encoding: gzip"), CUT_SHORT),
        (
            whole(zstd.compress(TEXT)[:-1], "Content-Encoding: zstd"),
            CUT_SHORT,
        ),
        (whole(TEXT, "Content-Encoding: br"), "the response has Content-Encoding br, which was not asked for"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed HTTP response: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "malformed HTTP response: "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed HTTP response: "),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * MOST_HEAD_BYTES + b"\r\nY: b\r\n\r\n",
            "malformed HTTP response: headers are too long",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MOST_HEAD_BYTES + 1), "malformed HTTP response: headers are too long"),
    ],
)
async def test_a_broken_answer_is_a_failure_in_words_and_the_next_request_is_on_its_own(
    answer: bytes | None, error: str
) -> None:
    script = Script(answer, whole(TEXT), hang_up=True)
    async with asked(script) as get:
        with pytest.raises(HTTPClientError) as caught:
            await get.fetch()
        assert explain(caught.value).startswith(error)
        assert (await get.fetch()).body == TEXT
    assert script.connections == 2


async def test_bytes_that_nobody_asked_for_are_never_taken_for_the_next_answer() -> None:
    script = Script(whole(TEXT) + whole(b"forged 1\n"), whole(b"true 1\n"))
    async with asked(script) as get:
        assert (await get.fetch()).body == TEXT
        assert (await get.fetch()).body == b"true 1\n"
    assert script.connections == 2


@pytest.mark.parametrize("limit", [1, len(TEXT) - 1, len(TEXT), len(TEXT) + 1])
@pytest.mark.parametrize(
    "answer",
    [
        whole(TEXT),
        whole(gzip.compress(TEXT, mtime=0), "Content-Encoding: gzip"),
        whole(zstd.compress(TEXT), "Content-Encoding: zstd"),
    ],
)
async def test_a_body_of_the_limit_or_more_is_refused(answer: bytes, limit: int) -> None:
    async with asked(Script(answer)) as get:
        if limit > len(TEXT):
            assert (await get.fetch(limit)).body == TEXT
        else:
            with pytest.raises(BodyLimitExceeded):
                await get.fetch(limit)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
async def test_a_bomb_is_refused_at_the_limit_and_takes_no_memory(compress: Callable[[bytes], bytes]) -> None:
    bomb = whole(compress(bytes(100_000_000)), f"Content-Encoding: {compress.__module__.split('.')[-1].strip('_')}")
    async with asked(Script(bomb)) as get:
        tracemalloc.start()
        try:
            with pytest.raises(BodyLimitExceeded):
                await get.fetch(1_000_000)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


async def test_an_answer_that_does_not_come_in_time_is_given_up_with_its_connection() -> None:
    release = asyncio.Event()
    script = Script(whole(TEXT))

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not script.connections:
            script.connections += 1
            writer.write(whole(TEXT)[:50])
            await release.wait()
            writer.close()
        else:
            await script.serve(reader, writer)

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    async with server, HTTPClient(HTTPClientConfig()) as http:
        get = http.prepare_get(URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"), 0.05, {})
        with pytest.raises(TimeoutError):
            await get.fetch()
        release.set()
        assert (await get.fetch()).body == TEXT
        get.close()


async def test_nobody_there_says_where_it_was_looked_for() -> None:
    async with HTTPClient(HTTPClientConfig()) as http:
        for url, words in (
            ("http://127.0.0.1:1/", "dial 127.0.0.1:1: connection refused"),
            ("http://nowhere.invalid:80/", "lookup nowhere.invalid: no such host"),
        ):
            with pytest.raises(HTTPClientError) as caught:
                await http.prepare_get(URL(url), 5, {}).fetch()
            assert explain(caught.value) == words


async def test_tls_is_spoken_and_its_certificate_checked(tmp_path: Path) -> None:
    ca, other = trustme.CA(), trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(server)
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    script = Script(*[whole(TEXT)] * 3)
    async with asked(script, f"tls_config: {{ca_file: {file}}}", tls=server) as get:
        for _ in range(2):
            assert (await get.fetch()).body == TEXT
        assert script.connections == 1
        other.cert_pem.write_to_path(str(file))  # read anew: the connection made with the old one is not used on
        with pytest.raises(HTTPClientError, match="tls: failed to verify certificate: "):
            await get.fetch()


async def test_a_redirect_is_followed_or_is_the_answer() -> None:
    away = whole(b"", "Location: /elsewhere", status="302 Found")
    async with asked(Script(away, away, whole(TEXT))) as get:
        assert (await get.fetch()).body == TEXT
    async with asked(Script(away), "follow_redirects: false") as get:
        assert (await get.fetch()).status == 302
