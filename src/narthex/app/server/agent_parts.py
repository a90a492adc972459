"""The parts of a server in agent mode: scraping into a log, nothing to query, no rules."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from narthex.app.flags import Flags
from narthex.app.server.forwarding import Forwarding
from narthex.app.server.load import Loaded
from narthex.app.server.otlp import otlp_receiver
from narthex.app.server.parts import show_configuration
from narthex.app.server.reload import Step
from narthex.app.server.scraping import Scraping
from narthex.app.server.settings import ServerSettings
from narthex.app.server.state import State
from narthex.app.server.storage import replay_progress, warn_of_network
from narthex.clock import Clock
from narthex.config.prometheus import Config
from narthex.instrument import Registry
from narthex.remote.receive import WriteReceiver
from narthex.tracing import Tracing
from narthex.tsdb.agent import AgentDB, AgentOptions
from narthex.web.context import Context

log = logging.getLogger(__name__)


class AgentParts:
    """As `parts.Parts`."""

    def __init__(
        self, flags: Flags, settings: ServerSettings, registry: Registry, clock: Clock, state: State, context: Context
    ) -> None:
        self._flags, self._settings, self._registry, self._clock = flags, settings, registry, clock
        self._state, self._context = state, context
        self._opened = False
        self.tracing = Tracing()

    async def open(self, loaded: Loaded) -> None:
        """Replays the log, which may take as long as it is large. Raises StorageError."""
        path = Path(self._flags.text("storage.agent.path"))
        warn_of_network(path)
        log.info("Starting WAL storage ...", extra={"path": str(path)})
        options = agent_options(self._flags, self._settings, loaded.config)
        progress = replay_progress(self._state)
        self.db = await asyncio.to_thread(AgentDB.open, path, options, self._registry, self._clock, progress)
        log.info("Agent WAL storage started")
        self._context.otlp = otlp_receiver(self._flags, self._settings, self.db, self._registry, self._clock)
        self.scraping = Scraping(self._flags, self._settings, self.db, self._registry, self._clock, self.tracing)
        self._context.targets = self.scraping.targets
        if self._flags.on("web.enable-remote-write-receiver"):
            type_and_unit = "type-and-unit-labels" in self._settings.features
            self._context.write_receiver = WriteReceiver(
                self.db, self._clock, self._registry, type_and_unit=type_and_unit
            )
        self.forwarding = Forwarding(
            path, self._flags, self._registry, self._clock, self._appended, self.scraping.targets
        )
        self.db.written, self.db.lowest_sent = self.forwarding.storage.written, self.forwarding.storage.lowest_sent
        self._opened = True

    def steps(self) -> Sequence[Step[Loaded]]:
        return (
            ("remote_storage", lambda loaded: self.forwarding.apply(loaded)),
            ("web_handler", self._apply_web),
            ("scrape", lambda loaded: self.scraping.apply_scrape(loaded)),
            ("scrape_sd", lambda loaded: self.scraping.apply_discovery(loaded)),
            ("tracing", lambda loaded: self.tracing.apply(loaded.config.tracing)),
        )

    async def start(self) -> None:
        """Nothing waits for the first configuration."""

    def maintain(self) -> None:
        """Shortens the log where it is time. Blocks; raises StorageError."""
        self.db.maintain()

    async def stop(self) -> None:
        if not self._opened:
            return
        for name, stop in (
            ("scrape discovery", self.scraping.discovery.stop),
            ("scrape", self.scraping.targets.stop),
            ("remote write", self.forwarding.stop),
            ("tracing", self.tracing.stop),
        ):
            try:
                await stop()
            except Exception:
                log.exception("A part did not stop cleanly", extra={"part": name})
        await asyncio.to_thread(self.db.close)

    def _appended(self) -> tuple[float, float, float]:
        metrics = self.db.metrics
        return metrics.floats.read(), metrics.histograms.read(), metrics.exemplars.value

    async def _apply_web(self, loaded: Loaded) -> None:
        show_configuration(loaded, self._state, self._context)


def agent_options(flags: Flags, settings: ServerSettings, config: Config) -> AgentOptions:
    """0 for a duration or size means Prometheus' default."""
    defaults = AgentOptions()
    tsdb = config.storage.tsdb
    compressed = flags.on("storage.agent.wal-compression")
    return AgentOptions(
        wal_segment_size=settings.agent_segment_size,
        wal_compression=flags.text("storage.agent.wal-compression-type") if compressed else "none",
        truncate_frequency=flags.milliseconds("storage.agent.wal-truncate-frequency") or defaults.truncate_frequency,
        min_wal_time=flags.milliseconds("storage.agent.retention.min-time") or defaults.min_wal_time,
        max_wal_time=flags.milliseconds("storage.agent.retention.max-time") or defaults.max_wal_time,
        out_of_order_window=tsdb.out_of_order_time_window if tsdb is not None else 0,
        store_starts="st-storage" in settings.features,
        start_zeros="created-timestamp-zero-ingestion" in settings.features,
        no_lockfile=flags.on("storage.agent.no-lockfile"),
    )
