"""What metrics mean, sent now and then: version 1.0 has no room for it beside the samples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from narthex.clock import Clock
from narthex.config.remote import MESSAGES, RemoteWriteConfig
from narthex.native import encode_metadata
from narthex.remote.write_client import Fate, WriteClient
from narthex.remote.write_metrics import QueueMetrics
from narthex.storage.contract import SeriesMetadata
from narthex.tasks import Tasks

log = logging.getLogger(__name__)

Families = Callable[[], Sequence[tuple[str, SeriesMetadata]]]
"""Metric families of all targets, each once."""

_TYPES = {"counter": 1, "gauge": 2, "histogram": 3, "gaugehistogram": 4, "summary": 5, "info": 6, "stateset": 7}


class MetadataSender:
    """Sends every send_interval where the endpoint speaks version 1.0 and wants it."""

    def __init__(
        self, config: RemoteWriteConfig, client: WriteClient, metrics: QueueMetrics, families: Families, clock: Clock
    ) -> None:
        self._config, self._settings = config, config.metadata_config
        self._client, self._metrics, self._families, self._clock = client, metrics, families, clock
        self._tasks = Tasks("remote write metadata")

    def start(self) -> None:
        if self._settings.send and self._config.protobuf_message == MESSAGES[0]:
            self._tasks.start("send", self._run())

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(self._settings.send_interval / 1000)
            families = self._families()
            most = self._settings.max_samples_per_send
            for first in range(0, len(families), most):
                await self._send(families[first : first + most])

    async def _send(self, families: Sequence[tuple[str, SeriesMetadata]]) -> None:
        body = encode_metadata([(name, _TYPES.get(m.type, 0), m.help, m.unit) for name, m in families])
        queue = self._config.queue_config
        backoff, attempt = queue.min_backoff / 1000, 0
        while True:
            answer = await self._client.send(body, attempt)
            if answer.fate is not Fate.AGAIN:
                break
            self._metrics.retried["metadata"].inc(len(families))
            await self._clock.sleep(answer.wait_seconds or backoff)
            backoff = min(2 * backoff, queue.max_backoff / 1000)
            attempt += 1
        self._metrics.metadata_bytes.inc(len(body))
        self._metrics.sent["metadata"].inc(len(families))
        if answer.fate is Fate.REFUSED:
            self._metrics.failed["metadata"].inc(len(families))
            log.error("non-recoverable error while sending metadata", extra={"err": answer.problem})
