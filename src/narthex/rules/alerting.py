"""Alerting rules: each element of the result is an alert that becomes pending, then firing, then resolved."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from narthex.errors import RuleError
from narthex.model.labels import METRIC_NAME, Labels
from narthex.notifier.alert import Alert
from narthex.rules.contract import Evaluate
from narthex.rules.rule import Output, Rule
from narthex.rules.spec import RuleSpec
from narthex.rules.views import AlertView, RuleView

ALERTS, ALERTS_FOR_STATE = "ALERTS", "ALERTS_FOR_STATE"
ALERT_NAME, ALERT_STATE = "alertname", "alertstate"
RESOLVED_RETENTION_MS = 15 * 60 * 1000  # a resolved alert is sent again this long, for Alertmanagers that missed it
INACTIVE, PENDING, FIRING = "inactive", "pending", "firing"
_SEVERITY = {INACTIVE: 0, PENDING: 1, FIRING: 2}


@dataclass
class ActiveAlert:
    """One alert of a rule. Times are milliseconds; None where it has not happened."""

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    active_at: int
    state: str = PENDING
    fired_at: int | None = None
    resolved_at: int | None = None
    keep_firing_since: int | None = None
    last_sent: int | None = None
    valid_until: int = 0

    def needs_sending(self, now_ms: int, resend_delay_ms: int) -> bool:
        if self.state == PENDING:
            return False
        if self.last_sent is None or (self.resolved_at is not None and self.resolved_at > self.last_sent):
            return True
        return self.last_sent + resend_delay_ms < now_ms

    def view(self) -> AlertView:
        return AlertView(
            labels=self.labels,
            annotations=self.annotations,
            state=self.state,
            active_at=self.active_at / 1000,
            keep_firing_since=None if self.keep_firing_since is None else self.keep_firing_since / 1000,
            value=self.value,
        )


@dataclass(frozen=True)
class External:
    """What alerts know of the server: its labels and the address of its UI (no slash at the end)."""

    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


class AlertingRule(Rule):
    """`restored` is False until the past was looked up; before that no series are written, lest it be overwritten."""

    def __init__(self, spec: RuleSpec, external: External, *, restored: bool) -> None:
        super().__init__(spec)
        self.external = external
        self.restored = restored
        self._active: dict[Labels, ActiveAlert] = {}
        self._lock = threading.Lock()

    def evaluate(self, evaluate: Evaluate, now_ms: int, offset_ms: int, limit: int) -> Output:
        found = self._found(evaluate, now_ms, offset_ms)
        with self._lock:
            self._merge(found)
            live = self._advance(found, now_ms)
            if limit and live > limit:
                self._active.clear()
                raise RuleError(f"exceeded limit of {limit} with {live} alerts")
            return self._series() if self.restored else {}

    def _found(self, evaluate: Evaluate, now_ms: int, offset_ms: int) -> dict[Labels, ActiveAlert]:
        """Alerts that the expression gives now, by their labels."""
        out: dict[Labels, ActiveAlert] = {}
        samples = evaluate(self.spec.expr, now_ms - offset_ms)
        if not samples:
            return out
        # Most rules find nothing most of the time: they need neither the template language nor its functions.
        from narthex.rules.expansion import AlertData, Expander

        expander = Expander(self.spec.name, evaluate, now_ms - offset_ms, self.external.url)
        for sample in samples:
            data = AlertData(sample.labels, self.external.labels, self.external.url, sample.value)
            labels = dict(sample.labels)
            labels.pop(METRIC_NAME, None)
            labels |= {name: expander.expand(text, data) for name, text in self.spec.labels.items()}
            labels[ALERT_NAME] = self.spec.name
            key = Labels(labels)
            if key in out:
                raise RuleError("vector contains metrics with the same labelset after applying alert labels")
            annotations = {name: expander.expand(text, data) for name, text in self.spec.annotations}
            out[key] = ActiveAlert(key, annotations, sample.value, now_ms)
        return out

    def _merge(self, found: Mapping[Labels, ActiveAlert]) -> None:
        for labels, alert in found.items():
            known = self._active.get(labels)
            if known is not None and known.state != INACTIVE:
                known.value, known.annotations = alert.value, alert.annotations
            else:
                self._active[labels] = alert

    def _advance(self, found: Mapping[Labels, ActiveAlert], now_ms: int) -> int:
        """Moves every alert to its state of now; gives the number that is pending or firing."""
        live = 0
        for labels, alert in list(self._active.items()):
            if labels not in found and not self._keeps_firing(alert, now_ms):
                old = alert.resolved_at is not None and now_ms - alert.resolved_at > RESOLVED_RETENTION_MS
                if alert.state == PENDING or old:
                    del self._active[labels]
                elif alert.state != INACTIVE:
                    alert.state, alert.resolved_at = INACTIVE, now_ms
                continue
            if labels in found:
                alert.keep_firing_since = None
            live += 1
            if alert.state == PENDING and now_ms - alert.active_at >= self.spec.for_ms:
                alert.state, alert.fired_at = FIRING, now_ms
        return live

    def _keeps_firing(self, alert: ActiveAlert, now_ms: int) -> bool:
        if alert.state != FIRING or not self.spec.keep_firing_for_ms:
            return False
        if alert.keep_firing_since is None:
            alert.keep_firing_since = now_ms
        return now_ms - alert.keep_firing_since < self.spec.keep_firing_for_ms

    def _series(self) -> Output:
        out: Output = {}
        for alert in self._active.values():
            if alert.state == INACTIVE:
                continue
            out[alert.labels.merged({METRIC_NAME: ALERTS, ALERT_STATE: alert.state})] = 1.0
            out[alert.labels.merged({METRIC_NAME: ALERTS_FOR_STATE})] = float(alert.active_at // 1000)
        return out

    def to_send(self, now_ms: int, interval_ms: int, resend_delay_ms: int, generator_url: str) -> list[Alert]:
        """Alerts that are due at the Alertmanagers; marks them as sent."""
        out: list[Alert] = []
        with self._lock:
            for alert in self._active.values():
                if not alert.needs_sending(now_ms, resend_delay_ms):
                    continue
                alert.last_sent = now_ms
                alert.valid_until = now_ms + 4 * max(interval_ms, resend_delay_ms)
                ends = alert.valid_until if alert.resolved_at is None else alert.resolved_at
                starts = alert.active_at if alert.fired_at is None else alert.fired_at
                out.append(Alert(alert.labels, alert.annotations, starts / 1000, ends / 1000, generator_url))
        return out

    def pending(self) -> Iterator[ActiveAlert]:
        """Alerts that are not resolved, for restoring their past. Only for the evaluating thread."""
        with self._lock:
            return iter([a for a in self._active.values() if a.state != INACTIVE])

    def take_state(self, other: AlertingRule) -> None:
        """Goes on where the same rule of an earlier configuration stopped."""
        with other._lock, self._lock:
            self._active = other._active
        self.restored = other.restored

    def view(self) -> RuleView:
        with self._lock:
            alerts = [alert.view() for alert in self._active.values()]
        state = max((a.state for a in alerts), key=_SEVERITY.__getitem__, default=INACTIVE)
        return replace(
            self.common_view("alerting"),
            state="unknown" if self.outcome.at is None and not alerts else state,
            duration=self.spec.for_ms / 1000,
            keep_firing_for=self.spec.keep_firing_for_ms / 1000,
            annotations=dict(self.spec.annotations),
            alerts=[a for a in alerts if a.state != INACTIVE],
        )
