from __future__ import annotations

import asyncio
from dataclasses import replace

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.dispatch import Group
from narthex.alertmanager.metrics import NotifyMetrics
from narthex.alertmanager.nflog import NotificationLog
from narthex.alertmanager.notification import Notification, NotifyError
from narthex.alertmanager.pipeline import Muter, Pipeline
from narthex.instrument import Registry
from narthex.model.labels import Labels
from support.clock import FakeClock
from unit.alertmanager.test_dispatch import route


class Recorder:
    name, index = "webhook", 0

    def __init__(self, *failures: NotifyError, send_resolved: bool = True) -> None:
        self.failures = list(failures)
        self.send_resolved = send_resolved
        self.sent: list[tuple[str, str, int]] = []

    async def notify(self, notification: Notification) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((notification.reason, notification.status, len(notification.alerts)))


def pipeline(clock: FakeClock, recorder: Recorder, *muters: Muter) -> Pipeline:
    return Pipeline(
        {"r": [recorder]}, muters, NotificationLog(432_000), clock, NotifyMetrics(Registry()), "http://am", lambda: 0.5
    )


def firing(name: str) -> Alert:
    return Alert(Labels({"alertname": name}), Labels(), 1.0, 0.0, 1.0)


GROUP = Group(route(), Labels())


async def test_a_group_is_told_first_new_resolved_and_then_no_more() -> None:
    clock, recorder = FakeClock(100), Recorder()
    p = pipeline(clock, recorder)
    a, b = firing("A"), firing("B")
    gone = replace(b, ends_at=50.0)
    for now, alerts in [
        (100, [a]),
        (200, [a]),
        (300, [a, b]),
        (400, [a, gone]),
        (500, [a]),
        (600, [replace(a, ends_at=550.0)]),
    ]:
        assert await p.notify(GROUP, alerts, now)
    assert recorder.sent == [
        ("first notification", "firing", 1),
        ("new alerts", "firing", 2),
        ("some resolved", "firing", 2),
        ("all resolved", "resolved", 1),
    ]


async def test_an_unchanged_group_is_repeated_after_the_repeat_interval() -> None:
    clock, recorder = FakeClock(100), Recorder()
    p = pipeline(clock, recorder)
    for now in (100, 3700, 3701, 3800):
        await p.notify(GROUP, [firing("A")], now)
    assert [reason for reason, _, _ in recorder.sent] == ["first notification", "repeat"]


async def test_resolved_alerts_are_left_out_when_the_receiver_does_not_want_them() -> None:
    clock, recorder = FakeClock(100), Recorder(send_resolved=False)
    p = pipeline(clock, recorder)
    await p.notify(GROUP, [firing("A")], 100)
    await p.notify(GROUP, [replace(firing("A"), ends_at=150.0)], 200)
    await p.notify(GROUP, [firing("A")], 300)
    assert [reason for reason, _, _ in recorder.sent] == ["first notification", "first notification"]


async def test_a_failed_send_is_retried_until_it_works() -> None:
    clock = FakeClock(100)
    recorder = Recorder(NotifyError("503", retry=True), NotifyError("503", retry=True))
    task = asyncio.create_task(pipeline(clock, recorder).notify(GROUP, [firing("A")], 100))
    await clock.advance(0.4)
    assert recorder.sent == []
    await clock.advance(2)
    assert await task
    assert len(recorder.sent) == 1


async def test_a_final_error_is_not_retried_and_fails_the_flush() -> None:
    clock = FakeClock(100)
    recorder = Recorder(NotifyError("400", retry=False))
    p = pipeline(clock, recorder)
    assert not await p.notify(GROUP, [firing("A")], 100)
    assert await p.notify(GROUP, [firing("A")], 200)
    assert recorder.sent == [("first notification", "firing", 1)]


async def test_muted_alerts_are_not_sent_and_count_as_done() -> None:
    recorder = Recorder()
    p = pipeline(FakeClock(100), recorder, lambda a: a.name == "A")
    assert await p.notify(GROUP, [firing("A")], 100)
    assert await p.notify(GROUP, [firing("A"), firing("B")], 200)
    assert recorder.sent == [("first notification", "firing", 1)]
