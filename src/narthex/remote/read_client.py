"""One remote read endpoint: a selection there, as a series batch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp import hdrs

from narthex.clock import Clock
from narthex.config.remote import RemoteReadConfig
from narthex.errors import HTTPClientError, RemoteReadError
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import DecodeError, LimitError, ReadIntake, SeriesBatch
from narthex.net import HTTPClient, explain
from narthex.remote.read_request import read_request

MAX_ANSWER = 1 << 30
"""Bytes of an answer: of its frames, or of its samples when decompressed (some 50 million)."""
_MAX_EXPLANATION = 512
_PIECE = 256 * 1024
_HEADERS = {
    hdrs.CONTENT_ENCODING: "snappy",
    hdrs.ACCEPT_ENCODING: "snappy",
    hdrs.CONTENT_TYPE: "application/x-protobuf",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
_SAMPLES, _FRAMES = "application/x-protobuf", "application/x-streamed-protobuf"


class ReadMetrics:
    def __init__(self, registry: Registry) -> None:
        own = ["remote_name", "url"]
        prefix = "prometheus_remote_read_client_"
        self.running = registry.gauge(f"{prefix}queries", "The number of in-flight remote read queries.", own)
        self.total = registry.counter(
            f"{prefix}queries_total", "The total number of remote read queries.", [*own, "response_type", "code"]
        )
        self.duration = registry.histogram(
            f"{prefix}request_duration_seconds",
            "Duration of remote read requests, until the last byte of the answer.",
            [*own, "response_type"],
            (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint is asked, and the names of labels to take off its answer. Times are milliseconds."""

    matchers: Sequence[Matcher]
    mint: int
    maxt: int
    dropped: Sequence[str]


class ReadEndpoint:
    """`read` and `close` are for one event loop. Raises HTTPClientError on settings that cannot work."""

    def __init__(
        self,
        name: str,
        config: RemoteReadConfig,
        external_labels: Mapping[str, str],
        metrics: ReadMetrics,
        clock: Clock,
    ) -> None:
        self.config, self.external_labels = config, dict(external_labels)
        self._metrics, self._clock = metrics, clock
        self._own = name, str(config.url)
        self._required = set(config.required_matchers.items())
        self._client = HTTPClient(config.http_client, clock=clock)
        self._headers = {**{name: str(value) for name, value in config.headers.items()}, **_HEADERS}
        self._reads: set[asyncio.Task[object]] = set()

    def span(self, mint: int, maxt: int, local_start: int) -> tuple[int, int] | None:
        """The part of a range that is worth asking for. `local_start`: from then on local storage has everything."""
        if self.config.read_recent:
            return mint, maxt
        return None if mint > local_start else (mint, min(maxt, local_start))

    def asked(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> Asked | None:
        """None for a selection that the endpoint is not meant for."""
        equal = {(m.name, m.value) for m in matchers if m.type is MatchType.EQUAL}
        if not self._required <= equal:
            return None
        added: dict[str, str] = {}
        if self.config.filter_external_labels:
            named = {m.name for m in matchers}
            added = {name: value for name, value in self.external_labels.items() if name not in named}
        more = (Matcher(MatchType.EQUAL, name, value) for name, value in added.items())
        return Asked([*matchers, *more], mint, maxt, list(added))

    async def read(self, asked: Asked, *, labels_only: bool) -> SeriesBatch:
        """Raises RemoteReadError."""
        task = asyncio.current_task()
        assert task is not None
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)
        running = self._metrics.running.labels(*self._own)
        running.inc()
        started = self._clock.monotonic()
        outcome = _Outcome()
        try:
            return await self._read(asked, labels_only, outcome)
        except (aiohttp.ClientError, HTTPClientError, TimeoutError, OSError) as e:
            raise RemoteReadError(f'error sending request: Post "{self._own[1]}": {explain(e)}') from e
        except (DecodeError, LimitError) as e:
            raise RemoteReadError(f"error reading response of {self._own[1]}: {e}") from e
        finally:
            running.inc(-1)
            self._metrics.total.labels(*self._own, outcome.kind, outcome.code).inc()
            self._metrics.duration.labels(*self._own, outcome.kind).observe(self._clock.monotonic() - started)

    async def _read(self, asked: Asked, labels_only: bool, outcome: _Outcome) -> SeriesBatch:
        response = await self._client.request(
            "POST",
            self.config.url.text,
            timeout_seconds=self.config.remote_timeout / 1000,
            headers=self._headers,
            body=read_request(asked.matchers, asked.mint, asked.maxt, labels_only=labels_only),
        )
        async with response:
            outcome.code = str(response.status)
            if response.status // 100 != 2:
                said = (await response.content.read(_MAX_EXPLANATION)).decode(errors="replace").strip()
                status = f"{response.status} {response.reason}"
                raise RemoteReadError(f"remote server {self._own[1]} returned http status {status}: {said}")
            if response.content_type not in (_SAMPLES, _FRAMES):
                raise RemoteReadError(f"not supported remote read content type: {response.content_type}")
            frames = response.content_type == _FRAMES
            outcome.kind = "chunked" if frames else "sampled"
            intake = ReadIntake(
                list(asked.dropped),
                frames=frames,
                frame_limit=self.config.chunked_read_limit,
                limit=MAX_ANSWER,
                labels_only=labels_only,
            )
            while piece := await response.content.read(_PIECE):
                intake.feed(piece)
        return await asyncio.to_thread(intake.finish)

    async def close(self) -> None:
        """Waits for the reads that run."""
        if self._reads:
            await asyncio.wait(self._reads)
        await self._client.close()


@dataclass(slots=True)
class _Outcome:
    """For metrics."""

    kind: str = "sampled"
    code: str = ""
