"""Local storage and remote read endpoints as one: what is asked, what is merged, what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from narthex.config.remote import RemoteReadConfig
from narthex.errors import ConfigError, MustWait, QueryCanceled
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.native import read_request
from narthex.remote.read_fanout import ReadFanout
from narthex.storage.contract import Querier
from narthex.tasks.waiting import GIVEN_UP
from support.chunks import FOREVER
from support.clock import FakeClock
from support.memory_storage import MemoryStorage
from support.read_answers import FRAMES, SAMPLES, frame, in_samples
from support.write_requests import Series
from unit.net.servers import serve

HOUR = 3_600_000
LOCAL_START = 10 * HOUR
NAME = Matcher(MatchType.EQUAL, "__name__", "a")
JOB = Matcher(MatchType.EQUAL, "job", "x")
FAR = Series({"__name__": "a", "job": "x", "from": "far", "cluster": "c"}, [(1000, 1.0), (2000, 2.0)])


@dataclass
class Far:
    """A remote read server."""

    answer: Callable[[], Awaitable[web.Response]]
    port: int = 0
    asked: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        queries, accepted = read_request(await request.read())
        assert accepted == [1, 0]
        self.asked += queries
        self.headers.update(request.headers)
        return await self.answer()

    def config(self, **more: Any) -> RemoteReadConfig:
        url = {"url": f"http://127.0.0.1:{self.port}/read", "read_recent": True}
        return RemoteReadConfig.model_validate(url | more)


async def samples() -> web.Response:
    return web.Response(body=in_samples([FAR]), content_type=SAMPLES)


@asynccontextmanager
async def server(answer: Callable[[], Awaitable[web.Response]] = samples) -> AsyncIterator[Far]:
    far = Far(answer)
    async with serve(far) as port:
        far.port = port
        yield far


@asynccontextmanager
async def fanout(*configs: RemoteReadConfig, external: dict[str, str] | None = None) -> AsyncIterator[ReadFanout]:
    local = MemoryStorage()
    local.data[Labels({"__name__": "a", "job": "x"})] = [(3000, 3.0)]
    made = ReadFanout(local, Registry(), FakeClock(), lambda: LOCAL_START)
    made.apply(configs, external or {})
    try:
        yield made
    finally:
        await asyncio.to_thread(made.stop)


def rows(querier: Querier, *matchers: Matcher) -> dict[str, list[float]]:
    batch = querier.select(matchers)
    return {str(dict(batch.labels[i])): batch.samples(i, *FOREVER)[1].tolist() for i in range(len(batch))}


LOCAL = str({"__name__": "a", "job": "x"})


async def test_without_endpoints_the_local_querier_is_given() -> None:
    async with fanout() as reading:
        assert rows(reading.querier(0, HOUR), NAME) == {LOCAL: [3.0]}


async def test_rows_of_both_are_merged_and_external_labels_go_as_they_came() -> None:
    async with server() as far, fanout(far.config(), external={"cluster": "c", "job": "ours"}) as reading:
        found = await asyncio.to_thread(rows, reading.querier(0, HOUR), NAME, JOB)
        assert found == {LOCAL: [3.0], str({"__name__": "a", "from": "far", "job": "x"}): [1.0, 2.0]}
        # job is a matcher of the query already.
        assert far.asked == [(0, HOUR, 0, HOUR, [(0, "__name__", "a"), (0, "job", "x"), (0, "cluster", "c")])]


async def test_external_labels_stay_where_they_are_not_filtered() -> None:
    async with server() as far, fanout(far.config(filter_external_labels=False), external={"cluster": "c"}) as reading:
        found = await asyncio.to_thread(rows, reading.querier(0, HOUR), NAME)
        assert str({"__name__": "a", "cluster": "c", "from": "far", "job": "x"}) in found
        assert far.asked[0][4] == [(0, "__name__", "a")]


async def test_an_endpoint_is_asked_for_what_it_requires_alone() -> None:
    async with server() as far, fanout(far.config(required_matchers={"job": "x"})) as reading:
        querier = reading.querier(0, HOUR)
        for other in (Matcher(MatchType.EQUAL, "job", "y"), Matcher(MatchType.REGEX, "job", "x")):
            await asyncio.to_thread(rows, querier, NAME, other)
        assert far.asked == []
        await asyncio.to_thread(rows, querier, NAME, JOB)
        assert len(far.asked) == 1


async def test_what_local_storage_has_is_not_asked_for_unless_wanted() -> None:
    async with server() as far, fanout(far.config(read_recent=False)) as reading:
        await asyncio.to_thread(rows, reading.querier(LOCAL_START + 1, LOCAL_START + HOUR), NAME)
        assert far.asked == []
        await asyncio.to_thread(rows, reading.querier(LOCAL_START - 5, LOCAL_START + HOUR), NAME)
        assert far.asked[0][:2] == (LOCAL_START - 5, LOCAL_START)


async def test_label_sets_are_asked_for_with_a_hint() -> None:
    async with server() as far, fanout(far.config()) as reading:
        sets = await asyncio.to_thread(reading.querier(0, HOUR).series, [NAME])
        assert [dict(sets[i]).get("from") for i in range(len(sets))] == ["far", None]
        assert far.asked[0][2:4] == (0, HOUR)


async def test_names_and_values_of_labels_are_local_with_a_warning() -> None:
    async with server() as far, fanout(far.config()) as reading:
        querier = reading.querier(0, HOUR)
        assert querier.label_names().json() == b'["__name__","job"]'
        assert querier.label_values("job").json() == b'["x"]'
        assert querier.warnings == ["not implemented"] and far.asked == []


async def test_requests_carry_the_protocols_headers_and_those_of_the_configuration() -> None:
    auth = {"basic_auth": {"username": "u", "password": "p"}}
    async with server() as far, fanout(far.config(headers={"X-Scope": "me"}, **auth)) as reading:
        await asyncio.to_thread(rows, reading.querier(0, HOUR), NAME)
        assert far.headers["X-Scope"] == "me" and far.headers["Authorization"] == "Basic dTpw"
        assert far.headers["Content-Encoding"] == far.headers["Accept-Encoding"] == "snappy"
        assert far.headers["X-Prometheus-Remote-Read-Version"] == "0.1.0"


async def slow() -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


def given(**response: Any) -> Callable[[], Awaitable[web.Response]]:
    async def answer() -> web.Response:
        return web.Response(**response)

    return answer


@pytest.mark.parametrize(
    ("answer", "config", "warning"),
    [
        (given(status=500, text="out of order\n"), {}, "returned http status 500 Internal Server Error: out of order"),
        (given(status=302, headers={"Location": "http://127.0.0.1:1/"}), {}, "dial 127.0.0.1:1: connection refused"),
        (given(text="hello"), {}, "not supported remote read content type: text/plain"),
        (given(body=b"\xff\xff", content_type=SAMPLES), {}, "error reading response of http://127.0.0.1"),
        (given(body=frame(b"\x0a\x7f"), headers={"Content-Type": FRAMES}), {}, "past the end"),
        (given(body=frame(bytes(99)), headers={"Content-Type": FRAMES}), {"chunked_read_limit": 50}, "larger than 50"),
        (slow, {"remote_timeout": "50ms"}, "context deadline exceeded"),
    ],
)
async def test_a_failed_endpoint_is_a_warning_beside_what_the_others_give(
    answer: Callable[[], Awaitable[web.Response]], config: dict[str, Any], warning: str
) -> None:
    async with server(answer) as bad, server() as far, fanout(bad.config(**config), far.config(name="n")) as reading:
        querier = reading.querier(0, HOUR)
        found = await asyncio.to_thread(rows, querier, NAME)
        assert list(found.values()) == [[1.0, 2.0], [3.0]]
        (text,) = querier.warnings
        assert text.startswith("remote_read: ") and warning in text
        await asyncio.to_thread(querier.series, [NAME])
        assert querier.warnings == [text]


async def test_an_event_loop_never_waits_for_an_endpoint() -> None:
    async with server() as far, fanout(far.config(required_matchers={"job": "x"})) as reading:
        with pytest.raises(MustWait):
            rows(reading.querier(0, HOUR), NAME, JOB)
        assert rows(reading.querier(0, HOUR), NAME) == {LOCAL: [3.0]}  # the endpoint is not meant for it
        assert far.asked == []


async def test_a_query_that_is_given_up_does_not_wait() -> None:
    async with server(slow) as far, fanout(far.config()) as reading:

        def select() -> None:
            GIVEN_UP.set(lambda: bool(far.asked))
            rows(reading.querier(0, HOUR), NAME)

        with pytest.raises(QueryCanceled):
            await asyncio.wait_for(asyncio.to_thread(select), 10)


async def test_a_reload_keeps_what_it_leaves_as_it_was_and_lets_reads_end() -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def held() -> web.Response:
        begun.set()
        await released.wait()
        return await samples()

    async with server(held) as far, server() as other, fanout(far.config(), other.config(name="o")) as reading:
        before = dict(reading._endpoints)
        read = asyncio.create_task(asyncio.to_thread(rows, reading.querier(0, HOUR), NAME))
        await begun.wait()
        reading.apply([other.config(name="o")], {})
        assert reading._endpoints == {"o": before["o"]}
        released.set()
        assert len(await read) == 2
        reading.apply([other.config(name="o", headers={"X-A": "b"})], {})
        assert reading._endpoints["o"] is not before["o"]
        with pytest.raises(ConfigError, match="the same as one before"):
            reading.apply([other.config(), other.config()], {})


async def test_requests_are_counted_by_kind_and_status() -> None:
    registry = Registry()
    async with server() as far:
        reading = ReadFanout(MemoryStorage(), registry, FakeClock(), lambda: LOCAL_START)
        reading.apply([far.config(name="n")], {})
        await asyncio.to_thread(rows, reading.querier(0, HOUR), NAME)
        await asyncio.to_thread(reading.stop)
    text = registry.expose().decode()
    own = f'remote_name="n",url="http://127.0.0.1:{far.port}/read"'
    assert f'prometheus_remote_read_client_queries_total{{{own},response_type="sampled",code="200"}} 1\n' in text
    assert f"prometheus_remote_read_client_queries{{{own}}} 0\n" in text
