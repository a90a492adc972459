"""The simulated servers over HTTP, in step with a clock: one listener an instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from narthex.clock import Clock
from narthex.llm.simulator.faults import FAULTS
from narthex.llm.simulator.instance import Instance
from narthex.model.duration import parse_duration
from narthex.tasks import Tasks

STEP_SECONDS = 0.25
MOST_CATCHING_UP = 30.0  # simulated seconds; after a longer pause of the machine the rest is skipped
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_INDEX = """\
Simulated LLM server {name} ({model})

GET    /metrics                                   what it exposes
GET    /truth?window=5m                           what really happened, as JSON (window: optional)
POST   /-/fault?name=error-storm&duration=1m      something goes wrong from now on (after=10s: later)
DELETE /-/fault?name=error-storm                  it ends (without name: all do)

Faults:
{faults}
"""


class SimulatedServers:
    """Serves instances on consecutive ports and lets their time pass with the clock's."""

    def __init__(self, instances: Sequence[Instance], clock: Clock) -> None:
        self.instances = list(instances)
        self._clock = clock
        self._started: float | None = None
        self._tasks = Tasks("simulator")
        self._runners: list[web.AppRunner] = []

    async def start(self, host: str, base_port: int) -> list[int]:
        """Listens on `base_port` and the ports after it (on free ports when it is 0); gives the ports.

        Raises OSError when a port is taken.
        """
        self._started = self._clock.monotonic()
        ports = []
        for index, instance in enumerate(self.instances):
            runner = web.AppRunner(self._application(instance), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, host, base_port + index if base_port else 0).start()
            ports.append(runner.addresses[0][1])
        self._tasks.start("clock", self._run())
        return ports

    async def stop(self) -> None:
        await self._tasks.stop()
        for runner in self._runners:
            await runner.cleanup()

    def now(self) -> float:
        """Simulated seconds."""
        return 0.0 if self._started is None else self._clock.monotonic() - self._started

    def advance(self) -> None:
        """Brings all instances up to the clock."""
        assert self._started is not None
        behind = self.now() - min(i.engine.now for i in self.instances)
        if behind > MOST_CATCHING_UP:
            self._started += behind - MOST_CATCHING_UP
        for instance in self.instances:
            instance.advance(self.now())

    async def _run(self) -> None:
        while True:
            self.advance()
            await self._clock.sleep(STEP_SECONDS)

    def _application(self, instance: Instance) -> web.Application:
        application = web.Application()

        async def metrics(_request: web.Request) -> web.Response:
            self.advance()
            return web.Response(body=instance.expose(), headers={"Content-Type": CONTENT_TYPE})

        async def truth(request: web.Request) -> web.Response:
            self.advance()
            window = request.query.get("window")
            return _json(instance.report(_seconds(window, "window") if window else None))

        async def add_fault(request: web.Request) -> web.Response:
            self.advance()
            start = instance.engine.now + _seconds(request.query.get("after", "0s"), "after")
            duration = _seconds(request.query.get("duration", "1m"), "duration")
            try:
                window = instance.faults.add(request.query.get("name", ""), start, duration)
            except ValueError as e:
                raise web.HTTPBadRequest(text=f"{e}\n") from None
            return _json({"name": window.name, "start": window.start, "end": window.end})

        async def end_fault(request: web.Request) -> web.Response:
            self.advance()
            instance.faults.clear(instance.engine.now, request.query.get("name"))
            return _json([{"name": w.name, "start": w.start, "end": w.end} for w in instance.faults.windows])

        async def index(_request: web.Request) -> web.Response:
            faults = "\n".join(f"  {name:12}  {text}" for name, text in FAULTS.items())
            return web.Response(text=_INDEX.format(name=instance.name, model=instance.profile.model, faults=faults))

        async def health(_request: web.Request) -> web.Response:
            return web.Response()

        application.add_routes(
            [
                web.get("/metrics", metrics),
                web.get("/truth", truth),
                web.post("/-/fault", add_fault),
                web.delete("/-/fault", end_fault),
                web.get("/health", health),
                web.get("/", index),
            ]
        )
        return application


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _seconds(text: str, parameter: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as e:
        raise web.HTTPBadRequest(text=f"{parameter}: {e} (write for example 90s or 5m)\n") from None
