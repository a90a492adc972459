"""All endpoints of `remote_write`: made, kept over a reload where nothing changed, ended."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from narthex.clock import Clock
from narthex.config.remote import RemoteWriteConfig
from narthex.instrument import Registry
from narthex.remote.endpoint_name import by_name
from narthex.remote.queue import Queue
from narthex.remote.write_metadata import Families, MetadataSender
from narthex.remote.write_metrics import KINDS, WriteMetrics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Endpoint:
    name: str
    key: str
    """The same after a restart, and after a change of other settings."""
    config: RemoteWriteConfig
    external_labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Running:
    endpoint: _Endpoint
    queue: Queue
    metadata: MetadataSender


class WriteStorage:
    """Use it from one event loop, except for `written` and `lowest_sent`, which any thread may call."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        registry: Registry,
        flush_seconds: float,
        appended: Callable[[], Sequence[float]],
        families: Families,
    ) -> None:
        """`data` is the directory that has the log in `wal`; `appended` gives how many samples, histograms and
        exemplars went into storage since the start; `families` the metadata of what is scraped.
        """
        self._data, self._clock, self._flush_seconds, self._families = data, clock, flush_seconds, families
        self._metrics = WriteMetrics(registry)
        self._running: dict[str, _Running] = {}
        """By name."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = False
        for i, kind in enumerate(KINDS):
            registry.counter(
                f"prometheus_remote_storage_{kind}_in_total", f"{kind.capitalize()} in to remote storage."
            ).set_function(partial(_one, appended, i))
        registry.gauge(
            "prometheus_remote_storage_highest_timestamp_in_seconds",
            "Highest timestamp that has come into the remote storage, in seconds.",
        ).set_function(lambda: max((q.metrics.highest.read() for q in self._queues()), default=0.0))
        registry.on_collect(self._collect)

    async def apply(self, configs: Sequence[RemoteWriteConfig], external_labels: Mapping[str, str]) -> None:
        """Takes a new configuration. Raises StorageError, CorruptionError, HTTPClientError; then some may not run."""
        self._loop = asyncio.get_running_loop()
        wanted = _endpoints(configs, external_labels)
        gone = [name for name, running in self._running.items() if running.endpoint != wanted.get(name)]
        keys = {endpoint.key for endpoint in wanted.values()}
        # A successor goes on where the old one ends, so only what has none is emptied.
        inherited = [self._running[name].endpoint.key in keys for name in gone]
        await asyncio.gather(
            *(self._end(n, 0.0 if i else self._flush_seconds) for n, i in zip(gone, inherited, strict=True))
        )
        for name, endpoint in wanted.items():
            if name not in self._running:
                await self._begin(endpoint)

    async def stop(self) -> None:
        """Sends what was written so far, within the flush deadline."""
        await asyncio.gather(*(self._end(name, self._flush_seconds) for name in list(self._running)))

    def written(self) -> None:
        """Something was written to the log."""
        if not self._told and self._loop is not None and self._running:
            self._told = True
            self._loop.call_soon_threadsafe(self._tell)

    def lowest_sent(self) -> int:
        """Milliseconds up to which every endpoint has everything; 0: one has nothing yet, or there is none."""
        return min((queue.sent_until() for queue in self._queues()), default=0)

    def _queues(self) -> list[Queue]:
        return [running.queue for running in list(self._running.values())]

    def _tell(self) -> None:
        self._told = False
        for queue in self._queues():
            queue.written()

    def _collect(self) -> None:
        for queue in self._queues():
            queue.collect()

    async def _begin(self, endpoint: _Endpoint) -> None:
        config = endpoint.config
        metrics = self._metrics.of(endpoint.name, str(config.url))
        queue = Queue(
            endpoint.name, config, dict(endpoint.external_labels), self._data, endpoint.key, metrics, self._clock
        )
        await queue.start()
        sender = MetadataSender(config, queue.client, metrics, self._families, self._clock)
        self._running[endpoint.name] = _Running(endpoint, queue, sender)
        sender.start()
        log.info("Remote write started", extra={"remote_name": endpoint.name, "url": str(config.url)})

    async def _end(self, name: str, flush_seconds: float) -> None:
        running = self._running.pop(name)
        await running.metadata.stop()
        await running.queue.stop(flush_seconds)


def _one(counts: Callable[[], Sequence[float]], i: int) -> float:
    return counts()[i]


def _endpoints(configs: Sequence[RemoteWriteConfig], external_labels: Mapping[str, str]) -> dict[str, _Endpoint]:
    """By name. Raises ConfigError for one that is there twice."""
    seen: Counter[str] = Counter()
    found: dict[str, _Endpoint] = {}
    for name, config in by_name("remote_write", configs).items():
        key = f"name {config.name}" if config.name else f"url {config.url.text}"
        seen[key] += 1
        if seen[key] > 1:
            key += f" {seen[key]}"
        found[name] = _Endpoint(name, key, config, tuple(sorted(external_labels.items())))
    return found
