"""The composition root of `narthex server`: order of starting, reloading and stopping.

start: flags, configuration and rule files (a mistake ends the process with code 2), listeners (503 until ready),
storage with log replay, configuration applied, ready. stop: scrapes, rules, notifications, queries, storage, listeners.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from narthex import __version__
from narthex.app.flags import Flags
from narthex.app.logging import set_up_logging
from narthex.app.process_metrics import register_process, start_time
from narthex.app.server.agent_parts import AgentParts
from narthex.app.server.features import features
from narthex.app.server.flag_table import FEATURES, SERVER_FLAGS
from narthex.app.server.load import Loaded, load
from narthex.app.server.memory import settle, tune_allocator, unsettle
from narthex.app.server.parts import Parts
from narthex.app.server.reload import Reloader, reload_on_change
from narthex.app.server.settings import ServerSettings, server_settings
from narthex.app.server.state import State
from narthex.clock import Clock, SystemClock
from narthex.errors import ConfigError, FlagError, NarthexError, WebConfigError
from narthex.instrument import Registry
from narthex.net.server import Listeners, WebConfigFile
from narthex.tasks import Tasks
from narthex.tasks.loop import run_loop
from narthex.web.application import make_application
from narthex.web.context import Context
from narthex.web.workers import Workers

log = logging.getLogger(__name__)

INTRO = """\
usage: narthex server [flags]

Scrapes targets, stores samples, answers queries and evaluates rules: a drop-in for `prometheus`.

Examples:
  narthex server --config.file=prometheus.yml --storage.tsdb.path=data/
  narthex server --web.listen-address=127.0.0.1:9090 --web.enable-lifecycle

Signals: HUP reloads the configuration; INT and TERM stop gracefully, a second one stops at once.
Exit codes: 0 stopped on request, 1 runtime error, 2 bad flag or configuration, 3 wrong mode.
"""
FLAGS = SERVER_FLAGS

_MAINTAIN_SECONDS = 15.0  # between looks for blocks to cut, compact or delete


def run(flags: Flags) -> int:
    """Runs a server until it is told to stop. Gives the exit code: 0 stopped, 1 runtime error, 2 bad configuration."""
    tune_allocator()
    set_up_logging(flags.text("log.level"), flags.text("log.format"))
    try:
        settings = server_settings(flags)
    except FlagError as e:
        log.error("Error parsing command line arguments", extra={"err": str(e)})
        return 2
    _report_flags(flags, settings)
    clock = SystemClock()
    try:
        loaded = load(flags)
        path = flags.text("web.config.file")
        web_config = WebConfigFile(Path(path), clock) if path else None
    except ConfigError as e:
        for problem in e.problems:
            log.error("Error loading configuration", extra={"err": str(problem)})
        return 2
    except WebConfigError as e:
        log.error("Error loading web configuration", extra={"err": str(e)})
        return 2
    try:
        return run_loop(Server(flags, settings, loaded, web_config, clock).run())
    except NarthexError as e:
        log.error("The server cannot go on", extra={"err": str(e)})
        return 1
    finally:
        unsettle()


def _report_flags(flags: Flags, settings: ServerSettings) -> None:
    log.info("Starting Narthex Server", extra={"version": __version__, "python": sys.version.split()[0]})
    for name, reason in flags.inert():
        log.warning("Flag is accepted", extra={"flag": f"--{name}", "note": reason})
    for name in settings.unknown_features:
        log.warning("Unknown option for --enable-feature", extra={"option": name})
    for name in sorted(settings.features):
        if not FEATURES[name]:
            log.warning("Feature is accepted", extra={"option": name, "note": "has no effect yet"})


class Server:
    """One run of a server. `run` may be called once."""

    def __init__(
        self, flags: Flags, settings: ServerSettings, loaded: Loaded, web_config: WebConfigFile | None, clock: Clock
    ) -> None:
        self._flags, self._settings, self._loaded, self._clock = flags, settings, loaded, clock
        self._web_config = web_config
        self._registry = Registry()
        self._tasks = Tasks("server", self._task_failed)
        self._failure: str = ""

    async def run(self) -> int:
        state = State(self._flags, features(self._settings), self._clock, start_time())
        self._catch_signals(state)
        register_process(self._registry, "prometheus")
        ready = self._registry.gauge("prometheus_ready", "Whether startup has completed and requests are served.")
        workers = Workers(max(2, os.cpu_count() or 2), self._flags.number("query.max-concurrency"))
        context = Context(self._settings.web, state, workers, self._registry, self._clock, log.error)
        listeners = Listeners(
            make_application(context),
            self._settings.addresses,
            web_config=self._web_config,
            max_connections=self._flags.number("web.max-connections"),
            keepalive_seconds=self._flags.seconds("web.read-timeout"),
        )
        make_parts = AgentParts if self._settings.agent else Parts
        parts = make_parts(self._flags, self._settings, self._registry, self._clock, state, context)
        reloader = Reloader(lambda: load(self._flags), parts.steps(), self._registry, self._clock)
        self._state, self._reloader = state, reloader
        state.do_reload = self._reload
        try:
            await listeners.start()
            await parts.open(self._loaded)
            await reloader.apply(self._loaded)
            state.set_reloaded(True, reloader.last_success)
            await parts.start()
            self._start_tasks(parts)
            state.set_ready()
            ready.set(1)
            settle()
            log.info("Server is ready to receive web requests.")
            await state.stop_requested.wait()
        finally:
            ready.set(0)
            state.set_stopping()
            log.info("Stopping ...")
            await self._tasks.stop()
            workers.stop()
            await parts.stop()
            await listeners.stop()
        log.info("See you next time!")
        return 1 if self._failure else 0

    async def _reload(self) -> None:
        try:
            self._loaded = await self._reloader.reload()
        finally:
            self._state.set_reloaded(self._reloader.successful, self._reloader.last_success)

    def _start_tasks(self, parts: Parts | AgentParts) -> None:
        seconds = min(_MAINTAIN_SECONDS, max(1.0, self._flags.seconds("storage.tsdb.block-reload-interval")))
        self._tasks.start("maintenance", _every(seconds, parts.maintain, self._clock))
        if self._settings.auto_reload:
            interval = self._flags.seconds("config.auto-reload-interval")
            watch = reload_on_change(lambda: self._loaded.files, interval, self._reload, self._clock)
            self._tasks.start("auto-reload", watch)

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._failure = f"{name}: {error}"
        self._state.request_stop()

    def _catch_signals(self, state: State) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stopper(state, number))
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        if not self._state.ready:
            log.warning("A reload was asked for before the server is ready: ignored")
            return
        self._tasks.start("reload", self._reload_quietly())

    async def _reload_quietly(self) -> None:
        try:
            await self._reload()
        except NarthexError as e:
            log.error("Error reloading config", extra={"err": str(e)})


def _stopper(state: State, number: signal.Signals) -> Callable[[], None]:
    def stop() -> None:
        if state.stop_requested.is_set():
            log.warning("Received a second signal, exiting at once", extra={"signal": number.name})
            logging.shutdown()
            os._exit(1)
        log.warning("Received an OS signal, exiting gracefully...", extra={"signal": number.name})
        state.request_stop()

    return stop


async def _every(seconds: float, work: Callable[[], Any], clock: Clock) -> None:
    """Runs blocking `work` in a thread again and again; a failure is logged and the next turn tries again."""
    while True:
        await clock.sleep(seconds)
        try:
            await asyncio.to_thread(work)
        except NarthexError as e:
            log.error("Maintenance of storage failed", extra={"err": str(e)})
        except Exception:  # scraping and queries need not end for it
            log.exception("Maintenance of storage failed")
