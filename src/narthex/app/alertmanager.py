"""The composition root of `narthex alertmanager`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from aiohttp import web

from narthex import __version__
from narthex.alertmanager.service import Alertmanager
from narthex.app.addresses import external_url, listen_address, path_of
from narthex.app.flags import Flag, Flags
from narthex.app.logging import set_up_logging
from narthex.app.process_metrics import register_process
from narthex.app.program import LOG_FLAGS, WEB_FLAGS, metrics_route, serve, web_config
from narthex.clock import SystemClock
from narthex.errors import ConfigError, FlagError, NarthexError
from narthex.instrument import Registry
from narthex.tasks.loop import run_loop

log = logging.getLogger(__name__)

_NOT_YET = "has no effect yet"
MAX_BODY = 64 << 20  # bytes of a POST to the API

INTRO = """\
usage: narthex alertmanager [flags]

Takes alerts on API v2, groups and routes them, and notifies: a drop-in for `alertmanager`.

Example:
  narthex alertmanager --config.file=alertmanager.yml --web.listen-address=127.0.0.1:9093

Signals: HUP reloads the configuration; INT and TERM stop gracefully.
Exit codes: 0 stopped on request, 1 bad configuration or runtime error, 2 bad flag.
"""

FLAGS = (
    Flag("config.file", "text", "alertmanager.yml", "Configuration file.", "Configuration"),
    Flag("storage.path", "text", "data/", "Data directory.", "Storage", inert="has no effect yet: nothing is stored"),
    Flag("data.retention", "duration", "120h", "How long to remember what was notified.", "Storage"),
    Flag("data.maintenance-interval", "duration", "15m", "How often data is cleaned up.", "Storage", inert=_NOT_YET),
    Flag("alerts.gc-interval", "duration", "30m", "How often resolved alerts are dropped.", "Storage"),
    Flag("alerts.per-alertname-limit", "int", "0", "Most alerts of a name; 0 for no limit.", "Storage", inert=_NOT_YET),
    Flag("web.listen-address", "text", ":9093", "Address of the API. May be repeated.", "Web", repeatable=True),
    Flag("web.external-url", "text", "", "URL under which users reach this server.", "Web"),
    Flag("web.route-prefix", "text", "", "Prefix of all paths. Default: path of --web.external-url.", "Web"),
    Flag("web.get-concurrency", "int", "0", "Most GET requests at a time.", "Web", inert=_NOT_YET),
    Flag("web.timeout", "duration", "0s", "Longest time a request may take; 0 for no limit.", "Web", inert=_NOT_YET),
    *WEB_FLAGS,
    Flag(
        "cluster.listen-address", "text", "0.0.0.0:9094", "Address for peers; empty turns clustering off.", "Cluster",
        inert="has no effect yet: this server runs alone",
    ),
    Flag("cluster.peer", "text", "", "Other members.", "Cluster", repeatable=True, inert="has no effect yet"),
    Flag("cluster.advertise-address", "text", "", "Address told to peers.", "Cluster", inert=_NOT_YET),
    Flag("enable-feature", "text", "", "Comma-separated feature names.", "Features", repeatable=True, inert=_NOT_YET),
    *LOG_FLAGS,
)  # fmt: skip


def run(flags: Flags) -> int:
    """Runs until it is told to stop; gives the exit code."""
    set_up_logging(flags.text("log.level"), flags.text("log.format"))
    log.info("Starting Narthex Alertmanager", extra={"version": __version__, "python": sys.version.split()[0]})
    for name, reason in flags.inert():
        if not (name == "cluster.listen-address" and flags.text(name) == ""):
            log.warning("Flag is accepted", extra={"flag": f"--{name}", "note": reason})
    try:
        return run_loop(_run(flags))
    except ConfigError as e:
        for problem in e.problems:
            log.error("Loading configuration file failed", extra={"err": str(problem)})
    except FlagError as e:
        log.error("Error parsing command line arguments", extra={"err": str(e)})
        return 2
    except NarthexError as e:
        log.error("The Alertmanager cannot go on", extra={"err": str(e)})
    return 1


async def _run(flags: Flags) -> int:
    addresses = [listen_address(text) for text in flags.texts("web.listen-address")]
    url = external_url(flags.text("web.external-url"), addresses[0][1])
    prefix = flags.text("web.route-prefix") or path_of(url)
    registry = Registry()
    register_process(registry, "alertmanager")
    manager = Alertmanager(
        Path(flags.text("config.file")),
        url,
        flags.seconds("data.retention"),
        flags.seconds("alerts.gc-interval"),
        SystemClock(),
        registry,
    )
    await manager.start()
    try:
        application = _application(manager, "" if prefix == "/" else prefix.rstrip("/"), registry)
        await serve(application, addresses, web_config(flags), lambda: _reload_quietly(manager))
    finally:
        await manager.stop()
    return 0


def _application(manager: Alertmanager, prefix: str, registry: Registry) -> web.Application:
    async def ok(request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def reload(request: web.Request) -> web.Response:
        try:
            await manager.load()
        except NarthexError as e:
            return web.Response(status=500, text=f"failed to reload config: {e}\n")
        return web.Response()

    async def index(request: web.Request) -> web.Response:
        text = f"Narthex Alertmanager {__version__}. API: {prefix}/api/v2/alerts, metrics: {prefix}/metrics\n"
        return web.Response(text=text)

    application = web.Application(client_max_size=MAX_BODY)
    application.add_routes(manager.api.routes(prefix))
    application.add_routes(
        [
            web.get(f"{prefix}/-/healthy", ok),
            web.get(f"{prefix}/-/ready", ok),
            web.post(f"{prefix}/-/reload", reload),
            metrics_route(f"{prefix}/metrics", registry),
            web.get(f"{prefix}/", index),
        ]
    )
    return application


async def _reload_quietly(manager: Alertmanager) -> None:
    try:
        await manager.load()
    except ConfigError as e:
        for problem in e.problems:
            log.error("Loading configuration file failed", extra={"err": str(problem)})
