"""The life of an alert, against a model that looks at the whole history instead of keeping state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import RuleError
from narthex.model.labels import Labels
from narthex.rules.alerting import RESOLVED_RETENTION_MS, AlertingRule, External
from narthex.rules.contract import Sample
from narthex.rules.spec import RuleSpec

STEP = 10_000


class Source:
    """What the expression gives now."""

    def __init__(self) -> None:
        self.vector: list[Sample] = []

    def __call__(self, expr: str, time_ms: int) -> list[Sample]:
        return self.vector


def rule(**changes: object) -> AlertingRule:
    spec = RuleSpec("A", "up == 0", True, **changes)
    return AlertingRule(spec, External({"dc": "x"}, "http://p"), restored=True)


def state(r: AlertingRule) -> str:
    alerts = r.view().alerts
    return alerts[0].state if alerts else "inactive"


def expected_state(present: list[bool], i: int, hold: int, keep: int) -> str:
    """From the history alone. Pending: present ever since. Firing: once it was present for `hold` without a gap it
    stays so, until it was absent for `keep` in one piece (or at all, when keep is 0)."""
    start: int | None = None
    firing = False
    gap: int | None = None
    for j in range(i + 1):
        if present[j]:
            start = j if start is None else start
            gap = None
            firing = firing or (j - start) * STEP >= hold
        elif start is not None:
            gap = j if gap is None else gap
            if not firing or keep == 0 or (j - gap) * STEP >= keep:
                start, firing, gap = None, False, None
    return "inactive" if start is None else "firing" if firing else "pending"


@given(
    st.lists(st.booleans(), min_size=1, max_size=40),
    st.sampled_from([0, STEP, 3 * STEP, 25_000]),
    st.sampled_from([0, STEP, 4 * STEP, 15_000]),
)
def test_state_follows_the_history(present: list[bool], hold: int, keep: int) -> None:
    source, r = Source(), rule(for_ms=hold, keep_firing_for_ms=keep)
    for i, there in enumerate(present):
        source.vector = [Sample({"instance": "a"}, float(i))] if there else []
        series = r.evaluate(source, i * STEP, 0, 0)
        wanted = expected_state(present, i, hold, keep)
        assert state(r) == wanted
        states = {labels["alertstate"] for labels in series if labels["__name__"] == "ALERTS"}
        assert states == (set() if wanted == "inactive" else {wanted})


@given(st.lists(st.booleans(), min_size=2, max_size=150))
def test_every_firing_alert_is_sent_and_its_end_too(present: list[bool]) -> None:
    """An Alertmanager that believes endsAt always agrees with the rule, one evaluation late at most."""
    source, r = Source(), rule()
    ends: float | None = None
    for i, there in enumerate(present):
        now = i * STEP
        source.vector = [Sample({}, 1.0)] if there else []
        r.evaluate(source, now, 0, 0)
        for alert in r.to_send(now, STEP, 60_000, ""):
            ends = alert.ends_at
            assert alert.starts_at <= now / 1000
        believes = ends is not None and ends > now / 1000
        assert believes == there


def test_firing_alerts_are_repeated_after_the_resend_delay_only() -> None:
    source, r = Source(), rule()
    source.vector = [Sample({}, 1.0)]
    sent = []
    for i in range(20):
        r.evaluate(source, i * STEP, 0, 0)
        sent += [(i, a.ends_at) for a in r.to_send(i * STEP, STEP, 60_000, "http://g")]
    assert [i for i, _ in sent] == [0, 7, 14]
    assert [end for _, end in sent] == [240.0, 310.0, 380.0]


def test_a_resolved_alert_is_repeated_for_fifteen_minutes_and_then_forgotten() -> None:
    source, r = Source(), rule()
    source.vector = [Sample({}, 1.0)]
    r.evaluate(source, 0, 0, 0)
    r.to_send(0, STEP, 60_000, "")
    source.vector = []
    sent = []
    for now in range(STEP, RESOLVED_RETENTION_MS + 10 * STEP, STEP):
        r.evaluate(source, now, 0, 0)
        sent += [(now, a.ends_at) for a in r.to_send(now, STEP, 60_000, "")]
    assert {end for _, end in sent} == {STEP / 1000}
    assert sent[0][0] == STEP
    assert RESOLVED_RETENTION_MS - 70_000 < sent[-1][0] <= RESOLVED_RETENTION_MS + STEP
    assert not r._active


def test_labels_and_annotations_are_expanded() -> None:
    source = Source()
    r = rule(
        labels=Labels({"severity": "{{ if gt $value 5.0 }}page{{ else }}mail{{ end }}", "job": "over"}),
        annotations=(
            ("summary", "{{ $labels.instance }} {{ $value }} {{ $labels.job }} {{ $externalLabels.dc }}"),
            ("bad", "{{ $labels.x.y }}"),
        ),
    )
    source.vector = [Sample({"__name__": "up", "instance": "a", "job": "j"}, 7.5)]
    series = r.evaluate(source, 1500, 0, 0)
    (alert,) = r.view().alerts
    assert dict(alert.labels) == {"alertname": "A", "instance": "a", "job": "over", "severity": "page"}
    assert alert.annotations["summary"] == "a 7.5 j x"
    assert alert.annotations["bad"].startswith("<error expanding template: error executing template __alert_A: ")
    assert series[alert.labels.merged({"__name__": "ALERTS_FOR_STATE"})] == 1.0


def test_the_query_function_asks_at_the_time_of_the_rule() -> None:
    asked: list[tuple[str, int]] = []

    def evaluate(expr: str, time_ms: int) -> list[Sample]:
        asked.append((expr, time_ms))
        return [Sample({"a": "b"}, 3.0)]

    r = rule(annotations=(("n", '{{ with query "other" }}{{ . | first | value }}{{ end }}'),))
    r.evaluate(evaluate, 100_000, 30_000, 0)
    assert asked == [("up == 0", 70_000), ("other", 70_000)]
    assert r.view().alerts[0].annotations["n"] == "3"


def test_equal_labels_after_the_rules_labels_are_an_error() -> None:
    source, r = Source(), rule(labels=Labels({"instance": "same"}))
    source.vector = [Sample({"instance": "a"}, 1.0), Sample({"instance": "b"}, 1.0)]
    with pytest.raises(RuleError, match="same labelset"):
        r.evaluate(source, 0, 0, 0)


def test_too_many_alerts_fail_the_rule_and_clear_it() -> None:
    source, r = Source(), rule()
    source.vector = [Sample({"i": str(i)}, 1.0) for i in range(3)]
    r.evaluate(source, 0, 0, 3)
    with pytest.raises(RuleError, match="exceeded limit of 2 with 3 alerts"):
        r.evaluate(source, STEP, 0, 2)
    assert r.view().alerts == []


def test_state_is_unknown_until_the_first_evaluation() -> None:
    r = rule()
    assert (r.view().state, r.view().health) == ("unknown", "unknown")


def test_nothing_is_written_before_the_past_is_restored() -> None:
    source = Source()
    source.vector = [Sample({}, 1.0)]
    r = AlertingRule(RuleSpec("A", "x", True), External(), restored=False)
    assert r.evaluate(source, 0, 0, 0) == {}
    r.restored = True
    assert len(r.evaluate(source, STEP, 0, 0)) == 2
