"""The running Alertmanager without its sockets: the alert store, and what the current configuration makes of it."""

from __future__ import annotations

import logging
from pathlib import Path

from narthex.alertmanager.alert import Alert
from narthex.alertmanager.api import Api, State
from narthex.alertmanager.config import AlertmanagerConfig, load_config
from narthex.alertmanager.dispatch import Dispatcher
from narthex.alertmanager.inhibit import Inhibitor
from narthex.alertmanager.metrics import AlertMetrics, ConfigMetrics, NotifyMetrics
from narthex.alertmanager.nflog import NotificationLog
from narthex.alertmanager.pipeline import Pipeline
from narthex.alertmanager.receivers.build import Receivers
from narthex.alertmanager.store import AlertStore
from narthex.clock import Clock
from narthex.config.printing import config_to_yaml
from narthex.errors import ConfigError, InternalError
from narthex.instrument import Registry
from narthex.tasks import Tasks

log = logging.getLogger(__name__)


class Alertmanager:
    """`load` reads the configuration (again); what was known about alerts and past notifications stays.

    Times are seconds: `retention` of the notification log, `gc_interval` of resolved alerts.
    """

    def __init__(
        self,
        config_file: Path,
        external_url: str,
        retention: float,
        gc_interval: float,
        clock: Clock,
        registry: Registry,
    ) -> None:
        self._config_file = config_file
        self._external_url = external_url
        self._gc_interval = gc_interval
        self._clock = clock
        self._nflog = NotificationLog(retention)
        self._alert_metrics = AlertMetrics(registry)
        self._notify_metrics = NotifyMetrics(registry)
        self._config_metrics = ConfigMetrics(registry)
        self.store = AlertStore(clock)
        self.store.subscribe(self._on_alert)
        self.api = Api(self.store, self._current, clock, self._alert_metrics)
        self._state: State | None = None
        self._inhibitor: Inhibitor | None = None
        self._receivers: Receivers | None = None
        self._tasks = Tasks("alertmanager")
        registry.on_collect(self._count)

    async def start(self) -> None:
        """Raises ConfigError when the configuration cannot be used."""
        await self.load()
        self._tasks.start("collect", self._collect())

    async def load(self) -> None:
        """Raises ConfigError and leaves everything as it was when the file cannot be used."""
        try:
            config = load_config(self._config_file)
        except ConfigError:
            self._config_metrics.successful.set(0)
            raise
        await self._apply(config)
        self._config_metrics.successful.set(1)
        self._config_metrics.success_time.set(self._clock.now())
        log.info("Completed loading of configuration file", extra={"file": str(self._config_file)})

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._clear()

    async def _apply(self, config: AlertmanagerConfig) -> None:
        await self._clear()
        inhibitor = Inhibitor([rule.rule() for rule in config.inhibit_rules], self.store, self._clock)
        receivers = Receivers(config)
        pipeline = Pipeline(
            receivers.by_name,
            [lambda alert: inhibitor.inhibited_by(alert.labels) is not None],
            self._nflog,
            self._clock,
            self._notify_metrics,
            self._external_url,
        )
        dispatcher = Dispatcher(config.root(), pipeline.notify, self._clock)
        self._inhibitor, self._receivers = inhibitor, receivers
        self._state = State(
            dispatcher,
            [receiver.name for receiver in config.receivers],
            config_to_yaml(config),
            config.global_.resolve_timeout / 1000,
            inhibitor.inhibited_by,
        )
        for alert in self.store.all():
            dispatcher.put(alert)

    async def _clear(self) -> None:
        if self._state is not None:
            await self._state.dispatcher.stop()
        if self._receivers is not None:
            await self._receivers.close()

    def _on_alert(self, alert: Alert) -> None:
        if self._inhibitor is not None:
            self._inhibitor.put(alert)
        self._current().dispatcher.put(alert)

    def _current(self) -> State:
        if self._state is None:
            raise InternalError("the Alertmanager has not loaded its configuration")
        return self._state

    async def _collect(self) -> None:
        while True:
            await self._clock.sleep(self._gc_interval)
            self.store.collect()
            self._nflog.collect(self._clock.now())

    def _count(self) -> None:
        suppressed = active = 0
        for alert in self.store.active():
            if self._inhibitor is not None and self._inhibitor.inhibited_by(alert.labels):
                suppressed += 1
            else:
                active += 1
        self._alert_metrics.alerts.labels("active").set(active)
        self._alert_metrics.alerts.labels("suppressed").set(suppressed)
        self._alert_metrics.groups.set(len(self._current().dispatcher.groups()) if self._state else 0)
