"""The composition root of `narthex node-exporter`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from narthex import __version__
from narthex.app.addresses import listen_address
from narthex.app.flags import Flag, Flags
from narthex.app.logging import set_up_logging
from narthex.app.process_metrics import register_process
from narthex.app.program import LOG_FLAGS, WEB_FLAGS, serve, web_config
from narthex.errors import FlagError, NarthexError
from narthex.exporters.node.collectors import COLLECTORS, collect
from narthex.exporters.node.paths import Paths
from narthex.instrument import CONTENT_TYPE, Registry, write_text
from narthex.tasks.loop import run_loop

log = logging.getLogger(__name__)

INTRO = """\
usage: narthex node-exporter [flags]

Exposes what the kernel says about this host, under node_exporter's metric names.

Example:
  narthex node-exporter --web.listen-address=127.0.0.1:9100 --no-collector.uname

Exit codes: 0 stopped on request, 1 runtime error, 2 bad flag.
"""

FLAGS = (
    Flag("web.listen-address", "text", ":9100", "Address to listen on. May be repeated.", "Web", repeatable=True),
    Flag("web.telemetry-path", "text", "/metrics", "Path of the metrics.", "Web"),
    *WEB_FLAGS,
    Flag("path.procfs", "text", "/proc", "Where procfs is mounted.", "Paths"),
    Flag("path.sysfs", "text", "/sys", "Where sysfs is mounted.", "Paths"),
    Flag("path.rootfs", "text", "/", "Where the host's root is mounted.", "Paths"),
    Flag("collector.disable-defaults", "bool", "false", "Run only the collectors named.", "Collectors"),
    *(Flag(f"collector.{name}", "bool", "true", f"The {name} collector.", "Collectors") for name in COLLECTORS),
    *LOG_FLAGS,
)


def run(flags: Flags) -> int:
    """Runs until it is told to stop; gives the exit code."""
    set_up_logging(flags.text("log.level"), flags.text("log.format"))
    log.info("Starting Narthex node exporter", extra={"version": __version__, "python": sys.version.split()[0]})
    try:
        run_loop(_run(flags))
        return 0
    except FlagError as e:
        log.error("Error parsing command line arguments", extra={"err": str(e)})
        return 2
    except NarthexError as e:
        log.error("The exporter cannot go on", extra={"err": str(e)})
        return 1


def enabled(flags: Flags) -> list[str]:
    """The collectors that run: all but those turned off, or only those named."""
    only_named = flags.on("collector.disable-defaults")
    return [n for n in COLLECTORS if flags.on(f"collector.{n}") and (flags.given(f"collector.{n}") or not only_named)]


async def _run(flags: Flags) -> None:
    addresses = [listen_address(text) for text in flags.texts("web.listen-address")]
    paths = Paths(*(Path(flags.text(f"path.{name}")) for name in ("procfs", "sysfs", "rootfs")))
    await serve(_application(flags.text("web.telemetry-path"), paths, enabled(flags)), addresses, web_config(flags))


def _application(path: str, paths: Paths, names: Sequence[str]) -> web.Application:
    registry = Registry()
    register_process(registry, "node_exporter")

    async def metrics(request: web.Request) -> web.Response:
        asked = request.query.getall("collect[]", [])
        unknown = sorted(set(asked) - set(names))
        if unknown:
            return web.Response(status=400, text=f"missing collector: {', '.join(unknown)}\n")
        # In a thread: a hanging mount must not stop the exporter from answering others.
        families = await asyncio.to_thread(collect, paths, asked or names)
        body = write_text(families) + (b"" if asked else registry.expose())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def index(request: web.Request) -> web.Response:
        text = f'<h1>Narthex node exporter {__version__}</h1><a href="{path}">Metrics</a>'
        return web.Response(text=text, content_type="text/html")

    application = web.Application()
    application.add_routes([web.get(path, metrics), web.get("/", index)])
    return application
