"""Discovery from Consul's catalogue: the services are watched, and each service has a watch of its instances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import BasicAuth
from narthex.config.sd.cluster import ConsulSDConfig
from narthex.discovery.http_api import HttpApi, failure_words, host_port, label_name, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import PascalPayload, decode
from narthex.discovery.provider import Publish
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup
from narthex.tasks import Tasks

log = logging.getLogger(__name__)
T = TypeVar("T")

WAIT_SECONDS = 120
REQUEST_SECONDS = WAIT_SECONDS + 15.0  # Consul may add up to a sixteenth to the wait
RETRY_SECONDS = 15.0
PREFIX = "__meta_consul_"


class AgentConfig(PascalPayload):
    datacenter: str = ""


class Agent(PascalPayload):
    config: AgentConfig = AgentConfig()


class Check(PascalPayload):
    check_id: str = Field("", alias="CheckID")
    status: str = ""


class Node(PascalPayload):
    node: str = ""
    address: str = ""
    meta: dict[str, str] = Field(default_factory=dict)
    tagged_addresses: dict[str, str] = Field(default_factory=dict)


class Service(PascalPayload):
    id: str = Field("", alias="ID")
    address: str = ""
    port: int = 0
    namespace: str = ""
    partition: str = ""
    tags: list[str] = Field(default_factory=list)
    meta: dict[str, str] = Field(default_factory=dict)


class Instance(PascalPayload):
    node: Node = Node()
    service: Service = Service()
    checks: list[Check] = Field(default_factory=list)


class ConsulProvider:
    """Blocking queries, at most one an interval and list. A query that fails is tried again; what is known stays."""

    def __init__(self, config: ConsulSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        self._config, self._name, self._metrics, self._clock = config, config_name, metrics, clock
        scheme, separator, server = config.server.rpartition("://")
        self._base = f"{scheme if separator else config.scheme}://{server.rstrip('/')}"
        if config.path_prefix.strip("/"):
            self._base += f"/{config.path_prefix.strip('/')}"
        http = config.http_client
        if config.username or config.password:
            basic = BasicAuth(username=config.username, password=config.password)
            http = http.model_copy(update={"basic_auth": basic})
        self._api = HttpApi(http, clock, REQUEST_SECONDS)
        self._headers = {"X-Consul-Token": config.token.reveal()} if config.token else {}
        self._datacenter = str(config.datacenter)
        self._watched: dict[str, asyncio.Task[Any]] = {}

    async def run(self, publish: Publish) -> None:
        config = self._config
        try:
            async with Tasks(f"discovery consul of {self._name}") as tasks:
                await self._find_datacenter()
                if config.services and not config.tags and not config.filter:
                    for name in dict.fromkeys(map(str, config.services)):
                        tasks.start(name, self._watch_service(name, publish))
                    await asyncio.Event().wait()
                await self._watch(
                    dict[str, list[str] | None],
                    "catalog/services",
                    ("catalog", "services"),
                    {"filter": config.filter},
                    lambda services: self._take_services(tasks, services, publish),
                )
        finally:
            await self._api.close()

    async def _find_datacenter(self) -> None:
        """The agent's own, when the section names none. Tries until it is known."""
        while not self._datacenter:
            try:
                answer = await self._api.answer(f"{self._base}/v1/agent/self", headers=self._headers)
                self._datacenter = decode(Agent, answer.body).config.datacenter
                if not self._datacenter:
                    raise HTTPClientError("the agent does not name its datacenter")
            except Exception as e:
                self._failed("the datacenter", e)
                await self._clock.sleep(RETRY_SECONDS)

    async def _take_services(
        self, tasks: Tasks, services: Mapping[str, Sequence[str] | None], publish: Publish
    ) -> None:
        """Starts watches of new services and ends those of services that are gone."""
        for name, tags in services.items():
            if name not in self._watched and self._wanted(name, tags or ()):
                self._watched[name] = tasks.start(name, self._watch_service(name, publish))
        for name in self._watched.keys() - services.keys():
            await tasks.cancel(self._watched.pop(name))
            publish([TargetGroup(name)])
        if not self._watched:
            publish([])  # that there are none is news, too

    def _wanted(self, name: str, tags: Sequence[str]) -> bool:
        config = self._config
        return (not config.services or name in config.services) and set(config.tags) <= set(tags)

    async def _watch_service(self, name: str, publish: Publish) -> None:
        async def take(instances: list[Instance]) -> None:
            labels = {f"{PREFIX}service": name, f"{PREFIX}dc": self._datacenter}
            targets = tuple(instance_labels(instance, self._config.tag_separator) for instance in instances)
            publish([TargetGroup(name, targets, labels)])

        query = {"tag": self._config.tags, "filter": self._config.health_filter}
        await self._watch(list[Instance], f"health/service/{quote(name, safe='')}", ("catalog", "service"), query, take)

    async def _watch(
        self,
        kind: type[T],
        path: str,
        call: tuple[str, str],
        query: Mapping[str, str | Sequence[str]],
        take: Callable[[T], Awaitable[None]],
    ) -> None:
        """Passes each new state of a list on. The index is Consul's: one that went back is a new state as well."""
        index: int | None = None
        seconds = self._metrics.consul_rpc_seconds.labels(*call)
        while True:
            start = self._clock.monotonic()
            asked = urlencode([*self._common_query(index), *_pairs(query)])
            try:
                answer = await self._api.answer(f"{self._base}/v1/{path}?{asked}", headers=self._headers)
                found, at = decode(kind, answer.body), _index(answer.headers)
            except Exception as e:
                seconds.observe(self._clock.monotonic() - start)
                self._failed(path, e)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                seconds.observe(self._clock.monotonic() - start)
                if at != index:
                    index = at
                    await take(found)
            await self._clock.sleep(max(0.0, start + self._config.refresh_seconds - self._clock.monotonic()))

    def _common_query(self, index: int | None) -> list[tuple[str, str]]:
        config = self._config
        named = {"dc": config.datacenter, "ns": config.namespace, "partition": config.partition}
        pairs = [(key, str(value)) for key, value in named.items() if value]
        if config.allow_stale:
            pairs.append(("stale", ""))
        if index:
            pairs += [("index", str(index)), ("wait", f"{WAIT_SECONDS}s")]
        return pairs + [("node-meta", f"{key}:{value}") for key, value in config.node_meta.items()]

    def _failed(self, what: str, error: Exception) -> None:
        self._metrics.consul_rpc_failures.inc()
        words = failure_words(error)
        log.error(
            "discovery consul of %s: unable to ask for %s: %s",
            self._name,
            what,
            words or f"{type(error).__name__}: {error}",
            exc_info=error if words is None else None,
        )


def instance_labels(instance: Instance, separator: str) -> dict[str, str]:
    """A service may be registered through a node that it is not on: its own address counts, if it has one."""
    node, service = instance.node, instance.service
    labels = {
        "__address__": host_port(service.address or node.address, service.port),
        f"{PREFIX}address": node.address,
        f"{PREFIX}node": node.node,
        f"{PREFIX}namespace": service.namespace,
        f"{PREFIX}partition": service.partition,
        f"{PREFIX}tags": surrounded(service.tags, separator),
        f"{PREFIX}service_address": service.address,
        f"{PREFIX}service_port": str(service.port),
        f"{PREFIX}service_id": service.id,
        f"{PREFIX}health": health(instance.checks),
    }
    for prefix, values in (
        ("metadata_", node.meta),
        ("service_metadata_", service.meta),
        ("tagged_address_", node.tagged_addresses),
    ):
        labels |= {f"{PREFIX}{prefix}{label_name(name)}": value for name, value in values.items()}
    return labels


def health(checks: Sequence[Check]) -> str:
    """The worst of all checks; maintenance is worse than all, and nothing is said when a status is not known."""
    found = set()
    for check in checks:
        if check.check_id == "_node_maintenance" or check.check_id.startswith("_service_maintenance:"):
            found.add("maintenance")
        elif check.status in ("passing", "warning", "critical"):
            found.add(check.status)
        else:
            return ""
    return next((status for status in ("maintenance", "critical", "warning") if status in found), "passing")


def _pairs(query: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    pairs = []
    for key, values in query.items():
        pairs += [(key, str(v)) for v in ([values] if isinstance(values, str) else values) if v]
    return pairs


def _index(headers: Mapping[str, str]) -> int:
    """0, with which the next query does not wait, when the answer has none."""
    text = headers.get("X-Consul-Index", "0")
    if not (text.isascii() and text.isdigit()):
        raise HTTPClientError(f'the answer has the index "{text[:100]}", which is not a number')
    return int(text)
