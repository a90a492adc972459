"""Alerts after a restart."""

from __future__ import annotations

import pytest

from narthex.model.labels import Labels
from narthex.model.number import STALE_NAN
from narthex.rules.alerting import AlertingRule, External
from narthex.rules.appending import append_output
from narthex.rules.contract import Sample
from narthex.rules.restore import restore, restored_active_at
from narthex.rules.spec import RuleSpec
from support.memory_storage import MemoryStorage

MINUTE = 60_000
GRACE = 10 * MINUTE


@pytest.mark.parametrize(
    ("waited", "down", "hold", "expected"),
    [
        (40, 5, 30, -45),  # had fired: fires again at once
        (5, 5, 60, -5),  # much left: time of absence does not count
        (55, 5, 60, -50),  # about to fire: waits the grace period
    ],
)
def test_where_waiting_is_taken_to_have_begun(waited: int, down: int, hold: int, expected: int) -> None:
    now = 10_000 * MINUTE
    active = now - (waited + down) * MINUTE
    got = restored_active_at(active, now - down * MINUTE, now, hold * MINUTE, GRACE)
    assert got == now + expected * MINUTE


def restored(samples: list[tuple[int, float]], *, hold: int = 60 * MINUTE, now: int = 1000 * MINUTE) -> int:
    storage = MemoryStorage()
    series = Labels({"__name__": "ALERTS_FOR_STATE", "alertname": "A", "instance": "a", "severity": "page"})
    for time, value in samples:
        append_output(storage, {series: value}, {}, time)
    spec = RuleSpec("A", "up", True, Labels({"severity": "page"}), hold)
    rule = AlertingRule(spec, External(), restored=False)
    rule.evaluate(lambda _e, _t: [Sample({"instance": "a"}, 1.0)], now, 0, 0)
    restore(rule, storage, now, 60 * MINUTE, GRACE)
    assert rule.restored
    return next(iter(rule.pending())).active_at


def test_active_at_comes_back_from_storage() -> None:
    at = 990 * MINUTE
    assert restored([(at, (at - 5 * MINUTE) / 1000)]) == at - 5 * MINUTE + 10 * MINUTE


def test_a_stale_series_an_old_one_or_a_short_for_restore_nothing() -> None:
    now, at = 1000 * MINUTE, 990 * MINUTE
    assert restored([(at, at / 1000), (at + 1, STALE_NAN)]) == now
    assert restored([(900 * MINUTE, 900 * 60.0)]) == now
    assert restored([(at, (at - 5 * MINUTE) / 1000)], hold=5 * MINUTE) == now
