from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from narthex.config.sd.cluster import NerveSDConfig, ServersetSDConfig
from narthex.config.strict import load
from narthex.discovery.zookeeper import provider_of
from narthex.discovery.zookeeper.provider import RETRY_SECONDS
from narthex.discovery.zookeeper.session import CLOSE_SECONDS
from narthex.errors import HTTPClientError
from unit.discovery.api import Life
from unit.discovery.zookeeper_server import NO_AUTH, ZooKeeper, zookeeper

MEMBER = b'{"host": "10.0.0.1", "port": 80, "name": "web-1"}'
OTHER = b'{"host": "fd00::1", "port": 81, "name": "web-2"}'


def member(path: str) -> dict[str, str]:
    return {
        "__address__": "10.0.0.1:80",
        "__meta_nerve_path": path,
        "__meta_nerve_endpoint_host": "10.0.0.1",
        "__meta_nerve_endpoint_port": "80",
        "__meta_nerve_endpoint_name": "web-1",
    }


@asynccontextmanager
async def nerve(zk: ZooKeeper, paths: str = "/nerve") -> AsyncIterator[Life]:
    section = load(NerveSDConfig, f"{{servers: ['127.0.0.1:{zk.port}'], paths: [{paths}], timeout: 2s}}", "f.yml")
    async with Life(lambda metrics, clock: provider_of(section, "job", metrics, clock), rests=False) as life:
        yield life


async def until(holds: Callable[[], bool]) -> None:
    """Threads and sockets are at work, so this looks now and then."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # what is waited for is not ours to set events in
            await asyncio.sleep(0.005)


def addresses(life: Life) -> list[str]:
    return [labels["__address__"] for labels in life.targets()]


def metric(life: Life, name: str) -> float:
    (line,) = (line for line in life.registry.expose().decode().splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


FAILURES, WATCHED = "prometheus_treecache_zookeeper_failures_total", "prometheus_treecache_watcher_goroutines"


async def test_members_come_change_and_go_on_every_level_below_the_path() -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/web/1", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: life.targets() == [member("/nerve/web/1")])
            assert metric(life, WATCHED) == 3
            zk.set("/nerve/web/2", OTHER)
            zk.set("/nerve/db/far/1", MEMBER)
            await until(lambda: addresses(life) == ["10.0.0.1:80", "10.0.0.1:80", "[fd00::1]:81"])
            zk.set("/nerve/web/2", MEMBER.replace(b"80", b"90"))
            await until(lambda: addresses(life) == ["10.0.0.1:80", "10.0.0.1:80", "10.0.0.1:90"])
            zk.delete("/nerve/web")
            await until(lambda: life.targets() == [member("/nerve/db/far/1")])
            assert metric(life, WATCHED) == 4
            assert metric(life, FAILURES) == 0
            zk.set("/elsewhere/1", OTHER)
            zk.set("/nerve/db/far/1", b"")
            await until(lambda: life.targets() == [])
        assert zk.sessions == set()
        assert len(zk.closed) == 1
        assert metric(life, WATCHED) == 0


async def test_serverset_members_have_their_endpoints_status_and_shard_as_labels() -> None:
    document = (
        b'{"serviceEndpoint": {"host": "h", "port": 80}, "status": "ALIVE", "shard": 7, "more": null,'
        b' "additionalEndpoints": {"http-admin": {"host": "a", "port": 81}, "none": null}}'
    )
    async with zookeeper() as zk:
        zk.set("/s/member_1", document)
        zk.set("/s/member_2", b"null")
        text = f"{{servers: ['127.0.0.1:{zk.port}'], paths: [/s/]}}"
        section = load(ServersetSDConfig, text, "f.yml")
        async with Life(lambda metrics, clock: provider_of(section, "job", metrics, clock), rests=False) as life:
            await until(lambda: len(life.targets()) == 2)
    empty, full = life.targets()
    assert full == {
        "__address__": "h:80",
        "__meta_serverset_path": "/s/member_1",
        "__meta_serverset_endpoint_host": "h",
        "__meta_serverset_endpoint_port": "80",
        "__meta_serverset_endpoint_host_http_admin": "a",
        "__meta_serverset_endpoint_port_http_admin": "81",
        "__meta_serverset_endpoint_host_none": "",
        "__meta_serverset_endpoint_port_none": "0",
        "__meta_serverset_status": "ALIVE",
        "__meta_serverset_shard": "7",
    }
    assert (empty["__address__"], empty["__meta_serverset_shard"]) == (":0", "0")


async def test_a_node_that_is_no_member_is_logged_and_left_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        zk.set("/nerve/2", b'{"host": "x", "port": "80"}')
        zk.set("/nerve/3", b"{")
        async with nerve(zk) as life:
            await until(lambda: life.targets() == [member("/nerve/1")])
            assert [line for line in caplog.messages if "is left out" in line] == [
                "discovery nerve of job: /nerve/2 is left out: the answer cannot be used: port: "
                "Input should be a valid integer",
                "discovery nerve of job: /nerve/3 is left out: the answer cannot be used: "
                "Invalid JSON: EOF while parsing an object at line 1 column 1",
            ]
            zk.set("/nerve/1", b"[]")
            zk.set("/nerve/2", MEMBER)
            await until(lambda: life.targets() == [member("/nerve/2")])


async def test_what_is_known_stays_while_the_server_is_gone_and_is_brought_up_to_date_after() -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        zk.set("/nerve/2", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: len(life.targets()) == 2)
            await zk.stop()
            await until(lambda: metric(life, FAILURES) == 1)
            assert len(life.targets()) == 2
            zk.delete("/nerve/1")
            zk.set("/nerve/3", OTHER)
            await zk.start()
            await until(lambda: addresses(life) == ["10.0.0.1:80", "[fd00::1]:81"])
            (session,) = zk.sessions
            assert set(zk.connects) == {0, session}
            zk.set("/nerve/3", MEMBER)
            await until(lambda: addresses(life) == ["10.0.0.1:80", "10.0.0.1:80"])


async def test_a_server_that_is_absent_at_first_is_found_when_it_comes() -> None:
    async with zookeeper() as zk:
        await zk.stop()
        async with nerve(zk) as life:
            await asyncio.sleep(0)
            zk.set("/nerve/1", MEMBER)
            await zk.start()
            await until(lambda: life.targets() == [member("/nerve/1")])


async def test_a_session_that_expired_is_followed_by_a_new_one_and_nothing_is_lost() -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: bool(life.targets()))
            (before,) = zk.sessions
            zk.expire()
            zk.set("/nerve/2", OTHER)
            await until(lambda: len(life.targets()) == 2)
            assert zk.connects == [0, before, 0]
            assert before not in zk.sessions
            assert life.published == 2
            zk.set("/nerve/1", OTHER)
            await until(lambda: addresses(life) == ["[fd00::1]:81", "[fd00::1]:81"])


async def test_a_path_that_does_not_exist_is_waited_for_beside_those_that_do(caplog: pytest.LogCaptureFixture) -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        async with nerve(zk, "/nerve, /late/er, /nerve/1") as life:
            await until(lambda: bool(life.targets()))
            assert "there is no /late/er" in caplog.text
            zk.set("/late/er/2", OTHER)
            await until(lambda: len(life.targets()) == 2)
            zk.delete("/late/er")
            await until(lambda: life.targets() == [member("/nerve/1")])
            zk.set("/late/er/3", OTHER)
            await until(lambda: len(life.targets()) == 2)
            zk.delete("/nerve")
            await until(lambda: addresses(life) == ["[fd00::1]:81"])
            zk.set("/nerve/1", MEMBER)
            await until(lambda: len(life.targets()) == 2)


async def test_a_node_that_may_not_be_read_keeps_everything_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: bool(life.targets()))
            zk.errors["/nerve/2"] = NO_AUTH
            zk.set("/nerve/2", OTHER)
            zk.delete("/nerve/1")
            await until(lambda: metric(life, FAILURES) >= 1)
            assert life.targets() == [member("/nerve/1")]
            assert "/nerve/2: NoAuthError" in caplog.text
            del zk.errors["/nerve/2"]
            await life.clock.sleeper()
            await life.clock.advance(RETRY_SECONDS)
            await until(lambda: addresses(life) == ["[fd00::1]:81"])


async def test_answers_that_make_no_sense_keep_everything_and_another_session_recovers() -> None:
    async with zookeeper() as zk:
        zk.set("/nerve/1", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: bool(life.targets()))
            zk.junk = b"\0\0\0\7" + bytes(12)
            zk.set("/nerve/2", OTHER)
            await until(lambda: metric(life, FAILURES) >= 1)
            assert life.targets() == [member("/nerve/1")]
            zk.junk = None
            async with asyncio.timeout(10):
                while len(life.targets()) < 2:
                    await life.clock.advance(1)
                    await asyncio.sleep(0.005)


async def test_three_thousand_members_are_found_and_one_change_asks_for_one_node() -> None:
    async with zookeeper() as zk:
        for i in range(3000):
            zk.set(f"/nerve/{i}", MEMBER)
        async with nerve(zk) as life:
            await until(lambda: len(life.targets()) == 3000)
            zk.requests.clear()
            zk.set("/nerve/7", OTHER)
            await until(lambda: len(addresses(life)) == 3000 and "[fd00::1]:81" in addresses(life))
            assert {path for _, path in zk.requests} == {"/nerve/7"}


async def test_a_server_that_does_not_answer_holds_up_neither_the_loop_nor_the_end() -> None:
    accepted, over = asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = load(NerveSDConfig, f"{{servers: ['127.0.0.1:{port}'], paths: [/n], timeout: 60s}}", "f.yml")
    loop, threads, ticks = asyncio.get_running_loop(), threading.active_count(), [0.0]

    async def tick() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            ticks.append(loop.time() - before)

    ticking = asyncio.create_task(tick())
    async with Life(lambda metrics, clock: provider_of(section, "job", metrics, clock), rests=False):
        await accepted.wait()
        assert threading.active_count() > threads
        start = loop.time()
    assert loop.time() - start < CLOSE_SECONDS + 1
    ticking.cancel()
    assert max(ticks) < CLOSE_SECONDS / 2
    server.close()
    over.set()
    await until(lambda: threading.active_count() <= threads)


async def test_servers_that_are_no_addresses_are_refused_when_the_section_starts() -> None:
    section = load(NerveSDConfig, "{servers: ['h:port'], paths: [/n]}", "f.yml")
    with pytest.raises(HTTPClientError, match="the servers h:port cannot be used"):
        Life(lambda metrics, clock: provider_of(section, "job", metrics, clock))


async def test_without_the_library_the_section_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("kazoo", "narthex.discovery.zookeeper."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kazoo", None)
    section = load(NerveSDConfig, "{servers: [h], paths: [/n]}", "f.yml")
    with pytest.raises(HTTPClientError, match=r"install narthex\[zookeeper\]"):
        Life(lambda metrics, clock: provider_of(section, "job", metrics, clock))
