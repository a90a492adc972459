"""Applying configurations: load all of it first, then give it to each part in order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from narthex.clock import Clock
from narthex.errors import ConfigError, NarthexError
from narthex.instrument import Registry

log = logging.getLogger(__name__)

L = TypeVar("L")
Step = tuple[str, Callable[[L], Awaitable[None]]]


class Reloader(Generic[L]):
    """Loads and applies a configuration; remembers whether the newest attempt worked.

    `load` reads and checks everything (blocking, called in a thread) and raises ConfigError; then nothing is applied.
    A step that fails is logged, the others still run, and the reload as a whole has failed.
    """

    def __init__(self, load: Callable[[], L], steps: Sequence[Step[L]], registry: Registry, clock: Clock) -> None:
        self._load, self._steps, self._clock = load, steps, clock
        self._lock = asyncio.Lock()
        self.successful = False
        self.last_success = 0.0
        self._ok = registry.gauge(
            "prometheus_config_last_reload_successful", "Whether the last configuration reload attempt was successful."
        )
        self._when = registry.gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload.",
        )

    async def reload(self) -> L:
        """Loads the files again and applies them. Raises ConfigError (nothing changed) or what a step raised."""
        async with self._lock:
            log.info("Loading configuration")
            try:
                loaded = await asyncio.to_thread(self._load)
            except ConfigError as e:
                self._failed()
                for problem in e.problems:
                    log.error("Configuration not loaded, the running one stays", extra={"err": str(problem)})
                raise
            await self._apply(loaded)
            return loaded

    async def apply(self, loaded: L) -> None:
        """Gives an already loaded configuration to all parts."""
        async with self._lock:
            await self._apply(loaded)

    async def _apply(self, loaded: L) -> None:
        failures: list[tuple[str, Exception]] = []
        start = self._clock.monotonic()
        for name, step in self._steps:
            try:
                await step(loaded)
            except NarthexError as e:
                log.error("Applying the configuration failed", extra={"part": name, "err": str(e)})
                failures.append((name, e))
            except Exception as e:
                log.exception("Applying the configuration failed", extra={"part": name})
                failures.append((name, e))
        if failures:
            self._failed()
            name, error = failures[0]
            raise NarthexError(f"{name}: {error}") from error
        self.successful, self.last_success = True, self._clock.now()
        self._ok.set(1)
        self._when.set(self.last_success)
        seconds = f"{self._clock.monotonic() - start:.3f}s"
        log.info("Completed loading of configuration", extra={"duration": seconds})

    def _failed(self) -> None:
        self.successful = False
        self._ok.set(0)


def digest(paths: Iterable[Path]) -> str:
    """A digest of names and contents; a file that cannot be read counts as empty."""
    sha = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        sha.update(f"{path}\0{len(content)}\0".encode())
        sha.update(content)
    return sha.hexdigest()


async def reload_on_change(
    paths: Callable[[], Iterable[Path]], interval: float, reload: Callable[[], Awaitable[object]], clock: Clock
) -> None:
    """Runs until cancelled: reloads when the digest of the files changes, looking every `interval` seconds."""
    seen = await asyncio.to_thread(lambda: digest(paths()))
    while True:
        await clock.sleep(interval)
        now = await asyncio.to_thread(lambda: digest(paths()))
        if now == seen:
            continue
        seen = now
        try:
            await reload()
        except NarthexError:
            log.warning("The changed configuration was not taken")
