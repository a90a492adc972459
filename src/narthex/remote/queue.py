"""One endpoint of remote write: what the log gets goes there, in the order of each series, until it has arrived.

Reading the log waits when shards are full, so memory is bounded by capacity times shards and one record of the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from narthex.clock import Clock, milliseconds
from narthex.config.relabel import rules
from narthex.config.remote import MESSAGES, RemoteWriteConfig
from narthex.errors import NarthexError
from narthex.native import Outbox, OutboxStop
from narthex.remote.queue_resharding import UPDATE_SECONDS, Resharding
from narthex.remote.queue_shards import Shards
from narthex.remote.waiting import wait_for
from narthex.remote.write_client import WriteClient
from narthex.remote.write_counts import CountReporter
from narthex.remote.write_log import LogFollower
from narthex.remote.write_metrics import KINDS, QueueMetrics
from narthex.remote.write_position import Place, PositionFile
from narthex.tasks import Tasks

log = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0  # at the latest, should nobody say that something was written
_TRY_AGAIN_SECONDS = 5.0
_HALT_SECONDS = 60.0  # for requests that are on their way when the number of shards is to change


class Queue:
    """`start` once, `stop` once. Use it from one event loop. Raises StorageError, HTTPClientError when made."""

    def __init__(
        self,
        name: str,
        config: RemoteWriteConfig,
        external_labels: Mapping[str, str],
        data: Path,
        key: str,
        metrics: QueueMetrics,
        clock: Clock,
    ) -> None:
        """`data` holds the log in `wal`; `key` names the endpoint over restarts and changes of its other settings."""
        self.name, self.config, self.metrics = name, config, metrics
        self._clock = clock
        queue, second = config.queue_config, config.protobuf_message == MESSAGES[1]
        relabel = rules(config.write_relabel_configs)
        self._outbox = Outbox(
            queue.min_shards,
            sorted(external_labels.items()),
            second_version=second,
            exemplars=config.send_exemplars,
            histograms=config.send_native_histograms or second,
            relabel=bool(relabel),
        )
        self._log = LogFollower(data / "wal", self._outbox, relabel, queue.capacity)
        self._position = PositionFile(data, key)
        self.client = WriteClient(config, clock)
        self._resharding = Resharding(queue.min_shards, queue.max_shards)
        self._shards = Shards(
            name, config, self._outbox, self.client, clock, metrics, self._resharding,
            resending=self._resending, done=self._something_sent,
        )  # fmt: skip
        self._counts = CountReporter(self._outbox, metrics, self._resharding)
        self._tasks = Tasks(f"remote write {name}")
        self._written, self._room, self._sent_all = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._stopping = self._read_all = False
        self._show_settings()

    async def start(self) -> None:
        """From where the endpoint has everything, or else from the log's end. Raises StorageError, CorruptionError."""
        known = self._position.load()
        await asyncio.to_thread(self._log.start, known)
        if known is not None:
            log.info("Remote write goes on where it ended", extra={"remote_name": self.name, "place": tuple(known)})
        self._store_position()
        self._shards.start(self._tasks, self.config.queue_config.min_shards)
        self._tasks.start("log", self._follow())
        self._tasks.start("resharding", self._reshard())

    def written(self) -> None:
        """Something was written to the log."""
        self._written.set()

    async def stop(self, flush_seconds: float) -> None:
        """Sends what the log has, as long as `flush_seconds` allow; the rest is sent after the next start."""
        self._stopping = True
        self._written.set()
        self._shards.empty()
        if flush_seconds and not await wait_for(self._sent_all, flush_seconds, self._clock):
            log.warning("Not everything could be sent before the flush deadline", extra={"remote_name": self.name})
        await self._tasks.stop()
        self._store_position()
        self._position.close()
        await asyncio.to_thread(self._log.close)
        await self.client.close()
        self.metrics.remove()

    def collect(self) -> None:
        """Gauges that are asked for when metrics are exposed."""
        for kind, count in zip(KINDS, self._outbox.unsent(), strict=True):
            self.metrics.pending[kind].set(count)
        self.metrics.shards.set(len(self._shards))

    @property
    def behind_seconds(self) -> float:
        return max(0.0, self.metrics.highest.read() - (self.metrics.highest_sent.read() or self._first_seen))

    def sent_until(self) -> int:
        """Milliseconds up to which everything was sent; 0 before the first request."""
        return milliseconds(self.metrics.highest_sent.read())

    async def _follow(self) -> None:
        while True:
            self._written.clear()
            self._room.clear()
            stopping = self._stopping
            age = self.config.queue_config.sample_age_limit
            mint = milliseconds(self._clock.now()) - age if age else -(2**63)
            try:
                stop = await asyncio.to_thread(self._log.step, mint)
            except NarthexError as e:
                log.error("Cannot follow the log", extra={"remote_name": self.name, "err": str(e)})
                await self._clock.sleep(_TRY_AGAIN_SECONDS)
                continue
            self._counts.report(self._log.place.segment)
            self._shards.look()
            if stop == OutboxStop.FULL:
                self.metrics.enqueue_retries.inc()
                await wait_for(self._room, _LOOK_SECONDS, self._clock)
                continue
            self._read_all = stopping
            self._something_sent()
            await wait_for(self._written, _LOOK_SECONDS, self._clock)

    async def _reshard(self) -> None:
        queue = self.config.queue_config
        while True:
            await self._clock.sleep(UPDATE_SECONDS)
            if self._stopping:
                return
            now = len(self._shards)
            wanted = self._resharding.wanted(now, self.behind_seconds)
            self.metrics.shards_desired.set(self._resharding.desired)
            quiet = self._clock.monotonic() - self._shards.last_sent
            if wanted == now or quiet > UPDATE_SECONDS + 2 * queue.batch_send_deadline / 1000:
                continue  # more shards do not help an endpoint that takes nothing
            if await self._shards.halt(_HALT_SECONDS):
                self._outbox.reshard(wanted)
                self._shards.start(self._tasks, wanted)
                log.info("Remote storage resharding", extra={"remote_name": self.name, "from": now, "to": wanted})
            else:
                self._shards.restart_ended(self._tasks)

    def _resending(self) -> bool:
        return Place(*self._outbox.acknowledged()) < self._log.end_at_start

    def _something_sent(self) -> None:
        self._room.set()
        self._store_position()
        if self._read_all and not any(self._outbox.unsent()):
            self._sent_all.set()

    def _store_position(self) -> None:
        try:
            self._position.store(Place(*self._outbox.acknowledged()))
        except NarthexError as e:
            log.error("After a crash samples would be sent again", extra={"remote_name": self.name, "err": str(e)})

    def _show_settings(self) -> None:
        queue, metrics = self.config.queue_config, self.metrics
        metrics.shard_capacity.set(queue.capacity)
        metrics.shards_max.set(queue.max_shards)
        metrics.shards_min.set(queue.min_shards)
        metrics.shards_desired.set(queue.min_shards)
        metrics.most.set(queue.max_samples_per_send)
        self._first_seen = self._clock.now()
