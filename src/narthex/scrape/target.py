"""A target as the pool keeps it and the API shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from narthex.model.labels import Labels
from narthex.native import ScrapeCache
from narthex.scrape.target_labels import ScrapeTarget


class Health(Enum):
    UNKNOWN = "unknown"  # not scraped yet
    UP = "up"
    DOWN = "down"


class FamilyMetadata(NamedTuple):
    """What a target says about one metric family. `type` is OpenMetrics' word, "unknown" when not said."""

    metric: str
    type: str
    help: str
    unit: str


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """A target that relabelling dropped."""

    discovered_labels: Labels
    pool: str


class Target:
    """One active target: what it is, how its last scrape went, and the cache of its last body.

    `last_scrape` is Unix seconds (None before the first scrape), `last_duration` seconds, `interval` and `timeout`
    milliseconds.
    """

    __slots__ = ("cache", "discovered_labels", "last_duration", "last_error", "last_scrape", "pool", "spec", "state")

    def __init__(self, pool: str, discovered_labels: Labels, spec: ScrapeTarget) -> None:
        self.pool, self.discovered_labels, self.spec = pool, discovered_labels, spec
        self.cache = ScrapeCache()
        self.state = Health.UNKNOWN
        self.last_error = ""
        self.last_scrape: float | None = None
        self.last_duration = 0.0

    @property
    def labels(self) -> Labels:
        """The labels that samples get."""
        return self.spec.public

    @property
    def url(self) -> str:
        return self.spec.url

    @property
    def health(self) -> str:
        """unknown, up or down."""
        return self.state.value

    @property
    def interval(self) -> int:
        return self.spec.interval

    @property
    def timeout(self) -> int:
        return self.spec.timeout

    def metadata(self) -> Iterable[FamilyMetadata]:
        return [FamilyMetadata(*family) for family in self.cache.metadata()]

    def report(self, error: str, at: float, duration: float) -> None:
        """The outcome of a scrape that began at `at`; an empty error is success."""
        self.state = Health.DOWN if error else Health.UP
        self.last_error, self.last_scrape, self.last_duration = error, at, duration

    def inherit(self, other: Target) -> None:
        """Takes over how the same target fared under an earlier configuration."""
        self.state, self.last_error = other.state, other.last_error
        self.last_scrape, self.last_duration = other.last_scrape, other.last_duration

    def offset(self, seed: int) -> float:
        """Seconds from a multiple of the interval at which this target is scraped: the same after every restart, and
        spread evenly over targets. `seed` tells apart servers that scrape the same targets."""
        text = repr((self.spec.labels.pairs(), self.spec.url)).encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") ^ seed
        return number % (self.spec.interval * 1_000_000) / 1e9


def offset_seed(hostname: str, external_labels: Iterable[tuple[str, str]]) -> int:
    """A seed for `Target.offset` that differs between the servers of a pair."""
    text = repr((hostname, sorted(external_labels))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
