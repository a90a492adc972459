"""A ZooKeeper server on loopback: the part of the client protocol that reading and watching needs.

Frames are a length (int32) and a body. Requests begin with an id and a type, answers with the id, a zxid and an error.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

EXISTS, GET_DATA, GET_CHILDREN, PING, GET_CHILDREN_2, CLOSE = 3, 4, 8, 11, 12, -11
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
NO_NODE, NO_AUTH = -101, -102
CONNECTED = 3
WATCH_ID = -1


@dataclass(eq=False)
class Client:
    writer: asyncio.StreamWriter
    data_watches: set[str] = field(default_factory=set)
    child_watches: set[str] = field(default_factory=set)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class ZooKeeper:
    """`nodes` by path. Changes made by `set` and `delete` send the events of watches."""

    def __init__(self) -> None:
        self.nodes: dict[str, bytes] = {"/": b""}
        self._below: dict[str, set[str]] = {"/": set()}
        self.zxid = 1
        self.sessions: set[int] = set()
        self.closed: list[int] = []  # sessions that clients ended themselves
        self.connects: list[int] = []  # the session that each connection asked for; 0 for a new one
        self.requests: list[tuple[int, str]] = []
        self.errors: dict[str, int] = {}  # a path's, whatever is asked
        self.junk: bytes | None = None  # the answer to all requests, instead of one that makes sense
        self.port = 0
        self._ids = count(0x1000)
        self._clients: set[Client] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        while self._clients:
            await next(iter(self._clients)).gone.wait()

    def drop(self) -> None:
        """Ends all connections; their sessions live on."""
        for client in list(self._clients):
            client.writer.close()

    def expire(self) -> None:
        """Ends all sessions, and their connections."""
        self.sessions.clear()
        self.drop()

    def set(self, path: str, data: bytes = b"") -> None:
        """Creates a node (and those above it) or changes its data."""
        self.zxid += 1
        if path in self.nodes:
            self.nodes[path] = data
            self._tell(CHANGED, path)
            return
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.nodes:
            self.set(parent)
        self.nodes[path] = data
        self._below[path] = set()
        self._below[parent].add(path.rpartition("/")[2])
        self._tell(CREATED, path)
        self._tell(CHILD, parent)

    def delete(self, path: str) -> None:
        for child in list(self._below[path]):
            self.delete(f"{path}/{child}")
        self.zxid += 1
        parent = path.rpartition("/")[0] or "/"
        del self.nodes[path], self._below[path]
        self._below[parent].discard(path.rpartition("/")[2])
        self._tell(DELETED, path)
        self._tell(CHILD, parent)

    def _tell(self, kind: int, path: str) -> None:
        for client in self._clients:
            watches = [client.data_watches] if kind in (CREATED, CHANGED) else [client.child_watches]
            watches = [client.data_watches, client.child_watches] if kind == DELETED else watches
            if any(path in w for w in watches):
                for w in watches:
                    w.discard(path)
                event = struct.pack(">iqi", WATCH_ID, -1, 0) + struct.pack(">ii", kind, CONNECTED) + _text(path)
                _send(client.writer, event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self._clients.add(client)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            session = self._connect(await _receive(reader), writer)
            while session:
                frame = await _receive(reader)
                xid, kind = struct.unpack_from(">ii", frame)
                if kind == CLOSE:
                    self.sessions.discard(session)
                    self.closed.append(session)
                    _send(writer, struct.pack(">iqi", xid, self.zxid, 0))
                    break
                answer, error = (b"", 0) if kind == PING else self._answer(client, kind, frame[8:])
                if self.junk is not None and kind != PING:
                    _send(writer, self.junk)
                else:
                    _send(writer, struct.pack(">iqi", xid, self.zxid, error) + answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self._clients.discard(client)
        client.gone.set()

    def _connect(self, frame: bytes, writer: asyncio.StreamWriter) -> int:
        """The session's id; 0 when the client asked for one that has expired."""
        _, _, timeout, session = struct.unpack_from(">iqiq", frame)
        self.connects.append(session)
        if session == 0:
            session = next(self._ids)
            self.sessions.add(session)
        elif session not in self.sessions:
            session = timeout = 0
        _send(writer, struct.pack(">iiqi16s?", 0, timeout, session, 16, b"p" * 16, False))
        return session

    def _answer(self, client: Client, kind: int, body: bytes) -> tuple[bytes, int]:
        (length,) = struct.unpack_from(">i", body)
        path, watch = body[4 : 4 + length].decode(), bool(body[4 + length])
        self.requests.append((kind, path))
        if path in self.errors:
            return b"", self.errors[path]
        if watch and (path in self.nodes or kind == EXISTS):
            watches = client.data_watches if kind in (GET_DATA, EXISTS) else client.child_watches
            watches.add(path)
        if path not in self.nodes:
            return b"", NO_NODE
        data, children = self.nodes[path], self._below[path]
        stat = struct.pack(">qqqqiiiqiiq", 1, 1, 0, 0, 0, 0, 0, 0, len(data), len(children), 1)
        listed = struct.pack(">i", len(children)) + b"".join(map(_text, children))
        match kind:
            case 3:
                return stat, 0
            case 4:
                return struct.pack(">i", len(data)) + data + stat, 0
            case 8:
                return listed, 0
            case 12:
                return listed + stat, 0
        raise AssertionError(f"a request of type {kind}, which no test needs")


def _text(text: str) -> bytes:
    return struct.pack(">i", len(text.encode())) + text.encode()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


def _send(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(struct.pack(">i", len(body)) + body)


@asynccontextmanager
async def zookeeper() -> AsyncIterator[ZooKeeper]:
    server = ZooKeeper()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
