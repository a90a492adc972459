"""A ZooKeeper session as the event loop sees it: kazoo works in threads of its own, and no call here waits for them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol.states import KazooState, WatchedEvent

from narthex.discovery.zookeeper.tree import Node
from narthex.errors import HTTPClientError

log = logging.getLogger(__name__)

CONNECT_SECONDS_MIN = 1.0
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 10.0  # between attempts to connect
CLOSE_SECONDS = 2.0


class ZooKeeperError(HTTPClientError):
    """A request that was not answered, or answered with an error."""


class News(Enum):
    CONNECTED = auto()
    """All watches of an earlier connection are gone."""
    LOST = auto()
    """The connection or the session; the session tries to get another one by itself."""
    ENDED = auto()
    """By a failure from which the client does not recover."""


class Session:
    """`read` also sets watches; what they see comes, as paths, between the news about the connection, in `news`."""

    def __init__(self, servers: Sequence[str], timeout_seconds: float, name: str) -> None:
        """`timeout_seconds` is the session's and the one of connecting. Raises HTTPClientError for a bad address."""
        try:
            self._client = KazooClient(
                list(servers),
                timeout=max(timeout_seconds, CONNECT_SECONDS_MIN),
                handler=_Handler(lambda: self._post(self._connection, News.ENDED)),
                connection_retry={"max_tries": -1, "delay": PAUSE_SECONDS, "max_delay": PAUSE_SECONDS_MAX},
                logger=_Named(log, {"name": name}),
            )
        except ValueError as e:
            raise HTTPClientError(f"the servers {', '.join(servers)} cannot be used: {e}") from None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Queue[News | str] = asyncio.Queue()
        self._asked: set[asyncio.Future[Any]] = set()
        self.connected = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client.add_listener(self._on_state)
        self._client.start_async()

    async def close(self) -> None:
        """Ends the session, but waits only for a server that answers at once."""
        closed = asyncio.Event()
        threading.Thread(target=self._close, args=(closed,), daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await closed.wait()

    def _close(self, closed: asyncio.Event) -> None:
        try:
            self._client.stop()
            self._client.close()
        except Exception as e:  # kazoo raises bare ones for connections that do not end
            log.debug("a session did not end: %s", e)
        self._post(closed.set)

    async def news(self) -> list[News | str]:
        """What has happened since the last call, in order; waits for something."""
        found = [await self._news.get()]
        while not self._news.empty():
            found.append(self._news.get_nowait())
        return found

    async def read(self, path: str) -> Node | None:
        """A node, which is watched from then on; None for one that does not exist. Raises ZooKeeperError."""
        try:
            data, _ = await self._ask(path, self._client.get_async(path, self._on_event))
            children = await self._ask(path, self._client.get_children_async(path, self._on_event))
        except NoNodeError:
            return None
        return Node(data or b"", frozenset(children))

    async def exists(self, path: str) -> bool:
        """Whether there is such a node; its creation is watched, too. Raises ZooKeeperError."""
        return await self._ask(path, self._client.exists_async(path, self._on_event)) is not None

    async def _ask(self, path: str, result: Any) -> Any:
        asked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.add(asked)
        result.rawlink(lambda answer: self._post(_settle, asked, answer))
        try:
            return await asked
        except (NoNodeError, ZooKeeperError):
            raise
        except Exception as e:  # kazoo passes on whatever it meets, such as answers that cannot be decoded
            raise ZooKeeperError(f"{path}: {type(e).__name__} {e}".rstrip()) from None
        finally:
            self._asked.discard(asked)

    def _on_event(self, event: WatchedEvent) -> None:
        if event.path is not None:  # else the watch ends with its connection
            self._post(self._news.put_nowait, event.path)

    def _on_state(self, state: str) -> None:
        self._post(self._connection, News.CONNECTED if state == KazooState.CONNECTED else News.LOST)

    def _connection(self, news: News) -> None:
        """kazoo may forget a request that is made while its state changes, so all that are open fail."""
        self.connected = news is News.CONNECTED
        for asked in self._asked:
            if not asked.done():
                asked.set_exception(ZooKeeperError("the connection was lost"))
        self._news.put_nowait(news)

    def _post(self, call: Callable[..., object], *args: object) -> None:
        """From kazoo's threads to the loop; nothing is left to do when that has ended."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, *args)


def _settle(asked: asyncio.Future[Any], answer: Any) -> None:
    if asked.done():
        return
    if answer.successful():
        asked.set_result(answer.get_nowait())
    else:
        asked.set_exception(answer.exception)


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
    """Tells when a thread of kazoo fails: an answer that makes no sense ends its loop, and nothing starts it again."""

    def __init__(self, failed: Callable[[], None]) -> None:
        super().__init__()
        self._failed = failed

    def spawn(self, func: Callable[..., object], *args: object, **kwargs: object) -> Any:
        def guarded() -> None:
            try:
                func(*args, **kwargs)
            except Exception:  # logged by kazoo with its place
                self._failed()

        return super().spawn(guarded)


class _Named(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"{(self.extra or {})['name']}: {msg}", kwargs
