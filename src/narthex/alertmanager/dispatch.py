"""Groups alerts along the routes and flushes each group on its own time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.route import Route
from narthex.clock import Clock
from narthex.model.labels import Labels

log = logging.getLogger(__name__)

MIN_FLUSH_TIMEOUT = 10.0  # seconds that a flush may take at least, however short the group interval

# Delivers alerts of a group as of `now`; False when something could not be delivered and the group is to try again.
Notify = Callable[["Group", Sequence[Alert], float], Awaitable[bool]]


class Group:
    """Alerts that share a route and its group labels, with one timer."""

    def __init__(self, route: Route, labels: Labels) -> None:
        self.route = route
        self.labels = labels
        self.key = route.group_key(labels)
        self.alerts: dict[str, Alert] = {}

    def put(self, alert: Alert) -> None:
        self.alerts[alert.fingerprint] = alert

    def snapshot(self, now: float) -> list[Alert]:
        """What a flush tells: alerts that fire get an open end; sorted by job, instance, then all labels."""
        copies = [a if a.resolved_at(now) else replace(a, ends_at=0.0) for a in self.alerts.values()]
        return sorted(copies, key=lambda a: (a.labels.get("job", ""), a.labels.get("instance", ""), a.labels.pairs()))

    def forget(self, told: Sequence[Alert], now: float) -> None:
        """Drops resolved alerts that were told and not touched since."""
        for alert in told:
            kept = self.alerts.get(alert.fingerprint)
            if alert.resolved_at(now) and kept is not None and kept.updated_at == alert.updated_at:
                del self.alerts[alert.fingerprint]


class Dispatcher:
    """Runs the groups of one loaded configuration. Starts with `put`; ends with `stop`."""

    def __init__(self, root: Route, notify: Notify, clock: Clock) -> None:
        self.root = root
        self._notify = notify
        self._clock = clock
        self._groups: dict[tuple[str, Labels], Group] = {}
        self._tasks: dict[tuple[str, Labels], asyncio.Task[None]] = {}

    def put(self, alert: Alert) -> None:
        """Adds an alert to all groups it belongs to. Must be called from the event loop."""
        for route in self.root.match(alert.labels):
            labels = route.group_labels(alert.labels)
            key = (route.id, labels)
            group = self._groups.get(key)
            if group is not None:
                group.put(alert)
            elif not alert.resolved_at(self._clock.now()):
                group = self._groups[key] = Group(route, labels)
                group.put(alert)
                overdue = alert.starts_at + route.group_wait < self._clock.now()
                wait = 0.0 if overdue else route.group_wait
                self._tasks[key] = asyncio.create_task(self._run(key, group, wait), name=f"group {group.key}")

    def groups(self) -> list[Group]:
        """Live groups, sorted by labels, then receiver."""
        return sorted(self._groups.values(), key=lambda g: (g.labels.pairs(), g.route.receiver))

    async def stop(self) -> None:
        """Cancels all groups, also flushes under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._groups.clear()
        self._tasks.clear()

    async def _run(self, key: tuple[str, Labels], group: Group, wait: float) -> None:
        while True:
            await self._clock.sleep(wait)
            due = self._clock.monotonic() + group.route.group_interval
            await self._flush(group)
            if not group.alerts:
                del self._groups[key], self._tasks[key]
                return
            wait = due - self._clock.monotonic()

    async def _flush(self, group: Group) -> None:
        now = self._clock.now()
        alerts = group.snapshot(now)
        limit = asyncio.ensure_future(self._clock.sleep(max(group.route.group_interval, MIN_FLUSH_TIMEOUT)))
        work = asyncio.ensure_future(self._notify(group, alerts, now))
        try:
            await asyncio.wait({limit, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                log.warning("group %s: notification not delivered in time, will try again", group.key)
            elif work.exception() is not None:
                log.error("group %s: notification failed", group.key, exc_info=work.exception())
            elif work.result():
                group.forget(alerts, now)
        finally:
            limit.cancel()
            work.cancel()
