"""What a running server knows about itself, as the API shows it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from narthex import __version__
from narthex.app.flags import Flags
from narthex.clock import Clock
from narthex.tsdb.activity import Activity
from narthex.web.parameters import rfc3339
from narthex.web.sources import ReplayProgress

# The Prometheus release whose API this server speaks: clients choose their queries by it.
API_VERSION = "3.14.0"

_STARTING = "Starting: the write-ahead log is being replayed."
_RELOAD_FAILED = "Configuration reload has failed."
_STOPPING = "The server is stopping."


class State:
    """Set by the server as it starts, reloads and stops; read by the web handlers. One event loop."""

    def __init__(self, flags: Flags, features: Mapping[str, Mapping[str, bool]], clock: Clock, started: float) -> None:
        self._clock, self._started = clock, started
        self.flags: Mapping[str, str] = flags.shown()
        self.features = features
        self.ready = False
        self.stopping = False
        self.replay = ReplayProgress()
        self.config_yaml = ""
        self.external_labels: Mapping[str, str] = {}
        self.retention = ""
        self.last_reload_ok = False
        self.last_reload = 0.0
        self.corruptions: Callable[[], int] = lambda: 0
        self.activity: Callable[[], Activity | None] = lambda: None
        self.do_reload: Callable[[], Awaitable[object]] | None = None
        self.stop_requested = asyncio.Event()
        self._notifications: dict[str, str] = {}
        self.notify(_STARTING)

    def notify(self, text: str) -> None:
        """Shows a notification until it is withdrawn."""
        self._notifications.setdefault(text, rfc3339(self._clock.now()))

    def withdraw(self, text: str) -> None:
        self._notifications.pop(text, None)

    def set_ready(self) -> None:
        self.ready = True
        self.withdraw(_STARTING)

    def set_stopping(self) -> None:
        self.stopping = True
        self.notify(_STOPPING)

    def set_reloaded(self, successful: bool, at: float) -> None:
        """`at`: Unix seconds of the newest success."""
        self.last_reload_ok, self.last_reload = successful, at
        if successful:
            self.withdraw(_RELOAD_FAILED)
        else:
            self.notify(_RELOAD_FAILED)

    def runtime_info(self) -> Mapping[str, Any]:
        return {
            "startTime": rfc3339(self._started),
            "CWD": str(Path.cwd()),
            "hostname": socket.gethostname(),
            "serverTime": rfc3339(self._clock.now()),
            "reloadConfigSuccess": self.last_reload_ok,
            "lastConfigTime": rfc3339(self.last_reload),
            "corruptionCount": self.corruptions(),
            "goroutineCount": len(asyncio.all_tasks()),
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 2**63 - 1,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": self.retention,
        }

    def build_info(self) -> Mapping[str, str]:
        return {
            "version": f"{API_VERSION}+narthex.{__version__}",
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python{sys.version.split()[0]}",
        }

    def notifications(self) -> list[Mapping[str, Any]]:
        """What happened and still matters, then what storage is busy with."""
        shown = list(self._notifications.items())
        if (activity := self.activity()) is not None:
            shown.append((str(activity), rfc3339(activity.since)))
        return [{"text": text, "date": date, "active": True} for text, date in shown]

    def request_stop(self) -> None:
        self.stop_requested.set()

    async def reload(self) -> None:
        if self.do_reload is not None:
            await self.do_reload()
