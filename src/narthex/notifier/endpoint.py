"""One Alertmanager: a queue of alerts and a loop that posts them in batches."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import aiohttp
import orjson

from narthex.clock import Clock
from narthex.config.alerting import AlertmanagerConfig
from narthex.errors import HTTPClientError
from narthex.model.labels import Labels
from narthex.net import HTTPClient, explain
from narthex.notifier.alert import Alert
from narthex.notifier.metrics import NotifierMetrics

log = logging.getLogger(__name__)
Queued = tuple[Alert, Labels]
"""An alert with the labels it is sent under (external labels added, relabelled)."""

ANSWER_BYTES = 1024  # of a refusal, for the log


class Endpoint:
    """The queue holds at most `capacity` alerts; the oldest make room. A batch that fails is dropped, not repeated:
    the rules send firing alerts again anyway.
    """

    def __init__(
        self,
        url: str,
        config: AlertmanagerConfig,
        client: HTTPClient,
        metrics: NotifierMetrics,
        clock: Clock,
        *,
        capacity: int,
        batch: int,
    ) -> None:
        self.url, self.config = url, config
        self._client, self._metrics, self._clock = client, metrics, clock
        self._capacity, self._batch = capacity, batch
        self._queue: deque[Queued] = deque()
        self._more = asyncio.Event()
        self._stopping = False
        for family in (metrics.errors, metrics.sent, metrics.dropped, metrics.queue_length):
            family.labels(url)

    def put(self, alerts: Sequence[Queued]) -> None:
        """Queues alerts; called on the event loop, never waits."""
        lost = max(0, len(self._queue) + len(alerts) - self._capacity)
        self._queue.extend(alerts)
        for _ in range(lost):
            self._queue.popleft()
        if lost:
            log.warning("%s: alert queue full, %d alerts dropped", self.url, lost)
            self._metrics.dropped.labels(self.url).inc(lost)
        self._count()
        self._more.set()

    def _count(self) -> None:
        self._metrics.queue_length.labels(self.url).set(len(self._queue))

    def stop(self, *, drain: bool) -> None:
        """Lets `run` end: after sending what waits (up to the first failure), or after the batch on its way."""
        self._stopping = True
        if not drain:
            self._drop()
        self._more.set()

    def _drop(self) -> None:
        self._metrics.dropped.labels(self.url).inc(len(self._queue))
        self._queue.clear()
        self._count()

    async def run(self) -> None:
        """Sends batches until it is stopped."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
                self._count()
                if not await self._send(batch) and self._stopping:
                    self._drop()
            if self._stopping:
                return

    async def _send(self, batch: Sequence[Queued]) -> bool:
        body = orjson.dumps([alert.as_json(labels) for alert, labels in batch])
        started = self._clock.monotonic()
        problem = await self._post(body)
        seconds = self._clock.monotonic() - started
        metrics = self._metrics
        metrics.latency.labels(self.url).observe(seconds)
        metrics.latency_histogram.labels(self.url).observe(seconds)
        metrics.sent.labels(self.url).inc(len(batch))
        if problem:
            log.error("%s: %d alerts could not be sent: %s", self.url, len(batch), problem)
            metrics.errors.labels(self.url).inc(len(batch))
            metrics.dropped.labels(self.url).inc(len(batch))
        return not problem

    async def _post(self, body: bytes) -> str:
        """Posts a body. Gives what went wrong, or ""."""
        try:
            response = await self._client.request(
                "POST",
                self.url,
                timeout_seconds=self.config.timeout / 1000,
                headers={"Content-Type": "application/json"},
                body=body,
            )
            async with response:
                if 200 <= response.status < 300:
                    return ""
                text = (await response.content.read(ANSWER_BYTES)).decode(errors="replace").strip()
                return f"bad response status {response.status} {response.reason}" + (f": {text}" if text else "")
        except (HTTPClientError, aiohttp.ClientError, TimeoutError, OSError) as e:
            return explain(e)
