"""The sending side of a queue: each shard sends its part in order, one request at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from narthex.clock import Clock, milliseconds
from narthex.config.remote import RemoteWriteConfig
from narthex.native import Outbox, OutboxBatch
from narthex.remote.queue_resharding import Resharding
from narthex.remote.waiting import wait_for
from narthex.remote.write_client import Answer, Fate, WriteClient, Written
from narthex.remote.write_metrics import KINDS, QueueMetrics
from narthex.tasks import Tasks

log = logging.getLogger(__name__)

_MAY_KNOW_IT = frozenset((400, 409, 422))  # answers to a request in which something was sent before


class Shards:
    """Sends what is in the outbox. `start` and `halt` may alternate; use it from one event loop.

    A request is full, or its first sample has waited for batch_send_deadline, or the queue is being emptied. It is
    tried until the endpoint takes it or refuses it for good. A request that may hold what the endpoint has already
    (`resending`) and is refused is cut in halves, so that nothing new is refused with something old.
    """

    def __init__(
        self,
        name: str,
        config: RemoteWriteConfig,
        outbox: Outbox,
        client: WriteClient,
        clock: Clock,
        metrics: QueueMetrics,
        resharding: Resharding,
        *,
        resending: Callable[[], bool],
        done: Callable[[], None],
    ) -> None:
        """`done` is called whenever something is off the outbox. Raises what `done` raises, in the shard's task."""
        self._name, self._config, self._queue = name, config, config.queue_config
        self._outbox, self._client, self._clock = outbox, client, clock
        self._metrics, self._resharding = metrics, resharding
        self._resending, self._done = resending, done
        self._news: list[asyncio.Event] = []
        self._sizes: list[int] = []
        self._emptying = self._halted = False
        self._running: list[asyncio.Task[None]] = []
        self.last_sent = 0.0
        """Monotonic seconds."""

    def __len__(self) -> int:
        return len(self._sizes)

    def start(self, tasks: Tasks, number: int) -> None:
        self._halted = False
        self._news = [asyncio.Event() for _ in range(number)]
        self._sizes = [0] * number
        self._running = [tasks.start(f"{self._name}/shard {i}", self._run(i)) for i in range(number)]
        self.look()

    async def halt(self, seconds: float) -> bool:
        """Stops between two requests; False when that takes longer, and nothing has changed then."""
        self._halted = True
        for event in self._news:
            event.set()
        ended = asyncio.Event()
        waiting = asyncio.ensure_future(asyncio.wait(self._running))
        waiting.add_done_callback(lambda _: ended.set())
        await wait_for(ended, seconds, self._clock)
        waiting.cancel()
        return ended.is_set()

    def restart_ended(self, tasks: Tasks) -> None:
        """After a `halt` that gave up."""
        self._halted = False
        for i, task in enumerate(self._running):
            if task.done():
                self._running[i] = tasks.start(f"{self._name}/shard {i}", self._run(i))

    def empty(self) -> None:
        """From now on nothing waits for a request to become full."""
        self._emptying = True
        self.look()

    def look(self) -> None:
        """After something was put into the outbox."""
        self._sizes = self._outbox.pending()
        for event, size in zip(self._news, self._sizes, strict=True):
            if size:
                event.set()

    async def _run(self, number: int) -> None:
        while await self._worth_it(number):
            batch, body = await asyncio.to_thread(self._take, number)
            self._sizes[number] = self._outbox.pending()[number]
            if batch is not None:
                await self._deliver(batch, body)

    def _take(self, number: int) -> tuple[OutboxBatch | None, bytes]:
        batch = self._outbox.take(number, self._queue.max_samples_per_send)
        return (None, b"") if batch is None else (batch, batch.encode())

    async def _worth_it(self, number: int) -> bool:
        """Waits until there is enough for a request; False: halted."""
        news, due = self._news[number], 0.0
        while not self._halted:
            size = self._sizes[number]
            if size and (self._emptying or size >= self._queue.max_samples_per_send):
                return True
            news.clear()
            if not size:
                due = 0.0
                await news.wait()
                continue
            now = self._clock.monotonic()
            due = due or now + self._queue.batch_send_deadline / 1000
            if now >= due:
                return True
            await wait_for(news, due - now, self._clock)
        return False

    async def _deliver(self, batch: OutboxBatch, body: bytes) -> None:
        waiting = [(batch, body)]
        while waiting:
            batch, body = waiting.pop()
            answer = await self._send(batch, body)
            if answer.fate is Fate.REFUSED and answer.status in _MAY_KNOW_IT and self._resending():
                second = batch.split()
                if second is not None:
                    waiting += [(second, second.encode()), (batch, batch.encode())]
                    continue
            if len(batch):
                self._judge(batch, answer)
            batch.done()
            self._done()

    async def _send(self, batch: OutboxBatch, body: bytes) -> Answer:
        """Until it is taken or refused, or all of it became too old."""
        backoff, attempt = self._queue.min_backoff / 1000, 0
        while True:
            started = self._clock.monotonic()
            answer = await self._client.send(body, attempt)
            took = self._clock.monotonic() - started
            self._metrics.batch_seconds.observe(took)
            self._resharding.seconds.add(took)
            if answer.fate is not Fate.AGAIN:
                self._metrics.bytes.inc(len(body))
                return answer
            for kind, count in zip(KINDS, batch.counts, strict=True):
                self._metrics.retried[kind].inc(count)
            log.warning(
                "Failed to send batch, retrying",
                extra={"remote_name": self._name, "url": str(self._config.url), "err": answer.problem},
            )
            await self._clock.sleep(answer.wait_seconds or backoff)
            backoff = min(2 * backoff, self._queue.max_backoff / 1000)
            attempt += 1
            if self._queue.sample_age_limit:
                body = self._without_old(batch, body)
                if not len(batch):
                    return Answer(Fate.TAKEN)

    def _without_old(self, batch: OutboxBatch, body: bytes) -> bytes:
        dropped = batch.drop_older(milliseconds(self._clock.now()) - self._queue.sample_age_limit)
        if not any(dropped):
            return body
        self._resharding.dropped.add(sum(dropped))
        for kind, count in zip(KINDS, dropped, strict=True):
            self._metrics.drop(kind, "too_old", count)
        return batch.encode()

    def _judge(self, batch: OutboxBatch, answer: Answer) -> None:
        counts = batch.counts
        stored = answer.written or Written(*(counts if answer.fate is Fate.TAKEN else (0, 0, 0)))
        for kind, sent, kept in zip(KINDS, counts, stored, strict=True):
            self._metrics.sent[kind].inc(sent)
            self._metrics.failed[kind].inc(max(0, sent - kept))
        self._resharding.sent.add(sum(counts))
        self.last_sent = self._clock.monotonic()
        about = {"remote_name": self._name, "url": str(self._config.url), "count": len(batch)}
        if answer.fate is Fate.REFUSED:
            log.error("non-recoverable error, samples are not sent", extra={**about, "err": answer.problem})
            return
        self._metrics.highest_sent.set(max(self._metrics.highest_sent.read(), batch.newest / 1000))
        if sum(stored) < sum(counts):
            log.error("The endpoint took a request but says that it did not store all of it", extra=about)
