"""Remote read as a server: what another Prometheus asks for, as samples or as chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from enum import IntEnum

from narthex.errors import MatcherError, RequestError
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import DecodeError, LimitError, ReadAnswer, ReadFrames, SeriesBatch, read_request
from narthex.storage.contract import Queryable

PIECE = 256 * 1024
"""Bytes of frames that are made at a time."""
_TYPES = (MatchType.EQUAL, MatchType.NOT_EQUAL, MatchType.REGEX, MatchType.NOT_REGEX)


class ResponseType(IntEnum):
    """How an answer looks; the numbers are the protocol's."""

    SAMPLES = 0
    STREAMED_XOR_CHUNKS = 1


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """Times are milliseconds, inclusive: those that are asked for and those that will be used."""

    mint: int
    maxt: int
    used: tuple[int, int]
    matchers: Sequence[Matcher]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    queries: Sequence[ReadQuery]
    response: ResponseType


def decode(body: bytes, external: Mapping[str, str]) -> ReadRequest:
    """A request in snappy's block format. Raises RequestError.

    A matcher that wants an external label to be what it is has no meaning for what is stored and is left out.
    """
    try:
        queries, accepted = read_request(body)
    except DecodeError as e:
        raise RequestError("bad_data", str(e)) from None
    response = next((ResponseType(t) for t in accepted or [0] if t in tuple(ResponseType)), None)
    if response is None:
        text = f"server does not support any of the requested response types: {accepted}"
        raise RequestError("bad_data", f"{text}; supported: {[t.name for t in ResponseType]}")
    return ReadRequest(
        [
            ReadQuery(mint, maxt, (used_mint, used_maxt), _matchers(matchers, external))
            for mint, maxt, used_mint, used_maxt, matchers in queries
        ],
        response,
    )


def _matchers(matchers: Sequence[tuple[int, str, str]], external: Mapping[str, str]) -> list[Matcher]:
    out = []
    for number, name, value in matchers:
        if number >= len(_TYPES):
            raise RequestError("bad_data", "invalid matcher type")
        if _TYPES[number] is MatchType.EQUAL and external.get(name) == value:
            continue
        try:
            out.append(Matcher(_TYPES[number], name, value))
        except MatcherError as e:
            raise RequestError("bad_data", str(e)) from None
    return out


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """0 is no limit."""

    samples: int = 50_000_000
    """Of a query that is answered in samples."""
    concurrency: int = 10
    frame_bytes: int = 1024 * 1024


class ReadServer:
    """Answers requests between `admitted`; its other methods block. `external` gives the labels that series have
    besides their own.
    """

    def __init__(
        self, queryable: Queryable, external: Callable[[], Mapping[str, str]], limits: ReadLimits, registry: Registry
    ) -> None:
        self._queryable, self._external, self._limits = queryable, external, limits
        self._gate: AbstractAsyncContextManager[None] = (
            asyncio.Semaphore(limits.concurrency) if limits.concurrency > 0 else nullcontext()
        )
        self._queries = registry.gauge(
            "prometheus_remote_read_handler_queries",
            "The current number of remote read queries that are either in execution or queued on the handler.",
        )

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Waits for its turn."""
        self._queries.inc()
        try:
            async with self._gate:
                yield
        finally:
            self._queries.inc(-1)

    def decode(self, body: bytes) -> ReadRequest:
        return decode(body, self._external())

    def samples(self, request: ReadRequest) -> bytes:
        """A compressed ReadResponse. Raises RequestError over the limit, and StorageError."""
        answer = ReadAnswer(sorted(self._external().items()), self._limits.samples)
        for query in request.queries:
            with _Selection(self._queryable, query) as batch:
                try:
                    answer.add(batch, *_range(query))
                except LimitError as e:
                    raise RequestError("bad_data", str(e)) from None
        return answer.compressed()

    def frames(self, request: ReadRequest) -> Iterator[bytes]:
        """Whole frames in pieces of about PIECE bytes. Raises StorageError."""
        external = sorted(self._external().items())
        for number, query in enumerate(request.queries):
            with _Selection(self._queryable, query) as batch:
                frames = ReadFrames(batch, *_range(query), external, number, self._limits.frame_bytes)
                while piece := frames.next(PIECE):
                    yield piece


def _range(query: ReadQuery) -> tuple[int, int]:
    return max(query.mint, query.used[0]), min(query.maxt, query.used[1])


class _Selection:
    """What a query selects, for the time of a with block."""

    def __init__(self, queryable: Queryable, query: ReadQuery) -> None:
        self._querier = queryable.querier(*_range(query))
        self._matchers = query.matchers

    def __enter__(self) -> SeriesBatch:
        return self._querier.select(self._matchers)

    def __exit__(self, *_: object) -> None:
        self._querier.close()
