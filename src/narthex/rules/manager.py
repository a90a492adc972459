"""All groups: starts, reloads and stops them, and shows what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from narthex.clock import Clock, milliseconds
from narthex.instrument import Registry
from narthex.notifier.alert import Alert
from narthex.rules.alerting import External
from narthex.rules.contract import Evaluate
from narthex.rules.group import Blocking, Environment, Group
from narthex.rules.metrics import RuleMetrics
from narthex.rules.spec import GroupSpec
from narthex.rules.views import GroupView
from narthex.storage.contract import Appendable, Queryable
from narthex.tasks import Tasks
from narthex.tracing import OFF, Tracing

T = TypeVar("T")


@dataclass(frozen=True)
class ManagerOptions:
    """--rules.alert.for-outage-tolerance, .for-grace-period, .resend-delay (milliseconds); groups run at a time."""

    outage_tolerance_ms: int = 3_600_000
    grace_period_ms: int = 600_000
    resend_delay_ms: int = 60_000
    workers: int = 4


class Manager:
    """Lives on one event loop; evaluations run in its own threads.

    Order: `update` (maybe several times), `start` once storage is ready, `update` at each reload, `stop`.
    """

    def __init__(
        self,
        *,
        evaluate: Evaluate,
        storage: Appendable,
        queryable: Queryable,
        send: Callable[[Sequence[Alert]], None],
        clock: Clock,
        registry: Registry,
        options: ManagerOptions | None = None,
        blocking: Blocking | None = None,
        tracing: Tracing = OFF,
    ) -> None:
        """`evaluate` and `storage` must bear calls from several threads; `send` is called on the event loop.

        `blocking` runs what blocks; by default in threads of the manager's own.
        """
        options = options or ManagerOptions()
        self._clock = clock
        self._metrics = RuleMetrics(registry)
        self._threads = ThreadPoolExecutor(options.workers, "rules")
        self._env = Environment(
            evaluate=evaluate,
            storage=storage,
            queryable=queryable,
            clock=clock,
            send=send,
            metrics=self._metrics,
            blocking=blocking or self._in_thread,
            outage_tolerance_ms=options.outage_tolerance_ms,
            grace_period_ms=options.grace_period_ms,
            resend_delay_ms=options.resend_delay_ms,
            tracing=tracing,
        )
        self._tasks = Tasks("rules")
        self._groups: dict[str, Group] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._started = False
        self._reload = asyncio.Lock()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """In a thread. A cancelled caller still waits for the end, since nobody can stop a thread half-way."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    async def start(self) -> None:
        async with self._reload:
            self._started = True
            for group in self._groups.values():
                self._launch(group)

    def _launch(self, group: Group) -> None:
        self._running[group.spec.key] = self._tasks.start(group.spec.key, group.run())

    async def update(self, specs: Sequence[GroupSpec], external: External) -> None:
        """Makes the groups be these. Unchanged groups go on undisturbed; changed ones keep the state of their rules."""
        async with self._reload:
            wanted = {spec.key: spec for spec in specs}
            old, self._groups = self._groups, {}
            for key, spec in wanted.items():
                group = old.pop(key, None)
                if group is None or group.spec != spec or group.external != external:
                    group = await self._replaced(group, spec, external)
                self._groups[key] = group
            for group in old.values():
                await self._halt(group)
                self._metrics.remove(group.spec)
                if self._started:
                    self._tasks.start(f"{group.spec.key} (removed)", self._forget(group))

    async def _replaced(self, old: Group | None, spec: GroupSpec, external: External) -> Group:
        group = Group(spec, external, self._env, restoring=not self._started)
        if old is not None:
            await self._halt(old)
            group.take_state(old)
        self._metrics.add(spec)
        if self._started:
            self._launch(group)
        return group

    async def _halt(self, group: Group) -> None:
        group.stop()
        task = self._running.pop(group.spec.key, None)
        if task is not None:
            async with group.busy:
                task.cancel()
            await self._tasks.cancel(task)

    async def _forget(self, group: Group) -> None:
        """Ends the series of a removed group, unless another rule has taken them over meanwhile."""
        removed_at = milliseconds(self._clock.now())
        await self._clock.sleep(2 * group.spec.interval_ms / 1000)
        series = group.written() - set().union(*(other.written() for other in self._groups.values()))
        if series:
            await self._env.blocking(lambda: group.mark_stale(series, removed_at))

    async def stop(self) -> None:
        """Waits for running evaluations; the rest of their rules is left out."""
        for group in self._groups.values():
            group.stop()
        async with self._reload:
            await asyncio.gather(*(self._halt(group) for group in self._groups.values()))
            await self._tasks.stop()
            self._threads.shutdown()

    def groups(self) -> list[GroupView]:
        """In the order of files and of groups in them."""
        return [group.view() for group in self._groups.values()]
