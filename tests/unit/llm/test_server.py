"""The simulated servers over HTTP, on a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from narthex.llm.simulator import Instance, profile_of
from narthex.llm.simulator.server import SimulatedServers
from support.clock import FakeClock


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.instances = [Instance(m, profile_of(m), 4.0, 1) for m in ("llama-3-70b", "llama-3-8b")]
        self.servers = SimulatedServers(self.instances, self.clock)
        self.ports: list[int] = []
        self.session: aiohttp.ClientSession

    async def ask(self, path: str, method: str = "GET", index: int = 0) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.ports[index]}{path}"
        async with self.session.request(method, url) as response:
            return response.status, await response.text()

    async def truth(self, index: int = 0, query: str = "") -> dict[str, object]:
        async with self.session.get(f"http://127.0.0.1:{self.ports[index]}/truth{query}") as response:
            found: dict[str, object] = await response.json()
            return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    w = World()
    w.ports = await w.servers.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as w.session:
        yield w
    await w.servers.stop()


async def test_each_instance_has_its_page_and_time_follows_the_clock(world: World) -> None:
    await world.clock.advance(10)
    for index, instance in enumerate(world.instances):
        status, text = await world.ask("/metrics", index=index)
        assert status == 200
        assert f'llm_requests_total{{model="{instance.profile.model}"' in text
        assert (await world.truth(index))["simulated_seconds"] == 10.0


async def test_faults_are_switched_at_run_time(world: World) -> None:
    await world.clock.advance(5)
    status, text = await world.ask("/-/fault?name=error-storm&duration=20s", "POST")
    assert (status, text) == (200, '{"name":"error-storm","start":5.0,"end":25.0}')
    await world.clock.advance(20)
    assert float(str((await world.truth(0, "?window=20s"))["error_ratio"])) > 0.15
    assert float(str((await world.truth(1, "?window=20s"))["error_ratio"])) < 0.05
    await world.ask("/-/fault?name=slow-decode&duration=1h", "POST")
    status, text = await world.ask("/-/fault", "DELETE")
    assert '"end":3625' not in text


@pytest.mark.parametrize(
    ("path", "method", "message"),
    [
        ("/-/fault?name=nope", "POST", 'unknown fault "nope": use one of queue-burst, kv-full'),
        ("/-/fault?name=kv-full&duration=5", "POST", "duration: "),
        ("/truth?window=x", "GET", "window: "),
    ],
)
async def test_bad_requests_say_what_is_wrong(world: World, path: str, method: str, message: str) -> None:
    status, text = await world.ask(path, method)
    assert status == 400
    assert text.startswith(message)


async def test_a_long_pause_of_the_machine_is_not_caught_up(world: World) -> None:
    await world.clock.advance(1)
    world.clock._monotonic += 3600
    world.servers.advance()
    assert world.instances[0].engine.now <= 32


async def test_the_front_page_tells_how_to_use_it(world: World) -> None:
    status, text = await world.ask("/")
    assert status == 200
    assert "error-storm" in text
    assert (await world.ask("/health"))[0] == 200
