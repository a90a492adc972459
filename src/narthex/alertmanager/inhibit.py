"""Inhibition: a live source alert mutes target alerts that share the values of the `equal` labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.store import AlertStore
from narthex.clock import Clock
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher


@dataclass(frozen=True)
class InhibitRule:
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    name: str = ""

    def is_source(self, labels: Labels) -> bool:
        return all(m.matches(labels.get(m.name, "")) for m in self.source)

    def is_target(self, labels: Labels) -> bool:
        return all(m.matches(labels.get(m.name, "")) for m in self.target)

    def key(self, labels: Labels) -> tuple[str, ...]:
        """Values of the `equal` labels; a missing label counts as empty."""
        return tuple(labels.get(n, "") for n in self.equal)


@dataclass
class _Indexed:
    rule: InhibitRule
    sources: dict[tuple[str, ...], dict[str, Alert]] = field(default_factory=dict)

    def add(self, alert: Alert) -> None:
        if self.rule.is_source(alert.labels):
            self.sources.setdefault(self.rule.key(alert.labels), {})[alert.fingerprint] = alert

    def live(self, key: tuple[str, ...], now: float) -> list[Alert]:
        """Unresolved sources under a key; resolved ones are forgotten on the way."""
        found = self.sources.get(key)
        if not found:
            return []
        for gone in [f for f, alert in found.items() if alert.resolved_at(now)]:
            del found[gone]
        if not found:
            del self.sources[key]
        return list(found.values())


class Inhibitor:
    """Answers whether an alert is inhibited now; sources count until they are resolved, silenced or not.

    A look-up costs the rules whose target side matches, not the number of alerts: sources are indexed by their
    `equal` values as they come in.
    """

    def __init__(self, rules: Sequence[InhibitRule], store: AlertStore, clock: Clock) -> None:
        self._clock = clock
        self._rules = [_Indexed(rule) for rule in rules]
        for alert in store.all():
            self.put(alert)

    def put(self, alert: Alert) -> None:
        for indexed in self._rules:
            indexed.add(alert)

    def inhibited_by(self, labels: Labels) -> str | None:
        """Fingerprint of the first source that mutes this alert, rules in file order.

        An alert that matches both sides is not muted by a source that matches both sides too, so that alerts cannot
        mute themselves or each other.
        """
        now = self._clock.now()
        for indexed in self._rules:
            rule = indexed.rule
            if not rule.is_target(labels):
                continue
            both = rule.is_source(labels)
            for source in indexed.live(rule.key(labels), now):
                if not (both and rule.is_target(source.labels)):
                    return source.fingerprint
        return None
