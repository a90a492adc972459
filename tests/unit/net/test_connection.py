"""Connections on which plain requests are answered beside aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from narthex.net.connection import AT_ONCE, AnswerAtOnce
from narthex.net.plain_request import PlainRequest
from narthex.net.server import Listeners, WebConfigFile

AT_ONCE_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nquick!"


class Server:
    """Answers /quick at once and everything else in aiohttp."""

    def __init__(self) -> None:
        self.at_once: list[str] = []
        self.by_aiohttp: list[str] = []
        self.hold: asyncio.Event | None = None

    def answer(self, request: PlainRequest) -> bytes | None:
        if request.path != "/quick":
            return None
        self.at_once.append(request.path)
        return AT_ONCE_ANSWER

    async def handle(self, request: web.Request) -> web.Response:
        self.by_aiohttp.append(request.path)
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(text="slow" + await request.text())

    @asynccontextmanager
    async def running(self, file: Path | None = None, limit: int = 512, idle: float = 300.0) -> AsyncIterator[int]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.handle)
        answer: AnswerAtOnce = self.answer
        application[AT_ONCE] = answer
        listeners = Listeners(
            application,
            [("127.0.0.1", 0)],
            web_config=WebConfigFile(file) if file else None,
            max_connections=limit,
            keepalive_seconds=idle,
            shutdown_seconds=0.05,
        )
        await listeners.start()
        try:
            yield listeners.addresses[0][1]
        finally:
            await listeners.stop()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def close(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def body(self) -> bytes:
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 10)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        return await self._reader.readexactly(length)

    async def ask(self, path: str, more: str = "") -> bytes:
        await self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
        return await self.body()

    async def closed(self) -> bool:
        return await asyncio.wait_for(self._reader.read(), 10) == b""


Connect = Callable[[int], Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    clients: list[Client] = []

    async def connected(port: int) -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    yield connected
    for client in clients:
        await client.close()


async def test_requests_go_both_ways_on_one_connection(connect: Connect) -> None:
    server = Server()
    async with server.running() as port:
        client = await connect(port)
        bodies = [await client.ask(path) for path in ("/quick", "/quick", "/a", "/quick", "/b", "/quick")]
    assert bodies == [b"quick!", b"quick!", b"slow", b"quick!", b"slow", b"quick!"]
    assert (len(server.at_once), server.by_aiohttp) == (4, ["/a", "/b"])


async def test_a_request_in_pieces_is_not_taken_for_two(connect: Connect) -> None:
    server = Server()
    async with server.running() as port:
        client = await connect(port)
        other = await connect(port)
        await client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\n")
        await other.ask("/between")  # what was sent before has been read
        inner = b"GET /quick HTTP/1.1\r\nHost: x\r\nA: bcd\r\n\r\n"[:38]
        assert len(inner) == 38
        await client.send(inner)
        assert await client.body() == b"slow" + inner
        await client.send(b"GET /b HTTP/1.1\r\nHost: ")
        await other.ask("/between")
        await client.send(b"GET /quick HTTP/1.1\r\n\r\n")
        assert await client.body() == b"slow"
    assert (server.at_once, sorted(server.by_aiohttp)) == ([], ["/a", "/b", "/between", "/between"])


async def test_answers_keep_the_order_of_their_requests(connect: Connect) -> None:
    server = Server()
    server.hold = asyncio.Event()
    async with server.running() as port:
        client = await connect(port)
        await client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await (await connect(port)).ask("/quick") == b"quick!"
        await client.send(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await (await connect(port)).ask("/quick") == b"quick!"  # what was sent before has been read
        assert len(server.at_once) == 2
        server.hold.set()
        assert [await client.body(), await client.body()] == [b"slow", b"slow"]
        assert await client.ask("/quick") == b"quick!"


async def test_a_client_may_have_its_connection_closed(connect: Connect) -> None:
    async with Server().running() as port:
        client = await connect(port)
        assert await client.ask("/quick", "Connection: close\r\n") == b"quick!"
        assert await client.closed()


async def test_idle_connections_are_closed_and_new_ones_count_for_the_limit(connect: Connect) -> None:
    async with Server().running(limit=1, idle=0.3) as port:
        client = await connect(port)
        assert await client.ask("/quick") == b"quick!"
        assert await (await connect(port)).closed()
        assert await client.closed()
        client = await connect(port)
        assert await client.ask("/a") == b"slow"
        assert await client.ask("/quick") == b"quick!"
        assert await client.closed()


async def test_stopping_closes_connections_that_aiohttp_never_saw(connect: Connect) -> None:
    async with Server().running() as port:
        client = await connect(port)
        assert await client.ask("/quick") == b"quick!"
    assert await client.closed()


async def test_nothing_goes_round_a_web_configuration(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    server = Server()
    async with server.running(file) as port:
        assert await (await connect(port)).ask("/quick") == b"slow"
    assert server.at_once == []
