"""All scrape pools of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from narthex.clock import Clock
from narthex.config.scrape import GlobalConfig, ScrapeConfig
from narthex.errors import NarthexError
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.scrape.body_reading import NO_FEATURES, ScrapeFeatures
from narthex.scrape.loop import ALIGN_SECONDS, Surroundings
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.pool import Pool
from narthex.scrape.target import DroppedTarget, Target, offset_seed
from narthex.storage.contract import Appendable
from narthex.tasks import Tasks
from narthex.tracing import OFF, Tracing

log = logging.getLogger(__name__)


class Manager:
    """Gives each job of the configuration a pool and each pool its targets.

    `hostname` spreads the scrapes of servers that scrape the same targets. Nothing is scraped before the first
    `update`. Use it from one event loop.
    """

    def __init__(
        self,
        appendable: Appendable,
        clock: Clock,
        registry: Registry,
        *,
        hostname: str = "",
        align_seconds: float = ALIGN_SECONDS,
        features: ScrapeFeatures = NO_FEATURES,
        tracing: Tracing = OFF,
    ) -> None:
        self._appendable, self._clock = appendable, clock
        self._hostname, self._align = hostname, align_seconds
        self._features, self._tracing = features, tracing
        self._metrics = ScrapeMetrics(registry)
        registry.on_collect(self._collect)
        self._tasks = Tasks("scrape")
        self._pools: dict[str, Pool] = {}
        self._groups: dict[str, Sequence[TargetGroup]] = {}
        self._configs: dict[str, ScrapeConfig] = {}
        self._around = self._surroundings(GlobalConfig())
        self._changing = asyncio.Lock()

    async def apply_config(self, settings: GlobalConfig, jobs: Sequence[ScrapeConfig]) -> None:
        """Takes over a configuration. Jobs that did not change keep their pools and targets untouched; those that are
        gone end with stale markers. Raises the first NarthexError of a job after all others were served."""
        async with self._changing:
            around = self._surroundings(settings)
            reseeded = around.offset_seed != self._around.offset_seed
            self._around = around
            self._configs = {job.job_name: job for job in jobs}
            for name in [n for n in self._pools if n not in self._configs]:
                await self._pools.pop(name).stop(stale=True)
                self._groups.pop(name, None)
            problems: list[NarthexError] = []
            for name, pool in self._pools.items():
                if pool.config != self._configs[name] or reseeded:
                    await self._reload(pool, self._configs[name], problems)
                else:
                    pool.reopen_failure_log()
            for name, groups in self._groups.items():
                if name not in self._pools:
                    await self._sync(name, groups, problems)
            if problems:
                raise problems[0]

    async def update(self, groups: Mapping[str, Sequence[TargetGroup]]) -> None:
        """Takes over the target groups of jobs, each complete; jobs that are not named keep theirs."""
        async with self._changing:
            problems: list[NarthexError] = []
            for name, of_job in groups.items():
                self._groups[name] = of_job
                await self._sync(name, of_job, problems)
            for problem in problems:
                log.error("%s", problem)

    async def stop(self) -> None:
        """Ends all scraping. No stale markers: the server is expected to come back."""
        async with self._changing:
            for pool in self._pools.values():
                await pool.stop(stale=False)
            self._pools.clear()
            await self._tasks.stop()

    def pools(self) -> list[str]:
        """Names of all jobs, sorted."""
        return sorted(self._configs)

    def active(self) -> list[Target]:
        """Active targets of all pools, sorted by pool."""
        return [target for name in sorted(self._pools) for target in self._pools[name].targets]

    def dropped(self) -> list[DroppedTarget]:
        """Targets that relabelling dropped, at most keep_dropped_targets of each pool."""
        return [target for name in sorted(self._pools) for target in self._pools[name].dropped]

    def dropped_counts(self) -> dict[str, int]:
        """How many targets relabelling dropped, by pool."""
        return {name: self._pools[name].dropped_count for name in sorted(self._pools)}

    def _surroundings(self, settings: GlobalConfig) -> Surroundings:
        seed = offset_seed(self._hostname, settings.external_labels.items())
        return Surroundings(
            self._appendable, self._clock, self._metrics, seed, self._align, self._features, self._tracing
        )

    async def _sync(self, name: str, groups: Sequence[TargetGroup], problems: list[NarthexError]) -> None:
        pool = self._pools.get(name)
        if pool is None:
            config = self._configs.get(name)
            if config is None:
                return  # discovery is ahead of us or behind; apply_config looks at the groups again
            self._metrics.pools.inc()
            try:
                pool = Pool(config, self._around, self._tasks)
            except NarthexError as e:
                self._metrics.pools_failed.inc()
                problems.append(type(e)(f"job {name}: {e}"))
                return
            self._pools[name] = pool
        await pool.sync(groups)

    async def _reload(self, pool: Pool, config: ScrapeConfig, problems: list[NarthexError]) -> None:
        began = self._clock.monotonic()
        self._metrics.reloads.inc()
        try:
            pool.around = self._around
            await pool.reload(config)
        except NarthexError as e:
            self._metrics.reloads_failed.inc()
            problems.append(type(e)(f"job {config.job_name}: {e}"))
        interval = f"{config.scrape_interval / 1000:g}s"
        self._metrics.reload_length.labels(interval).observe(self._clock.monotonic() - began)

    def _collect(self) -> None:
        for name, pool in self._pools.items():
            sizes = [target.cache.metadata_size() for target in pool.targets]
            self._metrics.metadata_entries.labels(name).set(sum(families for families, _ in sizes))
            self._metrics.metadata_bytes.labels(name).set(sum(size for _, size in sizes))
