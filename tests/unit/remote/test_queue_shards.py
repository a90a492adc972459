"""What goes out when, and what becomes of it, over a scripted endpoint and a clock that is moved."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

from narthex.config.remote import RemoteWriteConfig
from narthex.files.zstd import decompress
from narthex.instrument import Registry
from narthex.native import Outbox, wal_frame
from narthex.remote.queue_resharding import Resharding
from narthex.remote.queue_shards import Shards
from narthex.remote.write_client import Answer, Fate
from narthex.remote.write_metrics import WriteMetrics
from narthex.tasks import Tasks
from reference.remote_write import samples_v1
from support.clock import FakeClock
from support.waiting import until

TAKEN = Answer(Fate.TAKEN, 200)
Sent = list[tuple[str, int]]
"""Metric name and milliseconds."""


class Endpoint:
    """Gives the scripted answers, then takes everything. `known`: a request with any of it is refused as a whole."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.requests: list[Sent] = []
        self.attempts: list[int] = []
        self.stored: Sent = []
        self.known: set[tuple[str, int]] = set()

    async def send(self, body: bytes, attempt: int) -> Answer:
        sent = [(dict(labels)["__name__"], t) for labels, t, _ in samples_v1(body)]
        self.requests.append(sent)
        self.attempts.append(attempt)
        if self.known & set(sent):
            return Answer(Fate.REFUSED, 400, "out of order sample")
        answer = self.answers.popleft() if self.answers else TAKEN
        if answer.fate is Fate.TAKEN:
            self.stored += sent
        return answer


class Sending:
    def __init__(self, endpoint: Endpoint, *, resending: bool = False, shards: int = 1, **queue: Any) -> None:
        self.clock, self.endpoint = FakeClock(), endpoint
        self.registry = Registry()
        queue = {"max_samples_per_send": 4, "batch_send_deadline": "5s", **queue}
        config = RemoteWriteConfig.model_validate({"url": "http://x/", "queue_config": queue})
        self.metrics = WriteMetrics(self.registry).of("q", "u")
        self.outbox = Outbox(shards, [])
        self.tasks, self.done = Tasks("test"), 0
        self.shards = Shards(
            "q", config, self.outbox, endpoint, self.clock, self.metrics, Resharding(1, 50),  # type: ignore[arg-type]  # the endpoint is scripted
            resending=lambda: resending, done=self._count,
        )  # fmt: skip
        self.shards.start(self.tasks, shards)

    def _count(self) -> None:
        self.done += 1

    def put(self, *samples: tuple[str, int]) -> None:
        """Into the outbox, by way of log records."""
        names = sorted({name for name, _ in samples})
        series = b"\x01" + b"".join(
            struct.pack(">Q", ord(n)) + b"\x01\x08__name__" + bytes([len(n)]) + n.encode() for n in names
        )
        records = [series]
        records += [b"\x02" + struct.pack(">QQ", ord(n), t) + b"\0\0" + struct.pack(">d", 1.0) for n, t in samples]
        self.outbox.read(
            wal_frame(records), 0, 0, 0, complete=True, series_only=False, capacity=10**6, mint=0, zstd=decompress
        )
        self.shards.look()

    async def requests(self, count: int) -> list[Sent]:
        await until("requests", lambda: len(self.endpoint.requests) >= count)
        await self.clock.settle()
        return self.endpoint.requests

    async def __aenter__(self) -> Sending:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.stop()


def row(*times: int) -> Sent:
    return [("a", t) for t in times]


async def test_a_full_request_goes_at_once_and_the_rest_after_the_deadline() -> None:
    async with Sending(Endpoint()) as s:
        s.put(*row(1, 2, 3, 4, 5))
        assert await s.requests(1) == [row(1, 2, 3, 4)]
        await s.clock.advance(4.9)
        assert len(s.endpoint.requests) == 1
        await s.clock.sleeper()
        await s.clock.advance(0.2)
        assert (await s.requests(2))[1] == row(5)
        await until("both done", lambda: s.done == 2)


async def test_a_failed_request_is_tried_again_with_growing_pauses() -> None:
    again = Answer(Fate.AGAIN, 503, "busy")
    async with Sending(Endpoint(again, again, again), min_backoff="1s", max_backoff="2s") as s:
        s.put(*row(1, 2, 3, 4, 5, 6, 7, 8))
        await s.requests(1)
        for pause, count in ((1, 2), (2, 3), (2, 4)):
            await s.clock.sleeper()
            await s.clock.advance(pause - 0.1)
            assert len(s.endpoint.requests) == count - 1
            await s.clock.advance(0.1)
            await s.requests(count)
        assert s.endpoint.attempts[:4] == [0, 1, 2, 3]
        await until("the rest", lambda: s.endpoint.stored == row(1, 2, 3, 4, 5, 6, 7, 8))
        assert s.metrics.retried["samples"].read() == 12 and s.metrics.failed["samples"].read() == 0


async def test_the_endpoint_may_say_how_long_to_wait() -> None:
    async with Sending(Endpoint(Answer(Fate.AGAIN, 503, "busy", 30.0))) as s:
        s.put(*row(1, 2, 3, 4))
        await s.requests(1)
        await s.clock.sleeper()
        await s.clock.advance(29.9)
        assert len(s.endpoint.requests) == 1
        await s.clock.advance(0.2)
        await s.requests(2)


async def test_a_refused_request_is_dropped_and_counted() -> None:
    async with Sending(Endpoint(Answer(Fate.REFUSED, 400, "bad"))) as s:
        s.put(*row(1, 2, 3, 4, 5, 6, 7, 8))
        await until("both", lambda: s.done == 2)
        assert s.endpoint.stored == row(5, 6, 7, 8)
        assert s.metrics.failed["samples"].read() == 4 and s.metrics.sent["samples"].read() == 8


async def test_nothing_new_is_refused_with_what_the_endpoint_has_already() -> None:
    endpoint = Endpoint()
    endpoint.known = {("a", 1), ("a", 2), ("b", 1)}
    async with Sending(endpoint, resending=True, max_samples_per_send=8) as s:
        s.put(*row(1, 2, 3), ("b", 1), ("b", 2), *row(4, 5), ("b", 3))
        await until("all", lambda: s.outbox.unsent()[0] == 0)
        assert sorted(endpoint.stored) == [*row(3, 4, 5), ("b", 2), ("b", 3)]
        assert [t for n, t in endpoint.stored if n == "a"] == [3, 4, 5]
        assert s.metrics.failed["samples"].read() == 3


async def test_what_becomes_too_old_while_it_is_tried_is_dropped() -> None:
    async with Sending(
        Endpoint(Answer(Fate.AGAIN, 500, "down")), min_backoff="10s", max_backoff="10s", sample_age_limit="5s"
    ) as s:
        now = int(s.clock.now() * 1000)
        s.put(*row(now - 4000, now - 3000, now + 7000, now + 8000))
        await s.requests(1)
        await s.clock.sleeper()
        await s.clock.advance(10)
        assert (await s.requests(2))[1] == row(now + 7000, now + 8000)


async def test_halting_waits_for_requests_on_their_way_and_can_be_taken_back() -> None:
    again = Answer(Fate.AGAIN, 503, "busy")
    async with Sending(Endpoint(again), shards=2, min_backoff="60s", max_backoff="60s") as s:
        s.put(*row(1, 2, 3, 4))
        await s.requests(1)
        halted = s.tasks.start("halt", s.shards.halt(10))
        await s.clock.sleeper()
        await s.clock.advance(10)
        assert await halted is False
        s.shards.restart_ended(s.tasks)
        await s.clock.advance(60)
        await until("sent", lambda: s.endpoint.stored == row(1, 2, 3, 4))
        assert await s.shards.halt(10) is True
