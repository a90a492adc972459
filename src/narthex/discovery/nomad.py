"""Discovery of services that are registered with Nomad itself."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cluster import NomadSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import PascalPayload, decode
from narthex.model.target_group import TargetGroup

SOURCE = "Nomad"


class Name(PascalPayload):
    service_name: str = ""


class Namespace(PascalPayload):
    services: list[Name] = Field(default_factory=list)


class Instance(PascalPayload):
    id: str = Field("", alias="ID")
    service_name: str = ""
    namespace: str = ""
    node_id: str = Field("", alias="NodeID")
    datacenter: str = ""
    address: str = ""
    port: int = 0
    tags: list[str] = Field(default_factory=list)


class NomadProvider(HttpApiProvider):
    """Asks for the names of services, then for the instances of each."""

    def __init__(self, config: NomadSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._failed = config, metrics.nomad_failures
        query = {"namespace": config.namespace, "region": config.region}
        asked = [f"{key}={quote(value, safe='')}" for key, value in query.items() if value]
        self._query = "&".join([*asked, *(["stale="] if config.allow_stale else [])])

    async def refresh(self) -> Sequence[TargetGroup]:
        targets: list[dict[str, str]] = []
        for namespace in decode(list[Namespace], await self._get("services")):
            for service in namespace.services:
                body = await self._get(f"service/{quote(service.service_name, safe='')}")
                targets += [self._labels(instance) for instance in decode(list[Instance], body)]
        return [TargetGroup(SOURCE, tuple(targets))]

    def failure(self, error: Exception) -> str | None:
        self._failed.inc()
        return super().failure(error)

    async def _get(self, path: str) -> bytes:
        return await self.ask(f"{self._config.server.rstrip('/')}/v1/{path}?{self._query}")

    def _labels(self, instance: Instance) -> dict[str, str]:
        labels = {
            "__address__": host_port(instance.address, instance.port),
            "__meta_nomad_address": instance.address,
            "__meta_nomad_dc": instance.datacenter,
            "__meta_nomad_namespace": instance.namespace,
            "__meta_nomad_node_id": instance.node_id,
            "__meta_nomad_service": instance.service_name,
            "__meta_nomad_service_address": instance.address,
            "__meta_nomad_service_id": instance.id,
            "__meta_nomad_service_port": str(instance.port),
        }
        if instance.tags:
            labels["__meta_nomad_tags"] = surrounded(instance.tags, self._config.tag_separator)
        return labels
