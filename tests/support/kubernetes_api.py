"""A Kubernetes API server as far as lists and watches go: versions, pages, bookmarks, selectors and mishaps."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Object = dict[str, Any]
KEPT_EVENTS = 2_000  # older ones are compacted away, as etcd does it


def key_of(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


@dataclass(eq=False)
class OpenWatch:
    plural: str
    matches: Callable[[Object], bool]
    request: web.Request
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


class FakeKubernetes:
    """Objects go in by `put` and `delete`, by plural. Use it as `async with`; it keeps its port over restarts."""

    def __init__(self) -> None:
        self.version = 1000
        self.oldest = 1000  # watches from before are too old
        self.objects: dict[str, dict[tuple[str, str], tuple[int, Object]]] = {}
        self.events: deque[tuple[int, str, str, Object]] = deque()
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []  # path, query, headers
        self.token: str | None = None  # asked for, when set
        self.answers: deque[web.Response] = deque()  # given to the next requests, instead of what they ask for
        self.expire_in_frame = True  # whether a version that is too old is told in the stream or by the status
        self.expire_pages = 0  # how many continuations fail
        self.refuse_watches = False  # as too old, whatever their version
        self.silent = False  # takes watches and never says anything
        self.delay = 0.0  # seconds before an answer
        self.watches: set[OpenWatch] = set()
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's server has it

    async def stop(self) -> None:
        self.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def put(self, plural: str, item: Object) -> None:
        store = self.objects.setdefault(plural, {})
        self._event(plural, "MODIFIED" if key_of(item) in store else "ADDED", item)
        store[key_of(item)] = (self.version, item)

    def delete(self, plural: str, name: str, namespace: str = "") -> None:
        _, item = self.objects[plural].pop((namespace, name))
        self._event(plural, "DELETED", item)

    def _event(self, plural: str, event: str, item: Object) -> None:
        self.version += 1
        self.events.append((self.version, plural, event, item))
        while len(self.events) > KEPT_EVENTS:
            self.oldest = self.events.popleft()[0]
        line = _frame(event, item, self.version)
        for watch in self.watches:
            if watch.plural == plural and watch.matches(item):
                watch.lines.put_nowait(line)

    def compact(self) -> None:
        """All versions but the newest become too old."""
        self.events.clear()
        self.version += 1
        self.oldest = self.version

    def bookmark(self) -> None:
        for watch in self.watches:
            watch.lines.put_nowait(_frame("BOOKMARK", {"metadata": {}}, self.version))

    def say(self, line: bytes) -> None:
        """Sends a line as it is over all watches."""
        for watch in self.watches:
            watch.lines.put_nowait(line)

    def end_watches(self) -> None:
        """Ends all as a server does whose time is up."""
        self.say(None)  # type: ignore[arg-type]  # the mark of the end

    def disconnect(self) -> None:
        """Breaks all connections of watches."""
        for watch in self.watches:
            if watch.request.transport is not None:
                watch.request.transport.abort()

    def asked(self, part: str) -> int:
        """How many requests had this in their path or query."""
        return sum(
            part in f"{path}?{'&'.join(f'{k}={v}' for k, v in query.items())}" for path, query, _ in self.requests
        )

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append((request.path, query, dict(request.headers)))
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized")
        if self.answers:
            return self.answers.popleft()
        *before, plural = request.path.split("/")
        namespace = before[-1] if len(before) > 1 and before[-2] == "namespaces" else ""
        matches = _matcher(namespace, query)
        if query.get("watch") == "true":
            return await self._watch(request, plural, matches, query)
        return self._list(plural, matches, query)

    def _list(self, plural: str, matches: Callable[[Object], bool], query: dict[str, str]) -> web.Response:
        version, start = self.version, 0
        if query.get("continue"):
            version, start = map(int, query["continue"].split(":"))
            if version < self.oldest or self.expire_pages > 0:
                self.expire_pages -= 1
                return status(410, "The provided continue parameter is too old", "Expired")
        found = [item for _, item in sorted(self.objects.get(plural, {}).items())]
        chosen = [_versioned(item, at) for at, item in found if matches(item)]
        limit = int(query.get("limit", 0)) or len(chosen)
        metadata = {"resourceVersion": str(version)}
        if start + limit < len(chosen):
            metadata["continue"] = f"{version}:{start + limit}"
        return web.json_response({"kind": "List", "metadata": metadata, "items": chosen[start : start + limit]})

    async def _watch(
        self, request: web.Request, plural: str, matches: Callable[[Object], bool], query: dict[str, str]
    ) -> web.StreamResponse:
        since = -1 if self.refuse_watches else int(query["resourceVersion"])
        if since < self.oldest and not self.expire_in_frame:
            return status(410, "too old resource version", "Expired")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        if since < self.oldest:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return response
        watch = OpenWatch(plural, matches, request)
        for version, its_plural, event, item in self.events:
            if version > since and its_plural == plural and matches(item):
                watch.lines.put_nowait(_frame(event, item, version))
        self.watches.add(watch)
        try:
            while (line := await watch.lines.get()) is not None:
                if self.silent:
                    await asyncio.Event().wait()
                await response.write(line)
        except ConnectionError:
            pass
        finally:
            self.watches.discard(watch)
        return response


def status(code: int, message: str, reason: str = "", headers: dict[str, str] | None = None) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code, headers=headers)


def _versioned(item: Object, version: int) -> Object:
    return {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}


def _frame(event: str, item: Object, version: int) -> bytes:
    return json.dumps({"type": event, "object": _versioned(item, version)}).encode() + b"\n"


def _matcher(namespace: str, query: dict[str, str]) -> Callable[[Object], bool]:
    """Selectors of equality alone, of any label and any field."""
    labels = dict(term.split("=", 1) for term in query.get("labelSelector", "").split(",") if term)
    fields = dict(term.split("=", 1) for term in query.get("fieldSelector", "").split(",") if term)

    def field_of(item: Object, path: str) -> Any:
        for part in path.split("."):
            item = item.get(part, {})
        return item

    def matches(item: Object) -> bool:
        own = item["metadata"].get("labels", {})
        return (
            (not namespace or item["metadata"].get("namespace") == namespace)
            and all(own.get(name) == value for name, value in labels.items())
            and all(field_of(item, path) == value for path, value in fields.items())
        )

    return matches
