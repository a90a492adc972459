"""Pieces for tests of scraping."""

from __future__ import annotations

from typing import Any

from narthex.config.scrape import GlobalConfig, ScrapeConfig, complete
from narthex.errors import ScrapeError
from narthex.exposition import Format
from narthex.instrument import Registry
from narthex.scrape.body_reading import NO_FEATURES, ScrapeFeatures
from narthex.scrape.fetch import Body
from narthex.scrape.loop import ALIGN_SECONDS, ScrapeLoop, Surroundings
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.target import Target
from narthex.scrape.target_labels import discovered_labels, scrape_target
from narthex.storage.contract import Appendable
from support.clock import FakeClock
from support.memory_storage import MemoryStorage


def job(**settings: Any) -> ScrapeConfig:
    """A complete job, scraped every 10 s unless told otherwise."""
    defaults = {"job_name": "test", "scrape_interval": 10_000, "scrape_timeout": 5_000}
    return complete(ScrapeConfig(**(defaults | settings)), GlobalConfig())


class Answers:
    """A target that gives prepared bodies (or errors), the last one again and again. Each takes `seconds`."""

    def __init__(self, clock: FakeClock, *answers: bytes | ScrapeError, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.clock, self.seconds, self.asked = clock, seconds, 0
        self.times: list[float] = []
        self.format = Format.TEXT

    async def fetch(self) -> Body:
        self.asked += 1
        self.times.append(self.clock.now())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if self.seconds:
            await self.clock.sleep(self.seconds)
        if isinstance(answer, ScrapeError):
            raise answer
        return Body(answer, self.format, lambda: None)

    def close(self) -> None:
        """There is no connection."""


class Bench:
    """One loop over prepared answers and an in-memory storage."""

    def __init__(
        self,
        *answers: bytes | ScrapeError,
        seconds: float = 0.0,
        appendable: Appendable | None = None,
        features: ScrapeFeatures = NO_FEATURES,
        align_seconds: float = ALIGN_SECONDS,
        **settings: Any,
    ) -> None:
        self.clock, self.storage = FakeClock(), MemoryStorage()
        self.metrics = ScrapeMetrics(Registry())
        self.around = Surroundings(appendable or self.storage, self.clock, self.metrics, 0, align_seconds, features)
        self.config = job(**settings)
        spec = scrape_target(discovered_labels({"__address__": "host:1"}, {}, self.config), self.config)
        assert spec is not None
        self.target = Target("test", discovered_labels({"__address__": "host:1"}, {}, self.config), spec)
        self.answers = Answers(self.clock, *answers, seconds=seconds)
        self.loop = ScrapeLoop(self.target, self.config, self.answers, self.around)

    async def scrape(self, count: int = 1) -> None:
        """Scrapes at once, ten seconds apart."""
        for _ in range(count):
            await self.loop.scrape(self.clock.now())
            await self.clock.advance(10)

    def values(self, name: str, **labels: str) -> list[float]:
        return [value for _, value in self.samples(name, **labels)]

    def samples(self, name: str, **labels: str) -> list[tuple[int, float]]:
        return self.storage.of(name=name, job="test", instance="host:1", **labels)
