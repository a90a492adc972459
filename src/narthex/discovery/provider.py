"""The contract of a discovery mechanism, and the common kind that asks again and again."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from narthex.clock import Clock
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[TargetGroup]], None]
"""Takes new versions of some groups. A group without targets removes the earlier one of that source."""


class Provider(Protocol):
    """One running discovery. `run` publishes groups until it is cancelled; it does not raise on failures of others."""

    async def run(self, publish: Publish) -> None: ...


class RefreshProvider(ABC):
    """Asks for all groups at a fixed interval. A failure is counted and logged, and the last answer stays."""

    def __init__(
        self, mechanism: str, config_name: str, interval_seconds: float, metrics: DiscoveryMetrics, clock: Clock
    ) -> None:
        self._interval, self._clock, self._mechanism, self._config_name = (
            interval_seconds,
            clock,
            mechanism,
            config_name,
        )
        self._failures = metrics.refresh_failures.labels(mechanism, config_name)
        self._seconds = metrics.refresh_seconds.labels(mechanism, config_name)
        self._histogram = metrics.refresh_histogram.labels(mechanism)
        self._known: set[str] = set()

    @abstractmethod
    async def refresh(self) -> Sequence[TargetGroup]:
        """All groups that exist now."""

    @abstractmethod
    def failure(self, error: Exception) -> str | None:
        """The words for a failure that is to be expected; None for one that is a bug of ours."""

    async def close(self) -> None:
        """Lets go of connections; called when `run` ends."""
        return

    async def run(self, publish: Publish) -> None:
        try:
            while True:
                await self._once(publish)
                await self._clock.sleep(self._interval)
        finally:
            await self.close()

    async def _once(self, publish: Publish) -> None:
        start = self._clock.monotonic()
        try:
            groups = await self.refresh()
        except Exception as e:
            self._failures.inc()
            words = self.failure(e)
            log.error(
                "discovery %s of %s: unable to refresh target groups: %s",
                self._mechanism,
                self._config_name,
                words or f"{type(e).__name__}: {e}",
                exc_info=e if words is None else None,
            )
            return
        finally:
            took = self._clock.monotonic() - start
            self._seconds.observe(took)
            self._histogram.observe(took)
        sources = {group.source for group in groups}
        publish([*groups, *(TargetGroup(source) for source in sorted(self._known - sources))])
        self._known = sources
