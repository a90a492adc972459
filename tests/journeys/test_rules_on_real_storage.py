"""Rules over the real engine and database, on a clock that the test moves: the way from a fault to an alert."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from narthex.app.server.queries import Queries
from narthex.instrument import Registry
from narthex.llm.simulator import Instance, profile_of
from narthex.model.labels import Labels
from narthex.notifier import Alert
from narthex.promql.options import EngineOptions
from narthex.rules import GroupSpec, Manager, RuleSpec
from narthex.rules.alerting import External
from narthex.rules.loader import load_rule_file
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from reference.chunk_histogram import Histogram, Layout
from support.clock import FakeClock
from support.histograms import batch_of_histograms

STEP = 5


class Server:
    """Storage, engine and rules of one server process."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.clock = clock
        self.db = DB.open(folder, DBOptions(), Registry(), clock)
        self.queries = Queries(EngineOptions(threads=1), self.db, Registry())
        self.sent: list[Alert] = []
        self.rules = Manager(
            evaluate=self.queries.evaluate,
            storage=self.db,
            queryable=self.db,
            send=self.sent.extend,
            clock=clock,
            registry=Registry(),
            blocking=inline,
        )

    async def start(self, groups: list[GroupSpec]) -> None:
        await self.rules.update(groups, External({}, "http://n"))
        await self.rules.start()

    async def stop(self) -> None:
        await self.rules.stop()
        self.queries.close()
        self.db.close()

    def append(self, samples: dict[Labels, float]) -> None:
        appender = self.db.appender()
        refs = np.array([appender.series(labels) for labels in samples], dtype=np.uint64)
        times = np.full(len(refs), round(self.clock.now() * 1000), dtype=np.int64)
        assert not appender.append(refs, times, np.array(list(samples.values()))).any()
        appender.commit()

    def firing(self) -> set[str]:
        rules = [rule for group in self.rules.groups() for rule in group.rules]
        assert all(rule.health in ("ok", "unknown") for rule in rules), [rule.last_error for rule in rules]
        return {rule.name for rule in rules if rule.state == "firing"}


async def inline(call: Callable[[], Any]) -> Any:
    return call()


def scrape(instance: Instance) -> dict[Labels, float]:
    """The page's llm_* samples as a scrape would store them."""
    page = instance.expose().decode()
    text = "".join(line + "\n" for line in page.splitlines() if line.startswith(("llm_", "# TYPE llm_")))
    return {
        Labels({"__name__": sample.name, "instance": "i", **sample.labels}): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_an_error_storm_fires_its_alert_within_a_minute_and_resolves(tmp_path: Path) -> None:
    clock = FakeClock()
    server = Server(tmp_path, clock)
    text = (resources.files("narthex.llm") / "rules" / "llm-serving.rules.yml").read_text()
    await server.start(load_rule_file("llm.yml", text, interval_ms=STEP * 1000))
    instance = Instance("i", profile_of("llama-3-70b"), 4.0, 1)
    instance.faults.add("error-storm", 60.0, 60.0)
    fired: dict[int, set[str]] = {}
    for now in range(0, 241, STEP):
        instance.advance(float(now))
        server.append(scrape(instance))
        await clock.advance(STEP)
        fired[now] = server.firing()
    assert not any(fired[now] for now in range(0, 61, STEP))
    assert min(now for now, names in fired.items() if "LLMHighErrorRatio" in names) <= 110
    assert set().union(*fired.values()) == {"LLMHighErrorRatio"}
    assert not fired[240]
    first, last = server.sent[0], server.sent[-1]
    assert first.labels == Labels({"alertname": "LLMHighErrorRatio", "model": "llama-3-70b", "severity": "critical"})
    assert first.annotations["summary"].startswith("llama-3-70b: ")
    assert last.ends_at <= clock.now()
    await server.stop()


async def test_waiting_alerts_survive_a_restart_of_the_server(tmp_path: Path) -> None:
    clock = FakeClock()
    rule = RuleSpec("Waits", "x > 0", True, for_ms=3_600_000)
    group = GroupSpec("f.yml", "g", 30_000, (rule,))
    server = Server(tmp_path, clock)
    await server.start([group])

    async def live(minutes: int) -> None:
        for _ in range(minutes):
            server.append({Labels({"__name__": "x", "i": "a"}): 1.0})
            await clock.advance(60)

    await live(20)
    began = server.rules.groups()[0].rules[0].alerts[0].active_at
    await server.stop()
    clock.jump(600)
    server = Server(tmp_path, clock)
    await server.start([group])
    await live(5)
    again = server.rules.groups()[0].rules[0].alerts[0].active_at
    assert began is not None
    assert again is not None
    assert began + 600 <= again <= began + 700, "the ten minutes of absence do not count as waiting, the rest does"
    await server.stop()


async def test_rules_record_native_histograms(tmp_path: Path) -> None:
    clock = FakeClock()
    server = Server(tmp_path, clock)
    recorded = RuleSpec("twice", 'sum({__name__="h"}) * 2', False)
    await server.start([GroupSpec("f.yml", "g", 30_000, (recorded, RuleSpec("Filled", "h", True)))])
    layout = Layout(0, 0.5, ((-2, 1), (3, 2)), ((1, 1),))
    value = Histogram(layout, 10, 1, 4.0, {-2: 1, 2: 2, 3: 2}, {1: 4})
    for _ in range(3):
        appender = server.db.appender()
        refs = np.array([appender.series(Labels({"__name__": "h"}))], dtype=np.uint64)
        times = np.array([round(clock.now() * 1000)])
        assert not appender.append_histograms(refs, times, batch_of_histograms([value])).any()
        appender.commit()
        await clock.advance(60)
    (sample,) = server.queries.evaluate("twice", round(clock.now() * 1000))
    assert sample.histogram is not None
    plain = sample.histogram.plain()
    assert (plain["count"], plain["zero_count"], plain["sum"]) == (20.0, 2.0, 8.0)
    assert (plain["positive"], plain["negative"]) == ([(-2, 2.0), (2, 4.0), (3, 4.0)], [(1, 8.0)])
    assert server.firing() == {"Filled"}
    assert server.rules.groups()[0].rules[1].alerts[0].value == 0
    await server.stop()
