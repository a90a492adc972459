"""Discovery of data planes of a Kuma mesh: xDS over HTTP, as long polls of Kuma's monitoring assignments."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import orjson
from pydantic import AliasChoices, Field

from narthex.clock import Clock
from narthex.config.sd.cluster import KumaSDConfig
from narthex.discovery.http_api import HttpApi, failure_words, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.discovery.provider import Publish
from narthex.errors import HTTPClientError
from narthex.model.duration import format_duration
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

SOURCE = "kuma"
TYPE = "type.googleapis.com/kuma.observability.v1.MonitoringAssignment"
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
EXTRA_SECONDS = 15.0  # over the wait that the server is asked for
OK, NOT_MODIFIED = 200, 304


class Target(Payload):
    name: str = ""
    address: str = ""
    scheme: str = ""
    metrics_path: str = Field("", validation_alias=AliasChoices("metrics_path", "metricsPath"))
    labels: dict[str, str] = Field(default_factory=dict)


class Assignment(Payload):
    type: str = Field("", alias="@type")
    mesh: str = ""
    service: str = ""
    targets: list[Target] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)


class State(Payload):
    version: str = Field("", validation_alias=AliasChoices("version_info", "versionInfo"))
    nonce: str = ""
    resources: list[Assignment] = Field(default_factory=list)


class KumaProvider:
    """At most one fetch an interval. A fetch that fails is counted and logged, and what is known stays."""

    def __init__(self, config: KumaSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        self._config, self._name, self._metrics, self._clock = config, config_name, metrics, clock
        wait = format_duration(config.fetch_timeout)
        base = config.server.text.rstrip("/")
        self._url = f"{base}/v3/discovery:monitoringassignments?fetch-timeout={wait}"
        self._api = HttpApi(config.http_client, clock, config.fetch_timeout / 1000 + EXTRA_SECONDS)
        self._client = str(config.client_id) or socket.getfqdn()
        self._version = self._nonce = ""

    async def run(self, publish: Publish) -> None:
        try:
            while True:
                start = self._clock.monotonic()
                await self._once(publish)
                await self._clock.sleep(max(0.0, start + self._config.refresh_seconds - self._clock.monotonic()))
        finally:
            await self._api.close()

    async def _once(self, publish: Publish) -> None:
        start = self._clock.monotonic()
        try:
            state = await self._fetch()
        except Exception as e:
            self._metrics.kuma_fetch_failures.inc()
            words = failure_words(e)
            log.error(
                "discovery kuma of %s: unable to fetch: %s",
                self._name,
                words or f"{type(e).__name__}: {e}",
                exc_info=e if words is None else None,
            )
            return
        finally:
            self._metrics.kuma_fetch_seconds.observe(self._clock.monotonic() - start)
        if state is None:
            self._metrics.kuma_fetch_skipped.inc()
            return
        targets = tuple(labels for assignment in state.resources for labels in assignment_targets(assignment))
        self._version, self._nonce = state.version, state.nonce
        publish([TargetGroup(SOURCE, targets)])

    async def _fetch(self) -> State | None:
        """The state of the mesh; None when it is the one that is known."""
        request = {
            "version_info": self._version,
            "response_nonce": self._nonce,
            "type_url": TYPE,
            "node": {"id": self._client},
        }
        body = orjson.dumps({key: value for key, value in request.items() if value})
        answer = await self._api.answer(self._url, method="POST", headers=HEADERS, body=body, accept=(OK, NOT_MODIFIED))
        if answer.status == NOT_MODIFIED:
            return None
        state = decode(State, answer.body)
        for resource in state.resources:
            if resource.type != TYPE:
                raise HTTPClientError(f'the answer cannot be used: it has a resource of type "{resource.type[:100]}"')
        return state


def assignment_targets(assignment: Assignment) -> Iterator[dict[str, str]]:
    """Labels of the assignment win over those of its targets."""
    common = {
        **_user_labels(assignment.labels),
        "__meta_kuma_mesh": assignment.mesh,
        "__meta_kuma_service": assignment.service,
    }
    for target in assignment.targets:
        yield {
            **_user_labels(target.labels),
            **common,
            "__meta_kuma_dataplane": target.name,
            "__address__": target.address,
            "__scheme__": target.scheme,
            "__metrics_path__": target.metrics_path,
            "instance": target.name,
        }


def _user_labels(labels: dict[str, str]) -> dict[str, str]:
    return {f"__meta_kuma_label_{label_name(name)}": value for name, value in labels.items()}
