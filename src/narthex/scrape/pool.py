"""The targets of one job and their loops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from narthex.config.scrape import ScrapeConfig
from narthex.errors import ScrapeError
from narthex.model.labels import Labels
from narthex.model.target_group import TargetGroup
from narthex.net.client import HTTPClient
from narthex.scrape.failure_log import FailureLog
from narthex.scrape.fetch import Fetcher
from narthex.scrape.loop import ScrapeLoop, Surroundings
from narthex.scrape.target import DroppedTarget, Target
from narthex.scrape.target_labels import ScrapeTarget, discovered_labels, scrape_target
from narthex.tasks import Tasks
from narthex.tasks.turns import Turns

log = logging.getLogger(__name__)

FRESH_TARGETS = 32  # that are looked into or started before others get their turn: scrapes are due meanwhile


@dataclass(slots=True)
class _Running:
    loop: ScrapeLoop
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Found:
    """Targets of the newest groups."""

    active: dict[ScrapeTarget, Labels]
    dropped: list[DroppedTarget]
    dropped_count: int
    failed: int


@dataclass(slots=True)
class _OfGroup:
    """Targets of one group, which is held so that its identity stays its own."""

    group: TargetGroup
    active: list[tuple[ScrapeTarget, Labels]]
    dropped: list[DroppedTarget]
    failed: int


class Pool:
    """Keeps one loop for each distinct target of the newest target groups.

    `tasks` runs the loops. Raises HTTPClientError when the job's HTTP settings are of no use.
    """

    def __init__(self, config: ScrapeConfig, around: Surroundings, tasks: Tasks) -> None:
        self.config = config
        self.around = around
        """May be replaced before `reload`."""
        self._tasks = tasks
        self._groups: Sequence[TargetGroup] = ()
        self._known: dict[int, _OfGroup] = {}  # what came of each of the newest groups, by identity
        self._running: dict[ScrapeTarget, _Running] = {}
        self._clients: dict[str, HTTPClient] = {"": self._client("", config)}
        self._failures = self._failure_log()
        self.dropped: list[DroppedTarget] = []
        self.dropped_count = 0
        self._show_limit()

    @property
    def targets(self) -> list[Target]:
        """Active targets, in the order of their discovery."""
        return [running.loop.target for running in self._running.values()]

    async def sync(self, groups: Sequence[TargetGroup]) -> None:
        """Starts loops of new targets, ends those of targets that are gone, leaves the others alone."""
        began = self.around.clock.monotonic()
        self._groups = groups
        found = await self._find(groups)
        self.dropped, self.dropped_count = found.dropped, found.dropped_count
        await self._end([spec for spec in self._running if spec not in found.active])
        turns = Turns(FRESH_TARGETS)
        running = {}
        for spec, discovered in found.active.items():
            known = self._running.get(spec)
            if known is None:
                known = self._start(Target(self.config.job_name, discovered, spec))
                await turns.take()
            known.loop.target.discovered_labels = discovered
            running[spec] = known
        self._running = running
        self._enforce_target_limit()
        self._count(found, self.around.clock.monotonic() - began)

    async def reload(self, config: ScrapeConfig) -> None:
        """Goes on under another configuration of the same job. Targets that stay the same keep their state, and their
        cache unless labels of samples may change; no stale markers are written for them."""
        began = self.around.clock.monotonic()
        keep_cache = _same_samples(self.config, config)
        client = self._client("", config)  # before anything changes: it may raise
        clients, old = self._clients, self._running
        self._clients, self.config = {"": client}, config
        if self._failures is not None:
            self._failures.close()
        self._failures = self._failure_log()
        self._show_limit()
        self._known = {}
        found = await self._find(self._groups)
        self.dropped, self.dropped_count = found.dropped, found.dropped_count
        stay = {_identity(spec): spec for spec in old}
        fresh = {}
        for spec, discovered in found.active.items():
            target = Target(config.job_name, discovered, spec)
            before = stay.pop(_identity(spec), None)
            if before is not None:
                await self._tasks.cancel(old[before].task)
                target.inherit(old[before].loop.target)
                if keep_cache and spec.histograms == before.histograms:
                    target.cache = old[before].loop.target.cache
                del old[before]
            fresh[spec] = self._start(target)
        await self._end(list(old))
        self._running = fresh
        self._enforce_target_limit()
        for client in clients.values():
            await client.close()
        self._count(found, self.around.clock.monotonic() - began)

    async def stop(self, *, stale: bool) -> None:
        """Ends all loops; `stale` says whether the job is gone for good, so that its series end."""
        if stale:
            await self._end(list(self._running))
        else:
            await self._tasks.cancel(*(running.task for running in self._running.values()))
            self._running.clear()
        for client in self._clients.values():
            await client.close()
        if self._failures is not None:
            self._failures.close()
        self.around.metrics.forget(self.config.job_name)

    def reopen_failure_log(self) -> None:
        if self._failures is not None:
            self._failures.reopen()

    async def _find(self, groups: Iterable[TargetGroup]) -> _Found:
        """Groups that are the same objects as before are not looked into again: of thousands, few change at a time."""
        found = _Found({}, [], 0, 0)
        keep = self.config.keep_dropped_targets
        known, self._known = self._known, {}
        turns = Turns(FRESH_TARGETS)
        for group in groups:
            of_group = known.get(id(group))
            if of_group is None:
                of_group = self._look_into(group)
                await turns.take(len(group.targets))
            if not keep or not of_group.dropped:  # else the limit is there to save the memory
                self._known[id(group)] = of_group
            found.failed += of_group.failed
            found.dropped_count += len(of_group.dropped)
            found.dropped += of_group.dropped[: keep - len(found.dropped)] if keep else of_group.dropped
            for spec, discovered in of_group.active:
                found.active.setdefault(spec, discovered)
        return found

    def _look_into(self, group: TargetGroup) -> _OfGroup:
        out = _OfGroup(group, [], [], 0)
        for i, labels in enumerate(group.targets):
            discovered = discovered_labels(labels, group.labels, self.config)
            try:
                spec = scrape_target(discovered, self.config)
            except ScrapeError as e:
                out.failed += 1
                log.error("job %s: target %d of group %s: %s", self.config.job_name, i, group.source, e)
                continue
            if spec is None:
                out.dropped.append(DroppedTarget(discovered, self.config.job_name))
            else:
                out.active.append((spec, discovered))
        return out

    def _start(self, target: Target) -> _Running:
        fetcher = Fetcher(self._client_of(target.spec), target.url, target.timeout, self.config, self.around.tracing)
        loop = ScrapeLoop(target, self.config, fetcher, self.around, self._failures)
        return _Running(loop, self._tasks.start(target.url, loop.run()))

    async def _end(self, specs: Collection[ScrapeTarget]) -> None:
        gone = [self._running.pop(spec) for spec in specs]
        await self._tasks.cancel(*(running.task for running in gone))
        for running in gone:
            self._tasks.start(f"end of {running.loop.target.url}", running.loop.end())

    def _client(self, unix_socket: str, config: ScrapeConfig) -> HTTPClient:
        return HTTPClient(
            config.http_client,
            # Connections must outlive the pause between two scrapes.
            keepalive_seconds=config.scrape_interval / 1000 * 1.5 + 10,
            unix_socket=unix_socket or None,
            clock=self.around.clock,
        )

    def _client_of(self, spec: ScrapeTarget) -> HTTPClient:
        client = self._clients.get(spec.unix_socket)
        if client is None:
            client = self._clients[spec.unix_socket] = self._client(spec.unix_socket, self.config)
        return client

    def _failure_log(self) -> FailureLog | None:
        path = self.config.scrape_failure_log_file
        return FailureLog(path, self.around.clock) if path else None

    def _enforce_target_limit(self) -> None:
        limit, count = self.config.target_limit, len(self._running)
        error = ""
        if limit and count > limit:
            self.around.metrics.exceeded_target_limit.inc()
            error = f"target_limit exceeded (number of targets: {count}, limit: {limit})"
        for running in self._running.values():
            running.loop.forced_error = error

    def _show_limit(self) -> None:
        self.around.metrics.target_limit.labels(self.config.job_name).set(self.config.target_limit)

    def _count(self, found: _Found, seconds: float) -> None:
        metrics, job = self.around.metrics, self.config.job_name
        metrics.syncs.labels(job).inc()
        metrics.sync_failed.labels(job).inc(found.failed)
        metrics.sync_length.labels(job).observe(seconds)
        metrics.targets.labels(job).set(len(self._running))


def _identity(spec: ScrapeTarget) -> tuple[Labels, str]:
    return spec.public, spec.url


_SAMPLE_SETTINGS = (
    "honor_labels",
    "metric_relabel_configs",
    "metric_name_validation_scheme",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
)


def _same_samples(a: ScrapeConfig, b: ScrapeConfig) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in _SAMPLE_SETTINGS)
