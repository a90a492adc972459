"""Discovery and scraping, which a server and an agent do alike."""

from __future__ import annotations

import socket

from narthex.app.flags import Flags
from narthex.app.server.load import Loaded
from narthex.app.server.settings import ServerSettings
from narthex.clock import Clock
from narthex.discovery.manager import DiscoveryManager
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.instrument import Registry
from narthex.scrape.body_reading import ScrapeFeatures
from narthex.scrape.manager import Manager as ScrapeManager
from narthex.storage.contract import Appendable
from narthex.tracing import Tracing


class Scraping:
    """`targets` are the scrape pools, `metrics` those of all discovery of this process."""

    def __init__(
        self,
        flags: Flags,
        settings: ServerSettings,
        storage: Appendable,
        registry: Registry,
        clock: Clock,
        tracing: Tracing,
    ) -> None:
        self.targets = ScrapeManager(
            storage,
            clock,
            registry,
            hostname=socket.getfqdn(),
            align_seconds=flags.seconds("scrape.timestamp-tolerance") if flags.on("scrape.adjust-timestamps") else 0.0,
            tracing=tracing,
            features=ScrapeFeatures(
                exemplars="exemplar-storage" in settings.features,
                start_zeros="created-timestamp-zero-ingestion" in settings.features,
                store_starts="st-storage" in settings.features,
                type_and_unit="type-and-unit-labels" in settings.features,
                metadata_records="metadata-wal-records" in settings.features,
            ),
        )
        self.metrics = DiscoveryMetrics(registry)
        interval = flags.seconds("scrape.discovery-reload-interval")
        self.discovery = DiscoveryManager(
            "scrape", self.targets.update, metrics=self.metrics, clock=clock, update_interval_seconds=interval
        )

    async def apply_scrape(self, loaded: Loaded) -> None:
        await self.targets.apply_config(loaded.config.global_, loaded.config.scrape_configs)

    async def apply_discovery(self, loaded: Loaded) -> None:
        sets = {job.job_name: job.discovery for job in loaded.config.scrape_configs}
        await self.discovery.apply(sets)
