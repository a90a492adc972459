"""A vendor's API on loopback, and the life that every mechanism must lead against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from narthex.clock import Clock
from narthex.discovery import DiscoveryMetrics
from narthex.discovery.provider import Provider
from narthex.instrument.registry import Registry
from narthex.model.target_group import TargetGroup
from support.clock import FakeClock
from unit.net.servers import serve

Route = Callable[[web.BaseRequest], Awaitable[Any]] | Any
MakeProvider = Callable[[DiscoveryMetrics, Clock], Provider]
Targets = list[dict[str, str]]


class FakeApi:
    """Answers a path with a document, or with what its function makes of the request; 404 for others.

    `status` other than 200 is the answer to everything; `requests` are what was asked, each with its body.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.status = 200
        self.url = ""
        self.requests: list[tuple[web.BaseRequest, bytes]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request, await request.read()))
        if self.status != 200:
            return web.Response(status=self.status, text="no")
        route = self.routes.get(request.rel_url.raw_path)
        if route is None:
            return web.Response(status=404)
        answer = await route(request) if callable(route) else route
        if isinstance(answer, web.StreamResponse):
            return answer
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        return web.Response(body=body, content_type="application/json")

    def asked(self) -> list[str]:
        return [request.path_qs for request, _ in self.requests]


@asynccontextmanager
async def fake_api() -> AsyncIterator[FakeApi]:
    api = FakeApi()
    async with serve(api.handle) as port:
        api.url = f"http://127.0.0.1:{port}"
        yield api


class Life:
    """A provider that runs on a fake clock; `targets` is what it has published, by source.

    Entering waits until the provider first sleeps, unless it is one that waits for news instead (`rests`).
    """

    def __init__(self, make: MakeProvider, *, rests: bool = True) -> None:
        self._rests = rests
        self.clock, self.registry = FakeClock(), Registry()
        self.groups: dict[str, TargetGroup] = {}
        self.published = 0
        self._provider = make(DiscoveryMetrics(self.registry), self.clock)
        self._task: asyncio.Task[None] | None = None

    def _take(self, groups: list[TargetGroup]) -> None:
        self.published += 1
        self.groups |= {group.source: group for group in groups}

    @property
    def failures(self) -> float:
        lines = self.registry.expose().decode().splitlines()
        prefix = "prometheus_sd_refresh_failures_total{"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(prefix))

    def targets(self) -> Targets:
        """All targets with the labels of their groups, by address."""
        found = [{**group.labels, **target} for group in self.groups.values() for target in group.targets]
        return sorted(found, key=lambda labels: labels.get("__address__", ""))

    async def __aenter__(self) -> Life:
        self._task = asyncio.create_task(self._provider.run(self._take))
        if self._rests:
            await self._until_rest()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def next(self, seconds: float = 60) -> None:
        """Lets an interval pass and the refresh after it end."""
        await self.clock.advance(seconds)
        await self._until_rest()

    async def _until_rest(self) -> None:
        await self.clock.sleeper()


async def live(make: MakeProvider, api: FakeApi, change: Callable[[], None], first: Targets, then: Targets) -> None:
    """First list, an error that keeps it, recovery with a change."""
    async with Life(make) as life:
        assert life.targets() == first
        api.status = 500
        await life.next()
        assert (life.published, life.failures) == (1, 1)
        assert life.targets() == first
        api.status = 200
        change()
        await life.next()
        assert (life.published, life.failures) == (2, 1)
        assert life.targets() == then
