"""What a receiver is asked to send, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from narthex.alertmanager.alert import Alert
from narthex.errors import NarthexError
from narthex.model.labels import Labels


class NotifyError(NarthexError):
    """A notification was not delivered. `retry` tells whether another try can help; `reason` is the metric label."""

    def __init__(self, message: str, *, retry: bool, reason: str = "other") -> None:
        super().__init__(message)
        self.retry = retry
        self.reason = reason


@dataclass(frozen=True)
class Notification:
    """One message about one group. `now` (seconds) decides which alerts are resolved.

    Alerts that fire have `ends_at` 0, so that a message cannot change its mind while it is being sent.
    """

    receiver: str
    group_key: str
    group_labels: Labels
    alerts: tuple[Alert, ...]
    external_url: str
    now: float
    reason: str = ""

    @property
    def firing(self) -> list[Alert]:
        return [a for a in self.alerts if not a.resolved_at(self.now)]

    @property
    def resolved(self) -> list[Alert]:
        return [a for a in self.alerts if a.resolved_at(self.now)]

    @property
    def status(self) -> str:
        return "firing" if self.firing else "resolved"

    def common_labels(self) -> Labels:
        return _common([a.labels for a in self.alerts])

    def common_annotations(self) -> Labels:
        return _common([a.annotations for a in self.alerts])


class Integration(Protocol):
    """One way to send of one receiver, for example its first webhook."""

    name: str  # type, as in the metric label: "webhook"
    index: int  # position among the receiver's integrations of that type
    send_resolved: bool

    async def notify(self, notification: Notification) -> None:
        """Sends once. Raises NotifyError."""
        ...


def _common(sets: list[Labels]) -> Labels:
    if not sets:
        return Labels()
    return Labels({n: v for n, v in sets[0].items() if all(s.get(n) == v for s in sets[1:])})
