"""Which Alertmanagers there are, and what each alert looks like to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from narthex.clock import Clock
from narthex.config.alerting import AlertingConfig, AlertmanagerConfig
from narthex.config.discovery import DiscoveryConfigs
from narthex.config.relabel import rules
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.model.relabel import RelabelRule, process
from narthex.model.target_group import TargetGroup
from narthex.net import HTTPClient
from narthex.net.aws_signer import SigV4Signer
from narthex.notifier.alert import Alert
from narthex.notifier.endpoint import Endpoint, Queued
from narthex.notifier.metrics import NotifierMetrics
from narthex.notifier.targets import Found, alertmanager_urls
from narthex.tasks import Tasks

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NotifierOptions:
    """--alertmanager.notification-queue-capacity, .notification-batch-size, .drain-notification-queue-on-shutdown."""

    queue_capacity: int = 10_000
    batch_size: int = 256
    drain: bool = True


@dataclass
class _Set:
    """One element of `alerting.alertmanagers` and the Alertmanagers that discovery found for it."""

    config: AlertmanagerConfig
    relabel: tuple[RelabelRule, ...]
    client: HTTPClient
    found: Found = field(default_factory=Found)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    senders: set[asyncio.Task[None]] = field(default_factory=set)

    async def ended(self) -> None:
        """Waits for the senders, then lets go of the connections."""
        if self.senders:
            await asyncio.wait(self.senders)
        await self.client.close()


class Notifier:
    """Lives on one event loop. `send` never waits: each Alertmanager has a queue and a sending task of its own.

    `apply` takes the configuration, `targets` what discovery found for each of its sets; discovery's names for the
    sets come from `discovery_sets`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        registry: Registry,
        options: NotifierOptions | None = None,
        make_client: Callable[[AlertmanagerConfig], HTTPClient] | None = None,
    ) -> None:
        self._clock, self._options = clock, options or NotifierOptions()
        self._make_client = make_client or self._client
        self._metrics = NotifierMetrics(registry, self._options.queue_capacity, lambda: float(len(self.active())))
        self._tasks = Tasks("notifier")
        self._external: Mapping[str, str] = {}
        self._relabel: tuple[RelabelRule, ...] = ()
        self._sets: dict[str, _Set] = {}

    def _client(self, config: AlertmanagerConfig) -> HTTPClient:
        signer = None if config.sigv4 is None else SigV4Signer(config.sigv4, self._clock)
        return HTTPClient(config.http_client, clock=self._clock, signer=signer)

    @staticmethod
    def discovery_sets(alerting: AlertingConfig) -> dict[str, DiscoveryConfigs]:
        """The sets that discovery is to run for the section, by the names under which `targets` wants the groups."""
        return {_name(i): config.discovery for i, config in enumerate(alerting.alertmanagers)}

    async def apply(self, alerting: AlertingConfig, external_labels: Mapping[str, str]) -> None:
        """Takes a new configuration. Sets that are unchanged keep their queues and connections."""
        self._external, self._relabel = dict(external_labels), rules(alerting.alert_relabel_configs)
        old, self._sets = self._sets, {}
        spare = list(old.values())
        for i, config in enumerate(alerting.alertmanagers):
            kept = next((s for s in spare if s.config == config), None)
            if kept is None:
                kept = _Set(config, rules(config.alert_relabel_configs), self._make_client(config))
            else:
                spare.remove(kept)
            self._sets[_name(i)] = kept
        for gone in spare:
            self._update(gone, Found())
            self._tasks.start("close", gone.ended())

    def targets(self, groups: Mapping[str, Sequence[TargetGroup]]) -> None:
        """The complete target groups of each set, as discovery gives them. Sets that are not named keep theirs."""
        for name, found in groups.items():
            known = self._sets.get(name)
            if known is not None:
                self._update(known, alertmanager_urls(known.config, found))

    def _update(self, known: _Set, found: Found) -> None:
        for problem in found.problems:
            if problem not in known.found.problems:
                log.error("alertmanagers: %s", problem)
        known.found = found
        for url in [url for url in known.endpoints if url not in found.active]:
            known.endpoints.pop(url).stop(drain=False)
        for url in found.active:
            if url in known.endpoints:
                continue
            endpoint = Endpoint(
                url,
                known.config,
                known.client,
                self._metrics,
                self._clock,
                capacity=self._options.queue_capacity,
                batch=self._options.batch_size,
            )
            known.endpoints[url] = endpoint
            sender = self._tasks.start(url, endpoint.run())
            known.senders.add(sender)
            sender.add_done_callback(partial(self._sender_ended, known, url))

    def _sender_ended(self, known: _Set, url: str, sender: asyncio.Task[None]) -> None:
        known.senders.discard(sender)
        if url not in self.active():
            self._metrics.remove(url)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Queues alerts for every Alertmanager, with external labels and after relabelling."""
        prepared: list[Queued] = []
        for alert in alerts:
            labels = process(Labels({**self._external, **alert.labels}), self._relabel)
            if labels:
                prepared.append((alert, labels))
        for known in self._sets.values():
            own = [(alert, labels) for alert, old in prepared if (labels := process(old, known.relabel))]
            if own:
                for endpoint in known.endpoints.values():
                    endpoint.put(own)

    async def stop(self) -> None:
        """Sends what waits (unless told not to), each Alertmanager within its timeout a batch, and ends."""
        for known in self._sets.values():
            for endpoint in known.endpoints.values():
                endpoint.stop(drain=self._options.drain)
        await asyncio.gather(*(known.ended() for known in self._sets.values()))
        await self._tasks.stop()

    def active(self) -> list[str]:
        """URLs that alerts are posted to."""
        return [url for known in self._sets.values() for url in known.endpoints]

    def dropped(self) -> list[str]:
        """URLs that relabelling dropped."""
        return [url for known in self._sets.values() for url in known.found.dropped]


def _name(index: int) -> str:
    """Prometheus' name of a set of Alertmanagers, seen in discovery's metrics."""
    return f"config-{index}"
