from __future__ import annotations

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.inhibit import Inhibitor, InhibitRule
from narthex.alertmanager.matchers import parse_matchers
from narthex.alertmanager.store import AlertStore
from narthex.model.labels import Labels
from support.clock import FakeClock


def make(source: str, target: str, *equal: str) -> tuple[FakeClock, AlertStore, Inhibitor]:
    clock = FakeClock(100)
    store = AlertStore(clock)
    rule = InhibitRule(tuple(parse_matchers(source)), tuple(parse_matchers(target)), equal)
    inhibitor = Inhibitor([rule], store, clock)
    store.subscribe(inhibitor.put)
    return clock, store, inhibitor


def alert(**labels: str) -> Alert:
    return Alert(Labels(labels), Labels(), 90, 200, 100)


def test_a_live_source_with_equal_labels_mutes_the_target() -> None:
    clock, store, inhibitor = make("severity=critical", "severity=warning", "cluster")
    source = alert(severity="critical", cluster="a")
    store.put([source])
    assert inhibitor.inhibited_by(Labels({"severity": "warning", "cluster": "a"})) == source.fingerprint
    assert inhibitor.inhibited_by(Labels({"severity": "warning", "cluster": "b"})) is None
    assert inhibitor.inhibited_by(Labels({"severity": "info", "cluster": "a"})) is None
    clock.jump(100)
    assert inhibitor.inhibited_by(Labels({"severity": "warning", "cluster": "a"})) is None


def test_labels_missing_on_both_sides_are_equal() -> None:
    _, store, inhibitor = make("severity=critical", "severity=warning", "cluster")
    store.put([alert(severity="critical")])
    assert inhibitor.inhibited_by(Labels({"severity": "warning"})) is not None


def test_alerts_that_match_both_sides_do_not_mute_each_other() -> None:
    _, store, inhibitor = make("team=x", "team=x")
    a, b = alert(team="x", n="1"), alert(team="x", n="2")
    store.put([a, b])
    assert inhibitor.inhibited_by(a.labels) is None
