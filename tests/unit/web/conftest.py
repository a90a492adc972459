"""A web application over fakes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp.test_utils import TestClient, TestServer

from narthex.errors import ConfigError, ConfigProblem, PromQLError, QueryCanceled
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.model.regex import compile_regex
from narthex.native import LabelSets, SeriesBatch, TextList
from narthex.rules.views import AlertView, GroupView, RuleView
from narthex.storage.contract import Exemplar
from narthex.web.application import make_application
from narthex.web.context import Context, WebSettings
from narthex.web.sources import (
    QueryAnswer,
    QueryOptions,
    ReplayProgress,
    StorageStatistics,
)
from narthex.web.workers import Workers
from support.clock import FakeClock

NOW = 1_700_000_000.25


@dataclass
class FakeQuery:
    answer: QueryAnswer | Exception
    forever: bool = False
    started: threading.Event = field(default_factory=threading.Event)
    canceled: threading.Event = field(default_factory=threading.Event)

    def quick(self) -> QueryAnswer | None:
        return None

    def run(self) -> QueryAnswer:
        self.started.set()
        if self.forever:
            if not self.canceled.wait(10):
                raise AssertionError("nobody canceled the query")
            raise QueryCanceled("query was canceled")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def cancel(self) -> None:
        self.canceled.set()


class FakeEngine:
    """Answers with `answer`; remembers what it was asked. The query "bad(" does not parse, "forever" never ends."""

    def __init__(self) -> None:
        self.answer: QueryAnswer | Exception = QueryAnswer("scalar", (b'[1,"1"]',))
        self.asked: list[tuple[Any, ...]] = []
        self.last: FakeQuery | None = None
        self.started = threading.Event()

    def instant(self, query: str, time: int, options: QueryOptions) -> FakeQuery:
        return self._prepare(query, (query, time, options))

    def range(self, query: str, start: int, end: int, step: int, options: QueryOptions) -> FakeQuery:
        return self._prepare(query, (query, start, end, step, options))

    def _prepare(self, query: str, asked: tuple[Any, ...]) -> FakeQuery:
        if query == "bad(":
            raise PromQLError("unclosed left parenthesis", query, 4, 5)
        self.asked.append(asked)
        self.last = FakeQuery(self.answer, forever=query == "forever", started=self.started)
        return self.last


class FakeLanguage:
    """Selectors are NAME or {} only."""

    def selector(self, text: str) -> Sequence[Matcher]:
        if text == "{}":
            return [Matcher(MatchType.REGEX, "x", ".*")]
        if "{" in text:
            raise PromQLError("unexpected end of input inside braces", text, len(text), len(text))
        return [Matcher(MatchType.EQUAL, "__name__", text)]

    def selectors(self, query: str) -> Sequence[Sequence[Matcher]]:
        return [self.selector(query)] if query != "1" else []

    def format(self, query: str) -> str:
        return " ".join(query.split())

    def tree(self, query: str) -> Any:
        return {"type": "numberLiteral", "val": query}


SERIES: list[dict[str, str]] = [
    {"__name__": "down", "job": "b"},
    {"__name__": "up", "instance": "i1", "job": "a"},
    {"__name__": "up", "instance": "i2", "job": "b", "zo.ne": 'q"'},
]


class FakeStorage:
    warnings: Sequence[str] = ()

    def querier(self, mint: int, maxt: int) -> FakeStorage:
        self.window = (mint, maxt)
        return self

    def _matching(self, matchers: Sequence[Matcher]) -> list[dict[str, str]]:
        return [s for s in SERIES if all(m.matches(s.get(m.name, "")) for m in matchers)]

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        import numpy as np

        batch = SeriesBatch()
        for labels in self._matching(matchers):
            times = np.array([int(NOW * 1000) - 1000], dtype=np.int64)
            batch.add_columns(list(labels.items()), times, np.array([1.5]))
        return batch

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        sets = LabelSets()
        for labels in self._matching(matchers):
            sets.add(list(labels.items()))
        return sets

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList([name for labels in self._matching(matchers) for name in labels], limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        return TextList([labels[name] for labels in self._matching(matchers) if name in labels], limit)

    def close(self) -> None:
        return None


class Metadata(NamedTuple):
    metric: str
    type: str
    help: str
    unit: str


@dataclass(frozen=True)
class Dropped:
    discovered_labels: Mapping[str, str]
    pool: str


@dataclass
class FakeTarget:
    labels: Mapping[str, str]
    pool: str
    url: str = "http://127.0.0.1:9100/metrics"
    health: str = "up"
    last_error: str = ""
    last_scrape: float | None = NOW - 3
    last_duration: float = 0.004
    interval: int = 15_000
    timeout: int = 10_000

    @property
    def discovered_labels(self) -> Mapping[str, str]:
        return {"__address__": "127.0.0.1:9100", "job": self.pool}

    def metadata(self) -> Iterable[Metadata]:
        yield Metadata("up_total", "counter", f"help of {self.pool}", "")
        yield Metadata("temp", "gauge", "Temperature.", "celsius")


class FakeTargets:
    def pools(self) -> list[str]:
        return ["b", "a"]

    def active(self) -> Iterable[FakeTarget]:
        yield FakeTarget({"instance": "i1", "job": "a"}, "a")
        yield FakeTarget({"instance": "i2", "job": "b"}, "b", health="unknown", last_scrape=None)

    def dropped(self) -> Iterable[Dropped]:
        yield Dropped({"__address__": "x:1", "job": "a"}, "a")

    def dropped_counts(self) -> Mapping[str, int]:
        return {"a": 1, "b": 0}


class FakeRules:
    def groups(self) -> list[GroupView]:
        alert = AlertView({"alertname": "Down", "job": "a"}, {"s": "x"}, "firing", NOW - 60, None, 0.25)
        alerting = RuleView("alerting", "Down", "up == 0", {"sev": "x"}, "ok", "", 0.1, NOW, "firing", 60.0, 0.0,
                            {"s": "{{ $value }}"}, [alert])  # fmt: skip
        recording = RuleView("recording", "job:up", "sum(up)", {}, "err", "boom", 0.2, None)
        one = GroupView("g1", "r1.yml", 15.0, 0, 0.3, NOW, [alerting, recording])
        return [one, GroupView("g2", "r2.yml", 30.0, 5, 0.0, None, [recording])]


class FakeAlertmanagers:
    def active(self) -> Sequence[str]:
        return ["http://am:9093/api/v2/alerts"]

    def dropped(self) -> Sequence[str]:
        return []


class FakeStorageStatus:
    """What was counted for a limit is known."""

    def __init__(self) -> None:
        self._known: dict[int, StorageStatistics] = {}

    def known_statistics(self, limit: int) -> StorageStatistics | None:
        return self._known.get(limit)

    def statistics(self, limit: int) -> StorageStatistics:
        names = [("up", 2), ("down", 1)][:limit]
        return self._known.setdefault(limit, self._counted(names))

    def _counted(self, names: list[tuple[str, int]]) -> StorageStatistics:
        return StorageStatistics(3, 7, 3, 1000, 2000, names, [("job", 2)], [("job", 9)], [("job=a", 1)])

    def blocks(self) -> Sequence[Mapping[str, Any]]:
        level = {"level": 1, "sources": ["01HF0000000000000000000000"]}
        return [
            {"ulid": "01HF0000000000000000000000", "minTime": 0, "maxTime": 7200000, "version": 1, "compaction": level}
        ]


class FakeExemplars:
    def __init__(self) -> None:
        self.asked: list[tuple[list[list[str]], int, int]] = []

    def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], mint: int, maxt: int
    ) -> list[tuple[Labels, list[Exemplar]]]:
        self.asked.append(([[str(m) for m in matchers] for matchers in matcher_sets], mint, maxt))
        found = [Exemplar(Labels({"trace": "a"}), 1500, 0.25), Exemplar(Labels({}), 2000, float("inf"))]
        return [(Labels({"__name__": "up", "job": "a"}), found)]


class FakeState:
    def __init__(self) -> None:
        self.ready, self.stopping, self.reloads, self.fail_reload = True, False, 0, False
        self.replay = ReplayProgress(0, 7, 3)
        self.config_yaml = "global: {}\n"
        self.external_labels: Mapping[str, str] = {"site": "s1"}
        self.flags: Mapping[str, str] = {"config.file": "prometheus.yml"}
        self.features: Mapping[str, Mapping[str, bool]] = {"api": {"admin": False}}

    def runtime_info(self) -> Mapping[str, Any]:
        now = "2026-01-01T00:00:00Z"
        return {
            "startTime": now, "CWD": "/", "hostname": "h", "serverTime": now, "reloadConfigSuccess": True,
            "lastConfigTime": now, "corruptionCount": 0, "goroutineCount": 1, "GOMAXPROCS": 2, "GOMEMLIMIT": 0,
            "GOGC": "", "GODEBUG": "", "storageRetention": "15d",
        }  # fmt: skip

    def build_info(self) -> Mapping[str, str]:
        names = ("version", "revision", "branch", "buildUser", "buildDate", "goVersion")
        return dict.fromkeys(names, "x")

    def notifications(self) -> Iterable[Mapping[str, Any]]:
        return [{"text": "Configuration reload has failed.", "date": "2026-01-01T00:00:00Z", "active": True}]

    def request_stop(self) -> None:
        self.stopping = True

    async def reload(self) -> None:
        self.reloads += 1
        if self.fail_reload:
            raise ConfigError([ConfigProblem("p.yml", 3, "global.x", "unknown key")])


@dataclass
class Web:
    """The client and the fakes behind it."""

    client: TestClient[Any, Any]
    context: Context
    engine: FakeEngine
    state: FakeState
    storage: FakeStorage
    registry: Registry

    async def json(self, path: str, **query: Any) -> Any:
        response = await self.client.get(f"/api/v1/{path}", params=query)
        return await response.json()


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings("http://pro.example:9090/", cors_origin=compile_regex(".*"), listen_port=9090)


@pytest.fixture
async def web(settings: WebSettings) -> AsyncIterator[Web]:
    registry, state, engine, storage = Registry(), FakeState(), FakeEngine(), FakeStorage()
    workers = Workers(2, 20)
    context = Context(settings, state, workers, registry, FakeClock(NOW), lambda text: None)
    context.engine, context.language = engine, FakeLanguage()
    context.storage = context.local_storage = storage
    context.targets, context.rules, context.alertmanagers = FakeTargets(), FakeRules(), FakeAlertmanagers()
    context.storage_status, context.exemplars = FakeStorageStatus(), FakeExemplars()
    context.exemplars = FakeExemplars()
    server = TestServer(make_application(context))
    await server.start_server()
    client: TestClient[Any, Any] = TestClient(server)
    yield Web(client, context, engine, state, storage, registry)
    await client.close()
    workers.stop()
