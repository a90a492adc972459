from __future__ import annotations

from collections.abc import Sequence

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.dispatch import Dispatcher, Group
from narthex.alertmanager.matchers import parse_matchers
from narthex.alertmanager.route import Route
from narthex.model.labels import Labels
from support.clock import FakeClock


def route(
    matchers: str = "", *, by: set[str] | None = frozenset(), routes: tuple[Route, ...] = (), **kw: object
) -> Route:
    base: dict[str, object] = {
        "receiver": "r",
        "group_wait": 30.0,
        "group_interval": 300.0,
        "repeat_interval": 3600.0,
        "continue_": False,
    }
    key = "{}" if not matchers else "{}/" + matchers
    group_by = None if by is None else frozenset(by)
    return Route(
        matchers=tuple(parse_matchers(matchers)), group_by=group_by, key=key, id=key, routes=routes, **{**base, **kw}
    )


def alert(clock: FakeClock, lasts: float = 3600, **labels: str) -> Alert:
    now = clock.now()
    return Alert(Labels(labels), Labels(), now, now + lasts, now)


class Sink:
    def __init__(self, works: bool = True) -> None:
        self.calls: list[tuple[float, str, list[str]]] = []
        self.works = works

    async def __call__(self, group: Group, alerts: Sequence[Alert], now: float) -> bool:
        states = ["resolved" if a.resolved_at(now) else "firing" for a in alerts]
        self.calls.append((now, group.key, states))
        return self.works


async def test_a_group_waits_then_flushes_at_its_interval() -> None:
    clock, sink = FakeClock(0), Sink()
    dispatcher = Dispatcher(route(), sink, clock)
    dispatcher.put(alert(clock, alertname="A"))
    await clock.advance(29)
    assert sink.calls == []
    dispatcher.put(alert(clock, alertname="B"))
    await clock.advance(1)
    assert sink.calls == [(30, "{}:{}", ["firing", "firing"])]
    await clock.advance(299)
    assert len(sink.calls) == 1
    await clock.advance(1)
    assert sink.calls[1][0] == 330
    await dispatcher.stop()


async def test_alerts_are_grouped_by_the_labels_they_have() -> None:
    clock, sink = FakeClock(0), Sink()
    dispatcher = Dispatcher(route(by={"team", "env"}), sink, clock)
    dispatcher.put(alert(clock, alertname="A", team="x"))
    dispatcher.put(alert(clock, alertname="B", team="x"))
    dispatcher.put(alert(clock, alertname="A", team="y", env="p"))
    await clock.advance(30)
    assert sorted(key for _, key, _ in sink.calls) == ['{}:{env="p", team="y"}', '{}:{team="x"}']
    await dispatcher.stop()


async def test_a_resolved_alert_is_told_once_and_the_group_ends() -> None:
    clock, sink = FakeClock(0), Sink()
    dispatcher = Dispatcher(route(), sink, clock)
    dispatcher.put(alert(clock, lasts=60, alertname="A"))
    await clock.advance(30)
    await clock.advance(300)
    assert [states for _, _, states in sink.calls] == [["firing"], ["resolved"]]
    assert dispatcher.groups() == []
    await clock.advance(3000)
    assert len(sink.calls) == 2


async def test_a_resolved_alert_is_kept_until_it_could_be_told() -> None:
    clock, sink = FakeClock(0), Sink(works=False)
    dispatcher = Dispatcher(route(), sink, clock)
    dispatcher.put(alert(clock, lasts=60, alertname="A"))
    await clock.advance(330)
    sink.works = True
    await clock.advance(300)
    assert [states for _, _, states in sink.calls] == [["firing"], ["resolved"], ["resolved"]]
    assert dispatcher.groups() == []


async def test_an_alert_that_started_long_ago_is_flushed_at_once() -> None:
    clock, sink = FakeClock(0), Sink()
    dispatcher = Dispatcher(route(), sink, clock)
    await clock.advance(1000)
    dispatcher.put(Alert(Labels({"a": "b"}), Labels(), 1.0, 5000.0, clock.now()))
    await clock.advance(0)
    assert len(sink.calls) == 1
    await dispatcher.stop()


async def test_a_hanging_notification_is_cut_off_and_tried_again() -> None:
    clock = FakeClock(0)
    started: list[float] = []

    async def hang(group: Group, alerts: Sequence[Alert], now: float) -> bool:
        started.append(now)
        await clock.sleep(10_000)
        return True

    dispatcher = Dispatcher(route(group_interval=20.0), hang, clock)
    dispatcher.put(alert(clock, alertname="A"))
    await clock.advance(75)
    assert started == [30, 50, 70]
    await dispatcher.stop()


def test_routing_takes_the_first_matching_child_unless_it_continues() -> None:
    tree = route(
        routes=(
            route("team=x", continue_=True, receiver="first"),
            route('team=~"x|y"', receiver="second"),
            route("team=y", receiver="third"),
        )
    )
    assert [r.receiver for r in tree.match({"team": "x"})] == ["first", "second"]
    assert [r.receiver for r in tree.match({"team": "y"})] == ["second"]
    assert [r.receiver for r in tree.match({})] == ["r"]
