"""`narthex up`: the whole stack on this machine with sane defaults, watched in one terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from narthex.app.up.children import Children
from narthex.app.up.files import Addresses, write_files
from narthex.app.up.printer import Printer
from narthex.app.up.receiver import receive
from narthex.errors import FlagError
from narthex.tasks.loop import run_loop

READY_TIMEOUT = 120.0  # seconds until every part must answer


@dataclass(frozen=True)
class UpOptions:
    """What the command line asks for. Ports are the first of each part; everything listens on `host`."""

    data: Path
    host: str
    server_port: int
    alertmanager_port: int
    node_port: int
    receiver_port: int
    llm_port: int
    models: tuple[str, ...]
    fault: str
    fault_after: str
    fault_duration: str
    verbose: bool


def run(options: UpOptions) -> int:
    """Runs until Ctrl-C or until a part ends; gives the exit code."""
    try:
        return run_loop(_up(options))
    except KeyboardInterrupt:
        return 130


async def _up(options: UpOptions) -> int:
    addresses = _addresses(options)
    _check_ports([addresses.server, addresses.alertmanager, addresses.node, addresses.receiver, *addresses.llm])
    printer = Printer(options.verbose)
    written, stale = write_files(options.data, addresses)
    for path in written:
        printer.say("up", f"wrote {path}")
    for path, address in stale:
        printer.say("up", f"{path} is kept as it is and does not name {address}: delete it to have it made anew")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    receiver = await receive(addresses.receiver, printer)
    children = Children(printer.child)
    try:
        for name, arguments in _commands(options, addresses):
            await children.start(name, arguments)
        if await _ready(addresses, children, printer, stop):
            printer.say("up", _welcome(options, addresses))
            await _until_stopped(children, stop)
        if children.ended.done():
            name, code = children.ended.result()
            printer.say("up", f"{name} ended with exit code {code}: stopping everything")
            return 1
        return 0
    finally:
        printer.say("up", "stopping ...")
        await children.stop()
        await receiver.cleanup()


def _addresses(options: UpOptions) -> Addresses:
    host = options.host
    return Addresses(
        server=f"{host}:{options.server_port}",
        alertmanager=f"{host}:{options.alertmanager_port}",
        node=f"{host}:{options.node_port}",
        receiver=f"{host}:{options.receiver_port}",
        llm=tuple(f"{host}:{options.llm_port + i}" for i in range(len(options.models))),
    )


def _check_ports(addresses: Sequence[str]) -> None:
    """Raises FlagError naming the address that is taken."""
    for address in addresses:
        host, _, port = address.rpartition(":")
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as e:
                raise FlagError(
                    f"{address} cannot be used: {e.strerror}. Choose other ports: narthex up --help"
                ) from None


def _commands(options: UpOptions, addresses: Addresses) -> list[tuple[str, list[str]]]:
    data = options.data
    simulate = ["simulate", "llm", f"--host={options.host}", f"--base-port={options.llm_port}"]
    simulate += [f"--models={','.join(options.models)}"]
    if options.fault:
        simulate += [f"--fault={options.fault}", f"--fault-after={options.fault_after}"]
        simulate += [f"--fault-duration={options.fault_duration}"]
    return [
        ("llm", simulate),
        ("node", ["node-exporter", f"--web.listen-address={addresses.node}"]),
        (
            "alertmanager",
            [
                "alertmanager",
                f"--config.file={data / 'alertmanager.yml'}",
                f"--web.listen-address={addresses.alertmanager}",
                "--cluster.listen-address=",
            ],
        ),
        (
            "server",
            [
                "server",
                f"--config.file={data / 'prometheus.yml'}",
                f"--storage.tsdb.path={data / 'tsdb'}",
                f"--web.listen-address={addresses.server}",
                "--web.enable-lifecycle",
            ],
        ),
    ]


async def _ready(addresses: Addresses, children: Children, printer: Printer, stop: asyncio.Event) -> bool:
    """Waits until each part answers. False when one ended or the user stopped; says what is slow."""
    waiting = {
        "llm": f"http://{addresses.llm[0]}/metrics",
        "node": f"http://{addresses.node}/metrics",
        "alertmanager": f"http://{addresses.alertmanager}/-/ready",
        "server": f"http://{addresses.server}/-/ready",
    }
    started = said = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while waiting and not children.ended.done() and not stop.is_set():
            for name, url in list(waiting.items()):
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as response:
                        if response.status == 200:
                            del waiting[name]
            now = time.monotonic()
            if waiting and now - said > 5:
                printer.say("up", f"waiting for {', '.join(waiting)} ({now - started:.0f}s)")
                said = now
            if now - started > READY_TIMEOUT:
                printer.say("up", f"{', '.join(waiting)} did not get ready within {READY_TIMEOUT:.0f}s")
                return False
            if waiting:
                await asyncio.sleep(0.1)
    return not waiting


async def _until_stopped(children: Children, stop: asyncio.Event) -> None:
    stopped = asyncio.ensure_future(stop.wait())
    events: list[asyncio.Future[Any]] = [stopped, children.ended]
    await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()


def _welcome(options: UpOptions, addresses: Addresses) -> str:
    lines = [
        "everything is running",
        f"  UI and API         http://{addresses.server}",
        f"  Alertmanager       http://{addresses.alertmanager}/api/v2/alerts",
        f"  host exporter      http://{addresses.node}/metrics",
        *(
            f"  LLM server         http://{a}/metrics  ({m})"
            for a, m in zip(addresses.llm, options.models, strict=True)
        ),
        f"  files              {options.data}",
        "  alerts are printed here; Ctrl-C stops everything",
    ]
    return "\n".join([lines[0], *(" " * 15 + line for line in lines[1:])])
