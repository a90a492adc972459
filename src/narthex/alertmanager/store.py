"""The live alerts, by fingerprint. Nothing is persisted: senders repeat their alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from narthex.alertmanager.alert import Alert, merge
from narthex.clock import Clock


class AlertStore:
    """Keeps alerts until they are resolved and collected. Listeners are told of each put, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alerts: dict[str, Alert] = {}
        self._listeners: list[Callable[[Alert], None]] = []

    def subscribe(self, listener: Callable[[Alert], None]) -> None:
        self._listeners.append(listener)

    def put(self, alerts: Iterable[Alert]) -> None:
        now = self._clock.now()
        for alert in alerts:
            key = alert.fingerprint
            old = self._alerts.get(key)
            kept = alert if old is None else merge(old, alert, now)
            self._alerts[key] = kept
            for listener in self._listeners:
                listener(kept)

    def get(self, key: str) -> Alert | None:
        return self._alerts.get(key)

    def all(self) -> list[Alert]:
        """Every alert kept, resolved ones included, sorted by fingerprint."""
        return [self._alerts[key] for key in sorted(self._alerts)]

    def active(self) -> list[Alert]:
        """Alerts that are not resolved now, sorted by fingerprint."""
        now = self._clock.now()
        return [a for a in self.all() if not a.resolved_at(now)]

    def collect(self) -> int:
        """Drops resolved alerts; gives their number."""
        now = self._clock.now()
        gone = [key for key, alert in self._alerts.items() if alert.resolved_at(now)]
        for key in gone:
            del self._alerts[key]
        return len(gone)
