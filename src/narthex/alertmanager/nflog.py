"""The notification log: what was last sent about a group, to decide whether to send again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.alertmanager.alert import Alert


@dataclass(frozen=True)
class Entry:
    """Fingerprints that were firing and resolved in the last message; times in seconds."""

    firing: frozenset[str]
    resolved: frozenset[str]
    timestamp: float
    expires_at: float


class NotificationLog:
    """Entries by `<group key>:<receiver>/<integration>/<index>`, in memory."""

    def __init__(self, retention: float) -> None:
        self._retention = retention
        self._entries: dict[str, Entry] = {}

    def get(self, key: str, now: float) -> Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry.expires_at > now else None

    def put(
        self, key: str, firing: Iterable[Alert], resolved: Iterable[Alert], now: float, repeat_interval: float
    ) -> None:
        """An entry lives for twice the repeat interval, at most for the retention."""
        self._entries[key] = Entry(
            firing=frozenset(a.fingerprint for a in firing),
            resolved=frozenset(a.fingerprint for a in resolved),
            timestamp=now,
            expires_at=now + min(self._retention, 2 * repeat_interval),
        )

    def collect(self, now: float) -> None:
        """Forgets expired entries."""
        self._entries = {k: e for k, e in self._entries.items() if e.expires_at > now}

    def __len__(self) -> int:
        return len(self._entries)


def reason_to_notify(
    entry: Entry | None,
    firing: Iterable[Alert],
    resolved: Iterable[Alert],
    *,
    send_resolved: bool,
    repeat_interval: float,
    now: float,
) -> str | None:
    """Why this group is to be notified now, or None when nothing changed that a receiver wants to know.

    Alertmanager's rules, first that holds: an alert that was not told yet; all resolved (whatever send_resolved says);
    some resolved and wanted; the last message is older than the repeat interval.
    """
    now_firing = frozenset(a.fingerprint for a in firing)
    now_resolved = frozenset(a.fingerprint for a in resolved)
    if entry is None:
        return "first notification" if now_firing else None
    if not now_firing <= entry.firing:
        return "new alerts" if entry.firing else "first notification"
    if not now_firing:
        return "all resolved" if entry.firing else None
    if send_resolved and not now_resolved <= entry.resolved:
        return "some resolved"
    if entry.timestamp < now - repeat_interval:
        return "repeat"
    return None
