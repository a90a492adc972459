"""The past of alerts after a restart, read back from ALERTS_FOR_STATE.

Without it every restart would begin each `for` anew. What an alert had waited before the server went down counts; the
time in which the server was down does not; and an alert that is about to fire waits at least the grace period, in which
the server may learn that its cause is gone.
"""

from __future__ import annotations

from narthex.model.labels import METRIC_NAME, Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.model.number import is_stale
from narthex.rules.alerting import ALERT_NAME, ALERTS_FOR_STATE, AlertingRule
from narthex.storage.contract import Queryable


def restore(rule: AlertingRule, queryable: Queryable, now_ms: int, tolerance_ms: int, grace_ms: int) -> None:
    """Sets `active_at` of the rule's alerts to what it was. Blocks. Raises StorageError.

    Rules whose `for` is shorter than the grace period are left alone. Afterwards the rule counts as restored.
    """
    if rule.spec.for_ms >= grace_ms:
        past = _last_samples(rule, queryable, now_ms - tolerance_ms, now_ms)
        for alert in rule.pending():
            found = past.get(alert.labels)
            if found is not None:
                down_at, active_at = found
                alert.active_at = restored_active_at(active_at, down_at, now_ms, rule.spec.for_ms, grace_ms)
    rule.restored = True


def restored_active_at(active_at: int, down_at: int, now_ms: int, for_ms: int, grace_ms: int) -> int:
    """Where the waiting of an alert is taken to have begun. All in milliseconds."""
    remaining = for_ms - (down_at - active_at)
    if remaining <= 0:
        return active_at
    if remaining < grace_ms:
        return now_ms + grace_ms - for_ms
    return active_at + now_ms - down_at


def _last_samples(rule: AlertingRule, queryable: Queryable, mint: int, maxt: int) -> dict[Labels, tuple[int, int]]:
    """For each alert that was active: (time of its last sample, its activeAt), milliseconds."""
    matchers = [
        Matcher(MatchType.EQUAL, METRIC_NAME, ALERTS_FOR_STATE),
        Matcher(MatchType.EQUAL, ALERT_NAME, rule.spec.name),
    ]
    matchers += [
        Matcher(MatchType.EQUAL, n, v) for n, v in rule.spec.labels.items() if "{{" not in v and n != ALERT_NAME
    ]
    querier = queryable.querier(mint, maxt)
    try:
        batch = querier.select(matchers)
        out: dict[Labels, tuple[int, int]] = {}
        for row in range(len(batch)):
            times, values = batch.samples(row, mint, maxt)
            if len(times) and not is_stale(float(values[-1])):
                labels = Labels(batch.labels[row]).without(METRIC_NAME)
                out[labels] = int(times[-1]), int(values[-1]) * 1000
        return out
    finally:
        querier.close()
