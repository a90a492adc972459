"""One aiohttp application as a program: listeners, signals, a graceful stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web

from narthex.app.flags import Flag, Flags
from narthex.instrument import CONTENT_TYPE, Registry
from narthex.net.server import Listeners, WebConfigFile

log = logging.getLogger(__name__)

WEB_FLAGS = (
    Flag("web.config.file", "text", "", "File that turns on TLS or basic authentication.", "Web"),
    Flag("web.systemd-socket", "bool", "false", "Take sockets from systemd.", "Web", inert="has no effect yet"),
)
LOG_FLAGS = (
    Flag(
        "log.level",
        "choice",
        "info",
        "Least severity that is logged.",
        "Logging",
        choices=("debug", "info", "warn", "error"),
    ),
    Flag("log.format", "choice", "logfmt", "Format of log lines.", "Logging", choices=("logfmt", "json")),
)


def web_config(flags: Flags) -> WebConfigFile | None:
    """Raises ConfigError or WebConfigError."""
    file = flags.text("web.config.file")
    return WebConfigFile(Path(file)) if file else None


async def serve(
    application: web.Application,
    addresses: Sequence[tuple[str, int]],
    config: WebConfigFile | None,
    reload: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; SIGHUP calls `reload`, one at a time. Raises WebConfigError."""
    stop, hang_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hang_up.set)
    listeners = Listeners(application, addresses, web_config=config)
    await listeners.start()
    reloads = asyncio.create_task(_reload_on(hang_up, reload))
    try:
        await stop.wait()
        log.info("Received a signal, exiting gracefully...")
    finally:
        reloads.cancel()
        await listeners.stop()


def metrics_route(path: str, registry: Registry) -> web.RouteDef:
    """GET of the program's own metrics."""

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=registry.expose(), headers={"Content-Type": CONTENT_TYPE})

    return web.get(path, metrics)


async def _reload_on(hang_up: asyncio.Event, reload: Callable[[], Awaitable[None]] | None) -> None:
    while True:
        await hang_up.wait()
        hang_up.clear()
        if reload is not None:
            await reload()
