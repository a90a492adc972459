"""From a flushed group to delivered messages: mute, then for each integration deduplicate, send with retries, log."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.dispatch import Group
from narthex.alertmanager.metrics import NotifyMetrics
from narthex.alertmanager.nflog import NotificationLog, reason_to_notify
from narthex.alertmanager.notification import Integration, Notification, NotifyError
from narthex.clock import Clock

log = logging.getLogger(__name__)

Muter = Callable[[Alert], bool]

BACKOFF_FIRST = 0.5  # seconds; grows by BACKOFF_FACTOR with +-50 % jitter up to BACKOFF_MAX
BACKOFF_FACTOR = 1.5
BACKOFF_MAX = 60.0


class Pipeline:
    """Notifies the receivers of flushed groups. One for each loaded configuration; the log outlives it."""

    def __init__(
        self,
        receivers: Mapping[str, Sequence[Integration]],
        muters: Sequence[Muter],
        nflog: NotificationLog,
        clock: Clock,
        metrics: NotifyMetrics,
        external_url: str,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._receivers = receivers
        self._muters = muters
        self._nflog = nflog
        self._clock = clock
        self._metrics = metrics
        self._external_url = external_url
        self._jitter = jitter

    async def notify(self, group: Group, alerts: Sequence[Alert], now: float) -> bool:
        """Whether everything that had to be sent was delivered. What is muted counts as delivered."""
        kept = tuple(a for a in alerts if not any(muted(a) for muted in self._muters))
        self._metrics.suppressed.inc(len(alerts) - len(kept))
        integrations = self._receivers.get(group.route.receiver, ())
        if not kept or not integrations:
            return True
        notification = Notification(group.route.receiver, group.key, group.labels, kept, self._external_url, now)
        results = await asyncio.gather(*(self._one(group, i, notification) for i in integrations))
        return all(results)

    async def _one(self, group: Group, integration: Integration, notification: Notification) -> bool:
        key = f"{group.key}:{group.route.receiver}/{integration.name}/{integration.index}"
        firing, resolved, now = notification.firing, notification.resolved, notification.now
        reason = reason_to_notify(
            self._nflog.get(key, now),
            firing,
            resolved,
            send_resolved=integration.send_resolved,
            repeat_interval=group.route.repeat_interval,
            now=now,
        )
        if reason is None:
            return True
        sent = notification.alerts if integration.send_resolved else tuple(firing)
        if sent and not await self._retry(integration, replace(notification, alerts=sent, reason=reason)):
            return False
        self._nflog.put(key, firing, resolved, now, group.route.repeat_interval)
        return True

    async def _retry(self, integration: Integration, notification: Notification) -> bool:
        """Tries until it works, the error is final, or the flush is canceled by its time limit."""
        wait, attempt, last = BACKOFF_FIRST, 0, ""
        self._metrics.notifications.labels(integration.name).inc()
        where = f"{notification.receiver}/{integration.name}[{integration.index}]"
        while True:
            attempt += 1
            self._metrics.requests.labels(integration.name).inc()
            started = self._clock.monotonic()
            try:
                await integration.notify(notification)
                log.debug("notified %s of %d alerts (attempt %d)", where, len(notification.alerts), attempt)
                return True
            except NotifyError as e:
                self._metrics.failed_requests.labels(integration.name).inc()
                last = str(e)
                if not e.retry:
                    self._metrics.failed.labels(integration.name, e.reason).inc()
                    log.error("notify %s failed, not retried: %s", where, last)
                    return False
                if attempt == 1:
                    log.warning("notify %s failed, will retry: %s", where, last)
            finally:
                self._metrics.latency.labels(integration.name).observe(self._clock.monotonic() - started)
            try:
                await self._clock.sleep(wait * (0.5 + self._jitter()))
            except asyncio.CancelledError:
                self._metrics.failed.labels(integration.name, "contextDeadlineExceeded").inc()
                log.error("notify %s gave up after %d attempts: %s", where, attempt, last)
                raise
            wait = min(wait * BACKOFF_FACTOR, BACKOFF_MAX)
