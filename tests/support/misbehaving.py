"""A target server that misbehaves in one way a path, on raw sockets so that it can break HTTP itself."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

Writer = asyncio.StreamWriter
HEALTHY = b"# HELP healthy_total Fine.\n# TYPE healthy_total counter\nhealthy_total 1\n"
MEGABYTE = 1_000_000


def answer(body: bytes, content_type: str = "text/plain; version=0.0.4", extra: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def _bomb(megabytes: int) -> bytes:
    """So much exposition, gzipped, without ever having it whole in memory."""
    squeeze = zlib.compressobj(9, wbits=31)
    piece = b"a 1\n" * (MEGABYTE // 4)
    return b"".join(squeeze.compress(piece) for _ in range(megabytes)) + squeeze.flush()


class Misbehaving:
    """`requests` counts requests by path, `connections` the connections on which each path was asked for."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections: dict[str, set[int]] = {}
        self.headers: dict[str, str] = {}
        self.sent: Counter[str] = Counter()
        self.bomb = _bomb(200)
        self._server: asyncio.Server | None = None
        self._writers: set[Writer] = set()
        self.address = ""

    async def __aenter__(self) -> Misbehaving:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1].split("?")[0].lstrip("/")
                self.requests[path] += 1
                self.connections.setdefault(path, set()).add(id(writer))
                self.headers[path] = head
                act: Callable[[Writer], Awaitable[None]] = getattr(self, f"_{path}")
                await act(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _healthy(self, writer: Writer) -> None:
        writer.write(answer(HEALTHY))

    async def _gzip(self, writer: Writer) -> None:
        writer.write(answer(gzip.compress(HEALTHY), extra="Content-Encoding: gzip\r\n"))

    async def _chunked(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(HEALTHY), 7):
            piece = HEALTHY[i : i + 7]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")

    async def _html(self, writer: Writer) -> None:
        writer.write(answer(b"<html><body>Login</body></html>", "text/html; charset=utf-8"))

    async def _plain_html(self, writer: Writer) -> None:
        writer.write(answer(b"<html><body>Login</body></html>"))

    async def _silent(self, writer: Writer) -> None:
        await asyncio.sleep(3600)

    async def _drip(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def _huge(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000000\r\n\r\n")
        piece = b"a 1\n" * (MEGABYTE // 4)
        for _ in range(100):
            writer.write(piece)
            await writer.drain()
            self.sent["huge"] += len(piece)

    async def _bomb(self, writer: Writer) -> None:
        writer.write(answer(self.bomb, extra="Content-Encoding: gzip\r\n"))

    async def _not_gzip(self, writer: Writer) -> None:
        writer.write(answer(HEALTHY, extra="Content-Encoding: gzip\r\n"))

    async def _latin1(self, writer: Writer) -> None:
        writer.write(answer(b'a 1\nb{city="K\xf6ln"} 1\n'))

    async def _short(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\na 1\n")
        await writer.drain()
        writer.close()

    async def _loop(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")

    async def _moved(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /landed\r\nContent-Length: 0\r\n\r\n")

    async def _elsewhere(self, writer: Writer) -> None:
        """To the same server by another name: another host, for all that a client can know."""
        there = self.address.replace("127.0.0.1", "localhost")
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://{there}/foreign\r\nContent-Length: 0\r\n\r\n".encode())

    async def _landed(self, writer: Writer) -> None:
        writer.write(answer(HEALTHY))

    async def _foreign(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    async def _cut(self, writer: Writer) -> None:
        """More than it said: what it said ends within a line."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\na 1\nbcdef 2\n")

    async def _broken(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")

    async def _nonsense(self, writer: Writer) -> None:
        writer.write(b"\x00\x01 this is not HTTP\r\n\r\n")

    async def _headers(self, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * MEGABYTE + b"\r\n\r\n")
