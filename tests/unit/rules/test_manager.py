"""Groups on a clock that tests move."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from narthex.errors import QueryError
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.model.number import is_stale
from narthex.notifier.alert import Alert
from narthex.rules import GroupSpec, Manager, ManagerOptions, RuleSpec, Sample
from narthex.rules.alerting import External
from support.clock import FakeClock
from support.memory_storage import MemoryStorage

EXTERNAL = External({"dc": "x"}, "http://p")
RECORD = RuleSpec("r", "source", False)
ALERT = RuleSpec("A", "source", True, for_ms=20_000)


class World:
    """A manager with storage, an expression's answers and a record of what was sent."""

    def __init__(self, **options: int) -> None:
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.registry = Registry()
        self.answers: dict[str, list[Sample] | Exception] = {"source": [Sample({"i": "a"}, 1.0)]}
        self.asked: list[tuple[str, int]] = []
        self.sent: list[Alert] = []
        self.before: Callable[[], None] = lambda: None
        self.manager = self.another(**options)

    def another(self, **options: int) -> Manager:
        """A manager on the same storage, as after a restart."""
        return Manager(
            evaluate=self.evaluate,
            storage=self.storage,
            queryable=self.storage,
            send=self.sent.extend,
            clock=self.clock,
            registry=Registry() if options.pop("fresh", 0) else self.registry,
            options=ManagerOptions(**options),
            blocking=self.inline,
        )

    def evaluate(self, expr: str, time_ms: int) -> list[Sample]:
        self.before()
        self.asked.append((expr, time_ms))
        answer = self.answers[expr]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @staticmethod
    async def inline(call: Callable[[], Any]) -> Any:
        return call()

    def metric(self, name: str) -> dict[str, float]:
        out = {}
        for line in self.registry.expose().decode().splitlines():
            if line.startswith(name):
                series, value = line.rsplit(" ", 1)
                out[series[len(name) :]] = float(value)
        return out


def group(*rules: RuleSpec, interval: int = 10_000, name: str = "g", **more: Any) -> GroupSpec:
    return GroupSpec("f.yml", name, interval, rules, **more)


async def started(world: World, specs: Sequence[GroupSpec]) -> None:
    await world.manager.update(specs, EXTERNAL)
    await world.manager.start()


async def test_rules_run_at_every_slot_and_write_there() -> None:
    world, spec = World(), group(RECORD, query_offset_ms=3000)
    await started(world, [spec])
    await world.clock.advance(35)
    times = [t for _, t in world.asked]
    assert len(times) in (3, 4)
    assert all((t + 3000) % 10_000 == spec.offset_ms for t in times)
    assert world.storage.of(name="r", i="a") == [(t, 1.0) for t in times]
    await world.manager.stop()
    await world.clock.advance(60)
    assert len(world.asked) == len(times)


async def test_a_late_evaluation_skips_to_the_newest_slot_and_counts_the_missed() -> None:
    world, spec = World(), group(RECORD)
    await started(world, [spec])
    delays = iter([35.0, 0.0, 0.0, 0.0])
    world.before = lambda: world.clock.jump(next(delays, 0.0))
    await world.clock.advance(20)
    times = [t for _, t in world.asked]
    assert [b - a for a, b in itertools.pairwise(times)][:2] == [30_000, 10_000]
    assert world.metric("prometheus_rule_group_iterations_missed_total") == {'{rule_group="f.yml;g"}': 2.0}
    assert world.metric("prometheus_rule_group_iterations_total")['{rule_group="f.yml;g"}'] == len(times) + 2
    await world.manager.stop()


async def test_a_failing_rule_is_shown_and_counted_and_the_next_one_runs() -> None:
    world = World()
    world.answers["bad"] = QueryError("too much")
    world.answers["bug"] = ZeroDivisionError("oops")
    rules = [RuleSpec("b", "bad", False), RuleSpec("z", "bug", False), RECORD]
    await started(world, [group(*rules)])
    await world.clock.advance(10)
    (view,) = world.manager.groups()
    assert [(r.health, r.last_error) for r in view.rules] == [("err", "too much"), ("err", "oops"), ("ok", "")]
    assert world.metric("prometheus_rule_evaluation_failures_total") == {'{rule_group="f.yml;g"}': 2.0}
    assert world.metric("prometheus_rule_group_last_evaluation_samples") == {'{rule_group="f.yml;g"}': 1.0}
    await world.manager.stop()


async def test_a_failed_evaluation_writes_no_stale_markers() -> None:
    world = World()
    await started(world, [group(RECORD)])
    await world.clock.advance(10)
    world.answers["source"] = QueryError("later")
    await world.clock.advance(10)
    assert len(world.storage.of(name="r", i="a")) == 1
    world.answers["source"] = []
    await world.clock.advance(10)
    assert is_stale(world.storage.of(name="r", i="a")[-1][1])
    await world.manager.stop()


async def test_recorded_labels_replace_those_of_the_result_and_duplicates_fail() -> None:
    world = World()
    await started(world, [group(RuleSpec("r", "source", False, Labels({"i": "same"})))])
    await world.clock.advance(10)
    assert len(world.storage.of(name="r", i="same")) == 1
    world.answers["source"] = [Sample({"i": "a"}, 1.0), Sample({"i": "b"}, 1.0)]
    await world.clock.advance(10)
    assert "same labelset" in world.manager.groups()[0].rules[0].last_error
    await world.manager.stop()


async def test_more_series_than_the_limit_fail_the_rule() -> None:
    world = World()
    world.answers["source"] = [Sample({"i": str(i)}, 1.0) for i in range(3)]
    await started(world, [group(RECORD, limit=2)])
    await world.clock.advance(10)
    assert world.manager.groups()[0].rules[0].last_error == "exceeded limit of 2 with 3 series"
    assert world.storage.data == {}
    await world.manager.stop()


async def test_alerts_go_from_pending_to_firing_to_resolved() -> None:
    world = World()
    await started(world, [group(ALERT)])
    await world.clock.advance(10)
    (rule,) = world.manager.groups()[0].rules
    assert (rule.state, len(world.sent)) == ("pending", 0)
    await world.clock.advance(20)
    (rule,) = world.manager.groups()[0].rules
    assert rule.state == "firing"
    (alert,) = world.sent
    assert alert.labels == Labels({"alertname": "A", "i": "a"})
    assert alert.ends_at - alert.starts_at == 240
    assert alert.generator_url == "http://p/graph?g0.expr=source&g0.tab=1"
    world.answers["source"] = []
    await world.clock.advance(10)
    assert world.sent[-1].ends_at <= world.clock.now()
    assert is_stale(world.storage.of(name="ALERTS", alertname="A", alertstate="firing", i="a")[-1][1])
    assert is_stale(world.storage.of(name="ALERTS_FOR_STATE", alertname="A", i="a")[-1][1])
    await world.manager.stop()


async def test_a_restart_takes_up_the_waiting_of_alerts() -> None:
    world = World()
    rule = RuleSpec("A", "source", True, for_ms=3_600_000)
    await started(world, [group(rule)])
    await world.clock.advance(1800)
    await world.manager.stop()
    before = world.storage.of(name="ALERTS_FOR_STATE", alertname="A", i="a")
    world.clock.jump(300)
    world.manager = world.another(fresh=1)
    await started(world, [group(rule)])
    await world.clock.advance(25)
    (view,) = world.manager.groups()[0].rules
    began = view.alerts[0].active_at
    assert began is not None
    assert began == pytest.approx(before[-1][1] + 300, abs=25)
    after = world.storage.of(name="ALERTS_FOR_STATE", alertname="A", i="a")
    assert all(abs(v - before[-1][1]) < 1 or v >= before[-1][1] + 290 for _, v in after if not is_stale(v))
    await world.manager.stop()


async def test_reload_keeps_unchanged_groups_and_the_state_of_rules_in_changed_ones() -> None:
    world = World()
    await started(world, [group(ALERT), group(RECORD, name="same")])
    await world.clock.advance(15)
    began = world.manager.groups()[0].rules[0].alerts[0].active_at
    untouched = world.manager._groups["f.yml;same"]
    await world.manager.update([group(ALERT, RECORD), group(RECORD, name="same")], EXTERNAL)
    assert world.manager._groups["f.yml;same"] is untouched
    assert world.manager.groups()[0].rules[0].alerts[0].active_at == began
    await world.clock.advance(15)
    assert world.manager.groups()[0].rules[0].state == "firing"
    await world.manager.stop()


async def test_series_of_a_removed_rule_end_at_the_next_evaluation() -> None:
    world = World()
    gone = RuleSpec("gone", "source", False)
    await started(world, [group(RECORD, gone)])
    await world.clock.advance(10)
    await world.manager.update([group(RECORD)], EXTERNAL)
    await world.clock.advance(10)
    assert is_stale(world.storage.of(name="gone", i="a")[-1][1])
    assert not is_stale(world.storage.of(name="r", i="a")[-1][1])
    await world.manager.stop()


async def test_series_of_a_removed_group_end_unless_another_group_writes_them() -> None:
    world = World()
    gone = RuleSpec("gone", "source", False)
    await started(world, [group(RECORD, gone, name="old")])
    await world.clock.advance(10)
    await world.manager.update([group(RECORD, name="new")], EXTERNAL)
    assert world.metric("prometheus_rule_group_rules") == {'{rule_group="f.yml;new"}': 1.0}
    await world.clock.advance(25)
    assert is_stale(world.storage.of(name="gone", i="a")[-1][1])
    assert not any(is_stale(v) for _, v in world.storage.of(name="r", i="a"))
    await world.manager.stop()


async def test_a_failing_storage_is_the_rules_error_and_the_next_evaluation_goes_on() -> None:
    world = World()
    world.storage.fail = True
    await started(world, [group(RECORD)])
    await world.clock.advance(10)
    assert world.manager.groups()[0].rules[0].last_error == "log cannot be written"
    await world.clock.advance(10)
    assert world.manager.groups()[0].rules[0].health == "ok"
    await world.manager.stop()


async def test_evaluation_runs_in_threads_and_stop_waits_for_it() -> None:

    release, entered, threads = threading.Event(), threading.Event(), set[str]()
    done: list[int] = []

    def evaluate(expr: str, time_ms: int) -> list[Sample]:
        threads.add(threading.current_thread().name)
        entered.set()
        release.wait(10)
        done.append(time_ms)
        return []

    clock, storage = FakeClock(), MemoryStorage()
    manager = Manager(
        evaluate=evaluate, storage=storage, queryable=storage, send=lambda _a: None, clock=clock, registry=Registry()
    )
    await manager.update([group(RECORD, RuleSpec("second", "source", False))], EXTERNAL)
    await manager.start()
    await clock.advance(10)
    await asyncio.to_thread(entered.wait, 10)
    stopping = asyncio.create_task(manager.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    release.set()
    await stopping
    assert len(done) == 1
    assert all(name.startswith("rules") for name in threads)
