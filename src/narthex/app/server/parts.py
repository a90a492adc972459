"""The parts of a server and how they hang together: storage, queries, scraping, rules, notifications."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from narthex.app.flags import Flags
from narthex.app.server.forwarding import Forwarding
from narthex.app.server.load import Loaded, parser_options
from narthex.app.server.otlp import otlp_receiver
from narthex.app.server.queries import Language, Queries
from narthex.app.server.reload import Step
from narthex.app.server.scraping import Scraping
from narthex.app.server.settings import ServerSettings, retention_text
from narthex.app.server.state import State
from narthex.app.server.storage import Admin, Status, open_db, wanted_exemplars, wanted_retention, wants_xor2
from narthex.clock import Clock, milliseconds
from narthex.config.printing import config_to_yaml
from narthex.discovery.manager import DiscoveryManager
from narthex.instrument import Registry
from narthex.notifier.manager import Notifier, NotifierOptions
from narthex.promql.active_queries import FILE, ActiveQueries
from narthex.promql.options import EngineOptions
from narthex.remote.read_fanout import ReadFanout
from narthex.remote.read_server import ReadLimits, ReadServer
from narthex.remote.receive import WriteReceiver
from narthex.rules.alerting import External
from narthex.rules.manager import Manager as RuleManager
from narthex.rules.manager import ManagerOptions
from narthex.tracing import Tracing
from narthex.web.context import Context

log = logging.getLogger(__name__)


class Parts:
    """Order: `open`, then `steps` are applied, `start`, reloads, `stop`. `stop` may follow any of them."""

    def __init__(
        self, flags: Flags, settings: ServerSettings, registry: Registry, clock: Clock, state: State, context: Context
    ) -> None:
        self._flags, self._settings, self._registry, self._clock = flags, settings, registry, clock
        self._state, self._context = state, context
        self._opened = False
        self.tracing = Tracing()
        self._stopping = threading.Event()

    async def open(self, loaded: Loaded) -> None:
        """Opens storage (which may take as long as the log is large) and makes the parts on top of it."""
        flags, registry, clock, context = self._flags, self._registry, self._clock, self._context
        self.db = db = await open_db(flags, self._settings, loaded.config, registry, clock, self._state)
        self.reading = reading = ReadFanout(db, registry, clock, self._local_start)
        self.queries = Queries(self._engine_options(), reading, registry, self._active_queries(), self.tracing)
        context.engine, context.language = self.queries, Language(parser_options(flags))
        self._state.activity = lambda: db.block_set.activity
        context.storage, context.storage_status, context.storage_admin = reading, Status(db), Admin(db, clock)
        context.local_storage = context.exemplars = db
        context.otlp = otlp_receiver(flags, self._settings, db, registry, clock)
        context.read_server = ReadServer(reading, lambda: self._state.external_labels, self._read_limits(), registry)
        if flags.on("web.enable-remote-write-receiver"):
            type_and_unit = "type-and-unit-labels" in self._settings.features
            context.write_receiver = WriteReceiver(db, clock, registry, type_and_unit=type_and_unit)
        self.scraping = Scraping(flags, self._settings, db, registry, clock, self.tracing)
        self.forwarding = Forwarding(
            Path(flags.text("storage.tsdb.path")), flags, registry, clock, self._appended, self.scraping.targets
        )
        db.head.written = self.forwarding.storage.written
        self.notifier = Notifier(clock=clock, registry=registry, options=self._notifier_options())
        self.notify_discovery = DiscoveryManager(
            "notify", self.notifier.targets, metrics=self.scraping.metrics, clock=clock
        )
        self.rules = RuleManager(
            evaluate=self.queries.evaluate,
            storage=db,
            queryable=db,
            send=self.notifier.send,
            clock=clock,
            registry=registry,
            options=self._rule_options(),
            tracing=self.tracing,
        )
        context.targets, context.rules, context.alertmanagers = self.scraping.targets, self.rules, self.notifier
        self._opened = True

    def steps(self) -> Sequence[Step[Loaded]]:
        """How a configuration is applied, in Prometheus' order."""
        return (
            ("db_storage", self._apply_storage),
            ("remote_storage", self._apply_remote),
            ("web_handler", self._apply_web),
            ("query_engine", self._apply_queries),
            ("scrape", lambda loaded: self.scraping.apply_scrape(loaded)),
            ("scrape_sd", lambda loaded: self.scraping.apply_discovery(loaded)),
            ("notify", self._apply_notifier),
            ("notify_sd", self._apply_notify_discovery),
            ("rules", self._apply_rules),
            ("tracing", lambda loaded: self.tracing.apply(loaded.config.tracing)),
        )

    async def start(self) -> None:
        """After the first configuration was applied."""
        await self.rules.start()

    def maintain(self) -> None:
        """Cuts, compacts and deletes blocks where it is time, until `stop`. Blocks; raises StorageError."""
        self.db.maintain(self._stopping.is_set)

    async def stop(self) -> None:
        """Scrapes end first, so that nothing is written any more; storage closes last. Failures are logged."""
        self._stopping.set()
        if not self._opened:
            return
        for name, stop in (
            ("scrape discovery", self.scraping.discovery.stop),
            ("notify discovery", self.notify_discovery.stop),
            ("scrape", self.scraping.targets.stop),
            ("rules", self.rules.stop),
            ("notifier", self.notifier.stop),
            ("remote write", self.forwarding.stop),
            ("tracing", self.tracing.stop),
        ):
            try:
                await stop()
            except Exception:
                log.exception("A part did not stop cleanly", extra={"part": name})
        self.queries.close()
        await asyncio.to_thread(self.reading.stop)
        await asyncio.to_thread(self.db.close)

    def _appended(self) -> tuple[float, float, float]:
        counts = self.db.head.counts()
        exemplars = self.db.head.core.exemplar_counts().appended
        return counts.appended, counts.histograms_appended, exemplars

    def _local_start(self) -> int:
        """From when on local storage surely has everything: a margin behind its oldest block, or behind now."""
        blocks = self.db.block_set.blocks
        oldest = blocks[0].meta.min_time if blocks else milliseconds(self._clock.now())
        return oldest + 2 * self.db.options.min_block_duration

    async def _apply_remote(self, loaded: Loaded) -> None:
        self.reading.apply(loaded.config.remote_read, loaded.config.global_.external_labels)
        await self.forwarding.apply(loaded)

    async def _apply_storage(self, loaded: Loaded) -> None:
        retention = wanted_retention(self._settings, loaded.config)
        xor2 = wants_xor2(self._settings, loaded.config)
        self.db.head.set_xor2(xor2)
        self.db.block_set.set_float_encoding(xor2=xor2)
        self.db.head.core.set_max_exemplars(wanted_exemplars(self._settings, loaded.config))
        self.db.block_set.set_retention(retention)
        tsdb = loaded.config.storage.tsdb
        self.db.set_out_of_order_window(tsdb.out_of_order_time_window if tsdb is not None else 0)
        self.db.set_stale_series_threshold(tsdb.stale_series_compaction_threshold if tsdb is not None else 0.0)
        self._state.retention = retention_text(retention)

    async def _apply_web(self, loaded: Loaded) -> None:
        show_configuration(loaded, self._state, self._context)

    async def _apply_queries(self, loaded: Loaded) -> None:
        self.queries.set_log(loaded.config.global_.query_log_file)
        self.queries.set_subquery_step(loaded.config.global_.evaluation_interval)

    async def _apply_notifier(self, loaded: Loaded) -> None:
        await self.notifier.apply(loaded.config.alerting, loaded.config.global_.external_labels)

    async def _apply_notify_discovery(self, loaded: Loaded) -> None:
        await self.notify_discovery.apply(self.notifier.discovery_sets(loaded.config.alerting))

    async def _apply_rules(self, loaded: Loaded) -> None:
        external = External(dict(loaded.config.global_.external_labels), self._settings.external_url)
        await self.rules.update(loaded.groups, external)

    def _active_queries(self) -> ActiveQueries | None:
        """None where the file cannot be made: queries can run without it."""
        flags = self._flags
        try:
            path = Path(flags.text("storage.tsdb.path"))
            return ActiveQueries(path, max(1, flags.number("query.max-concurrency")), self._clock)
        except OSError as e:
            log.error("Running queries are not recorded", extra={"file": f"{path / FILE}", "err": str(e)})
            return None

    def _read_limits(self) -> ReadLimits:
        flags = self._flags
        return ReadLimits(
            samples=flags.number("storage.remote.read-sample-limit"),
            concurrency=flags.number("storage.remote.read-concurrent-limit"),
            frame_bytes=flags.number("storage.remote.read-max-bytes-in-frame"),
        )

    def _engine_options(self) -> EngineOptions:
        flags = self._flags
        return EngineOptions(
            lookback_ms=flags.milliseconds("query.lookback-delta"),
            max_samples=flags.number("query.max-samples"),
            timeout_s=flags.seconds("query.timeout"),
            max_concurrency=flags.number("query.max-concurrency"),
            delayed_name_removal="promql-delayed-name-removal" in self._settings.features,
            per_step_stats="promql-per-step-stats" in self._settings.features,
            use_start_timestamps="use-start-timestamps" in self._settings.features,
            type_and_unit_labels="type-and-unit-labels" in self._settings.features,
            threads=os.cpu_count() or 1,
            parser=parser_options(flags),
        )

    def _notifier_options(self) -> NotifierOptions:
        flags = self._flags
        return NotifierOptions(
            queue_capacity=flags.number("alertmanager.notification-queue-capacity"),
            batch_size=flags.number("alertmanager.notification-batch-size"),
            drain=flags.on("alertmanager.drain-notification-queue-on-shutdown"),
        )

    def _rule_options(self) -> ManagerOptions:
        flags = self._flags
        return ManagerOptions(
            outage_tolerance_ms=flags.milliseconds("rules.alert.for-outage-tolerance"),
            grace_period_ms=flags.milliseconds("rules.alert.for-grace-period"),
            resend_delay_ms=flags.milliseconds("rules.alert.resend-delay"),
        )


def show_configuration(loaded: Loaded, state: State, context: Context) -> None:
    """What the API shows of a configuration."""
    state.config_yaml = config_to_yaml(loaded.config)
    state.external_labels = dict(loaded.config.global_.external_labels)
    if context.otlp is not None:
        context.otlp.apply(loaded.config.otlp)
    context.pool_yaml = {job.job_name: config_to_yaml(job) for job in loaded.config.scrape_configs}
