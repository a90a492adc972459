"""Keeps one kind of object up to date: lists all, then watches for changes, over and over."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing

import aiohttp

from narthex.clock import Clock
from narthex.discovery.kubernetes.api import EXPECTED, GONE, Api, ApiError, Watch
from narthex.discovery.kubernetes.cluster import Cluster, Known
from narthex.discovery.kubernetes.metrics import ROLES, KubernetesMetrics
from narthex.discovery.kubernetes.objects import Json, key_of, mapping, text
from narthex.discovery.kubernetes.resources import Resource
from narthex.net import explain
from narthex.tasks.turns import Turns

log = logging.getLogger(__name__)

PAGE = 500  # objects an answer of a list
SLICE = 64  # objects that are read before others get their turn
WATCH_SECONDS = (300.0, 600.0)  # how long the server is asked to let a watch live
GRACE_SECONDS = 30.0  # for the end of a watch to arrive
SILENCE_SECONDS = 180.0  # servers that send bookmarks do so every minute
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_AWAY_SECONDS = 1.0  # the longest pause while no answer comes at all: attempts cost nobody anything then
PATIENCE = 5  # refusals in a row after which a watch is given up for a new list
QUICK_END_SECONDS = 1.0


class Backoff:
    """Pauses that double, each varied by half, so that those who lost one server do not come back as one."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.reset()

    def reset(self) -> None:
        self._next = FIRST_PAUSE_SECONDS

    def pause(self, longest: float = LONGEST_PAUSE_SECONDS) -> float:
        pause = min(self._next, longest)
        self._next = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return pause * self._rng.uniform(0.5, 1.5)


class Reflector:
    """Objects of one resource, in one namespace or, if it is empty, all. What was known stays while the API is away.

    `synced` tells whether a list has been read whole; `on_sync` is called when one was.
    """

    def __init__(
        self,
        resource: Resource,
        namespace: str,
        selectors: dict[str, str],
        api: Api,
        cluster: Cluster,
        metrics: KubernetesMetrics,
        clock: Clock,
        on_sync: Callable[[], None],
        rng: random.Random,
    ) -> None:
        """`selectors` are the query parameters labelSelector and fieldSelector, where given."""
        self._resource, self.namespace, self._selectors = resource, namespace, selectors
        self._api, self._cluster, self._metrics, self._clock = api, cluster, metrics, clock
        self._on_sync, self._rng = on_sync, rng
        self._backoff = Backoff(rng)
        self.path = resource.path(namespace)
        self._version = ""  # where to watch on from; empty when a list is needed
        self._heard = self._clock.monotonic()  # when the watch last brought something
        self._frames = 0  # of the watch under way
        self._held = False  # whether it has been of use
        self._refusals = 0  # of the server, in a row
        self._expired = False  # whether the last watch was too old
        self._trouble = ""  # the failure that was told
        self._bookmarks = False  # whether the watch under way has brought one
        self.synced = False

    async def run(self) -> None:
        while True:
            self._frames, self._held = 0, False
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                if not self._held:
                    raise ApiError(0, "the watch ended at once")
            except EXPECTED as e:
                await self._clock.sleep(self._failed(e))

    def _recovered(self) -> None:
        self._backoff.reset()
        self._refusals, self._expired = 0, False
        if self._trouble:
            log.info("discovery kubernetes: %s: works again", self.path)
            self._trouble = ""

    def _failed(self, error: BaseException) -> float:
        """Takes note of a failure; gives the seconds to wait."""
        if isinstance(error, ApiError) and error.gone:
            log.info("discovery kubernetes: %s: the watch is too old, listing anew", self.path)
            again, self._expired, self._version = self._expired, True, ""
            return self._backoff.pause() if again else 0.0
        self._metrics.failures.inc()
        trouble = explain(error)
        if trouble != self._trouble:  # an outage is a line, not one an attempt
            log.error("discovery kubernetes: %s: %s", self.path, trouble)
            self._trouble = trouble
        if isinstance(error, ApiError):
            self._refusals += 1
            if self._refusals >= PATIENCE:
                self._version = ""
            return max(self._backoff.pause(), error.retry_after)
        away = isinstance(error, (aiohttp.ClientError, OSError))
        return self._backoff.pause(LONGEST_AWAY_SECONDS if away else LONGEST_PAUSE_SECONDS)

    async def _list(self) -> None:
        try:
            found, version = await self._pages(PAGE)
        except ApiError as e:
            if not e.gone:
                raise
            found, version = await self._pages(0)  # the pages' snapshot is gone: ask for all of it in one answer
        added, updated, removed = self._cluster.replace(self._resource.kind, found, self.namespace)
        for event, count in (("add", added), ("update", updated), ("delete", removed)):
            self._count(event, count)
        self._version = version
        self._heard = self._clock.monotonic()
        if not self.synced:
            self.synced = True
            self._on_sync()

    async def _pages(self, limit: int) -> tuple[dict[str, Known], str]:
        found: dict[str, Known] = {}
        query = dict(self._selectors)
        if limit:
            query["limit"] = str(limit)
        turns = Turns(SLICE)
        while True:
            page = await self._api.page(self.path, query, self._resource.accept(listing=True))
            for item in page["items"]:
                key = key_of(mapping(item))
                if key:
                    found[key] = self._resource.read(item)
                await turns.take()
            metadata = mapping(page.get("metadata"))
            query["continue"] = text(metadata.get("continue"))
            if not query["continue"]:
                version = text(metadata.get("resourceVersion"))
                if not version:
                    raise ApiError(0, "the list has no resource version")
                return found, version

    async def _watch(self) -> None:
        """Until the server ends it, which it does every few minutes. Raises also when nothing comes for too long."""
        seconds = self._rng.uniform(*WATCH_SECONDS)
        query = {
            **self._selectors,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds)),
        }
        self._bookmarks, self._heard = False, self._clock.monotonic()
        accept = self._resource.accept(listing=False)
        turns = Turns(SLICE)
        async with self._api.watch(self.path, query, accept, seconds + GRACE_SECONDS) as watch:
            begun = self._clock.monotonic()
            guard = asyncio.create_task(self._close_when_silent(watch))
            try:
                async with aclosing(watch.frames()) as frames:
                    async for frame in frames:
                        self._take(frame)
                        await turns.take()
            finally:
                guard.cancel()
                self._held = self._frames > 0 or self._clock.monotonic() - begun >= QUICK_END_SECONDS
                if self._held:
                    self._recovered()

    async def _close_when_silent(self, watch: Watch) -> None:
        """A server that sends bookmarks and then nothing for too long is gone: the connection is half open."""
        while not self._bookmarks or self._clock.monotonic() - self._heard < SILENCE_SECONDS:
            await self._clock.sleep(SILENCE_SECONDS / 4)
        log.warning("discovery kubernetes: %s: nothing has come for %.0f s", self.path, SILENCE_SECONDS)
        watch.close()

    def _take(self, frame: Json) -> None:
        """Raises ApiError for an error frame and for one that makes no sense."""
        event, item = frame.get("type"), mapping(frame.get("object"))
        if event == "ERROR":
            code = item.get("code")
            expired = item.get("reason") in ("Expired", "Gone")
            status = GONE if expired else code if isinstance(code, int) else 0
            raise ApiError(status, text(item.get("message")) or f"the watch failed with {code}")
        version = text(mapping(item.get("metadata")).get("resourceVersion"))
        if event not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK") or not version:
            raise ApiError(0, f"a frame makes no sense: {str(event)[:50]} without a resource version")
        kind, key = self._resource.kind, key_of(item)
        if event == "BOOKMARK":
            self._bookmarks = True
        elif not key:
            log.warning("discovery kubernetes: %s: an object without a name is left out", self.path)
        elif event == "DELETED":
            self._count("delete", int(self._cluster.remove(kind, key)))
        else:
            self._count("update" if self._cluster.put(kind, key, self._resource.read(item)) else "add", 1)
        self._version = version
        self._frames += 1
        self._heard = self._clock.monotonic()

    def _count(self, event: str, count: int) -> None:
        if self._resource.kind in ROLES:
            self._metrics.events.labels(self._resource.kind, event).inc(count)
