"""Runs the discovery of many sets (jobs, or Alertmanager sets) and passes their target groups on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from narthex.clock import Clock
from narthex.config.discovery import DiscoveryConfigs
from narthex.config.sd.base import SDConfig
from narthex.discovery.mechanisms import make_provider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.pace import Pace
from narthex.discovery.static import static_groups
from narthex.discovery.watch import DirectoryWatch
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup
from narthex.tasks import Tasks

log = logging.getLogger(__name__)

LEAST_PAUSE_SECONDS = 0.1
WORK_SHARE = 0.2  # of the time that changes without end may take

Groups = Mapping[str, Sequence[TargetGroup]]
OnUpdate = Callable[[Groups], Awaitable[None] | None]


@dataclass
class _Running:
    """One provider, shared by all sets that have an equal section."""

    config: SDConfig
    key: str
    task: asyncio.Task[Any] | None = None
    sets: set[str] = field(default_factory=set)
    groups: dict[str, TargetGroup] = field(default_factory=dict)


class DiscoveryManager:
    """`on_update` gets the complete state: for each set all its groups that have targets, an empty list for none.

    It is called soon after `apply` and after changes. Calls that take long lead to longer pauses, up to
    `update_interval_seconds`: changes in a row go out together. A failure is logged and the next update goes ahead.
    """

    def __init__(
        self,
        name: str,
        on_update: OnUpdate,
        *,
        metrics: DiscoveryMetrics,
        clock: Clock,
        update_interval_seconds: float = 5.0,
    ) -> None:
        self._name, self._on_update, self._metrics, self._clock = name, on_update, metrics, clock
        longest = max(update_interval_seconds, LEAST_PAUSE_SECONDS)
        self._pace = Pace(clock, shortest=LEAST_PAUSE_SECONDS, longest=longest, share=WORK_SHARE)
        self._tasks = Tasks(f"discovery {name}")
        self._watch = DirectoryWatch(self._tasks, metrics)
        self._running: list[_Running] = []
        self._static: dict[str, list[TargetGroup]] = {}
        self._shown: set[str] = set()  # sets that have metrics
        self._changed = asyncio.Event()
        self._sender: asyncio.Task[Any] | None = None
        metrics.failed_configs.labels(name).set(0)

    async def apply(self, sets: Mapping[str, DiscoveryConfigs]) -> None:
        """Takes a new configuration. Providers whose section stays go on and keep their groups."""
        self._static = {name: static_groups(section.static_configs) for name, section in sets.items()}
        failed = 0
        known: dict[str, list[_Running]] = {}  # by text, which hides secrets: sections of one text may still differ
        for running in self._running:
            running.sets = set()
            known.setdefault(running.key, []).append(running)
        for name, section in sets.items():
            for config in section.each():
                same = known.setdefault(repr(config), [])
                found = next((r for r in same if r.config == config), None)
                if found is None:
                    found = self._start(config, name)
                    if found is None:
                        failed += 1
                        continue
                    same.append(found)
                    self._running.append(found)
                found.sets.add(name)
        self._metrics.failed_configs.labels(self._name).set(failed)
        await self._end_unused()
        for gone in self._shown - set(sets):
            self._metrics.discovered_targets.remove(self._name, gone)
            self._metrics.last_update.remove(self._name, gone)
        self._shown = set(sets)
        self._changed.set()
        if self._sender is None:
            self._sender = self._tasks.start("updates", self._send_updates())

    async def _end_unused(self) -> None:
        unused = [running.task for running in self._running if not running.sets and running.task is not None]
        self._running = [running for running in self._running if running.sets]
        await self._tasks.cancel(*unused)

    def groups(self) -> dict[str, list[TargetGroup]]:
        """What is known now."""
        out = {name: [g for g in groups if g.targets] for name, groups in self._static.items()}
        for running in self._running:
            for name in running.sets:
                out[name].extend(running.groups.values())
        return out

    async def stop(self) -> None:
        await self._tasks.stop()

    def _start(self, config: SDConfig, set_name: str) -> _Running | None:
        try:
            provider = make_provider(config, set_name, self._watch, self._metrics, self._clock)
        except HTTPClientError as e:
            log.error("discovery %s of %s cannot start: %s", config.mechanism, set_name, e)
            return None
        running = _Running(config, repr(config))
        running.task = self._tasks.start(
            f"{config.mechanism} of {set_name}", provider.run(partial(self._take, running))
        )
        return running

    def _take(self, running: _Running, groups: Sequence[TargetGroup]) -> None:
        self._metrics.received.labels(self._name).inc()
        for group in groups:
            if group.targets:
                running.groups[group.source] = group
            else:
                running.groups.pop(group.source, None)
        self._changed.set()

    async def _send_updates(self) -> None:
        while True:
            await self._changed.wait()
            wait = self._pace.wait_seconds()
            if wait > 0:
                self._metrics.delayed.labels(self._name).inc()
                await self._clock.sleep(wait)
            self._changed.clear()
            with self._pace.round():
                await self._send()

    async def _send(self) -> None:
        groups = self.groups()
        self._metrics.sent.labels(self._name).inc()
        for name, found in groups.items():
            self._metrics.discovered_targets.labels(self._name, name).set(sum(len(g.targets) for g in found))
            self._metrics.last_update.labels(self._name, name).set(self._clock.now())
        try:
            done = self._on_update(groups)
            if done is not None:
                await done
        except Exception:
            log.exception("discovery %s: the update was not taken", self._name)
