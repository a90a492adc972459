"""A Kubernetes provider at work in a test, on a clock that moves while the test waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Self

from narthex.config.scalars import Url
from narthex.config.sd.cluster import KubernetesSDConfig
from narthex.discovery.kubernetes.provider import KubernetesProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.instrument.registry import Registry
from narthex.model.target_group import TargetGroup
from support.clock import FakeClock

STEP_SECONDS = 0.2


def section(role: str, url: str = "", **more: Any) -> KubernetesSDConfig:
    return KubernetesSDConfig(role=role, **({"api_server": Url(url)} if url else {}), **more)


class Discovery:
    """Use it as `async with`: `groups` are the published ones that have targets."""

    def __init__(self, config: KubernetesSDConfig, **options: Any) -> None:
        self.clock = FakeClock()
        self.metrics = DiscoveryMetrics(Registry()).kubernetes
        self.provider = KubernetesProvider(config, self.metrics, self.clock, rng=random.Random(1), **options)
        self.groups: dict[str, TargetGroup] = {}
        self.published: list[list[str]] = []  # sources of each batch
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.provider.run(self._take))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    def _take(self, groups: Sequence[TargetGroup]) -> None:
        self.published.append([group.source for group in groups])
        for group in groups:
            if group.targets:
                self.groups[group.source] = group
            else:
                self.groups.pop(group.source, None)

    @property
    def addresses(self) -> list[str]:
        return sorted(target.get("__address__", "") for group in self.groups.values() for target in group.targets)

    async def until(self, check: Callable[[], object]) -> float:
        """Lets time pass until `check` holds; gives how many seconds did."""
        start = self.clock.monotonic()
        try:
            async with asyncio.timeout(20):
                while not check():
                    await self.clock.advance(STEP_SECONDS)
                    await asyncio.sleep(0.001)  # for the sockets, which know no clock
        except TimeoutError:
            raise AssertionError(f"still not so, with {self.addresses}") from None
        return self.clock.monotonic() - start

    async def until_addresses(self, *addresses: str) -> float:
        return await self.until(lambda: self.addresses == sorted(addresses))

    def events(self, role: str, event: str) -> float:
        return self.metrics.events.labels(role, event).read()
