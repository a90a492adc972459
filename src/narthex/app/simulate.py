"""`narthex simulate llm`: simulated LLM servers in real time."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import dataclass

import orjson

from narthex.clock import SystemClock
from narthex.errors import FlagError
from narthex.llm.simulator import Instance, profile_of
from narthex.llm.simulator.server import SimulatedServers
from narthex.tasks.loop import run_loop


@dataclass(frozen=True)
class SimulateOptions:
    """`rate` is requests a second of each instance; durations are seconds. `fault` empty: none."""

    models: tuple[str, ...]
    instances: int
    host: str
    base_port: int
    rate: float
    seed: int
    fault: str
    fault_after: float
    fault_duration: float
    truth: bool


def run(options: SimulateOptions) -> int:
    """Serves until Ctrl-C or SIGTERM. Raises FlagError when a port cannot be used."""
    return run_loop(_simulate(options))


def make_instances(options: SimulateOptions, day_phase: float) -> list[Instance]:
    """All instances, model by model, with the fault that was asked for."""
    out = []
    for model in options.models:
        for index in range(options.instances):
            name = model if options.instances == 1 else f"{model}-{index}"
            seed = options.seed * 1000 + index
            instance = Instance(name, profile_of(model), options.rate, seed, day_phase)
            if options.fault:
                instance.faults.add(options.fault, options.fault_after, options.fault_duration)
            out.append(instance)
    return out


async def _simulate(options: SimulateOptions) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    servers = SimulatedServers(make_instances(options, time.time() % 86_400), SystemClock())
    try:
        ports = await servers.start(options.host, options.base_port)
        for instance, port in zip(servers.instances, ports, strict=True):
            print(f"{instance.name}: http://{options.host}:{port}/metrics", file=sys.stderr, flush=True)
        await stop.wait()
    except OSError as e:
        raise FlagError(f"cannot listen on {options.host}:{options.base_port} and after: {e.strerror or e}") from None
    finally:
        await servers.stop()
    if options.truth:
        reports = [instance.report() for instance in servers.instances]
        print(orjson.dumps(reports, option=orjson.OPT_INDENT_2).decode(), flush=True)
    return 0
