"""Discovery of Triton: containers or, with role cn, compute nodes, from a Container Monitor."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote_plus

from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.config.sd.hosters import TritonSDConfig
from narthex.discovery.http_api import HttpApiProvider, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup


class Container(Payload):
    groups: list[str] = Field(default_factory=list)
    server_uuid: str = ""
    vm_alias: str = ""
    vm_brand: str = ""
    vm_image_uuid: str = ""
    vm_uuid: str = ""


class ComputeNode(Payload):
    server_uuid: str = ""
    server_hostname: str = ""


class Answer(Payload):
    containers: list[Container] = Field(default_factory=list)
    cns: list[ComputeNode] = Field(default_factory=list)


class TritonProvider(HttpApiProvider):
    def __init__(self, config: TritonSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=HTTPClientConfig(tls_config=config.tls_config))
        self._config = config
        path = "discover" if config.role == "container" else "gz/discover"
        groups = f"?groups={quote_plus(','.join(config.groups))}" if config.groups else ""
        self._url = f"https://{config.endpoint}:{config.port}/v{config.version}/{path}{groups}"

    async def refresh(self) -> Sequence[TargetGroup]:
        answer = decode(Answer, await self.ask(self._url))
        if self._config.role == "container":
            return [TargetGroup(self._url, tuple(self._container(one) for one in answer.containers))]
        return [TargetGroup(self._url, tuple(self._node(one) for one in answer.cns))]

    def _address(self, uuid: str) -> str:
        return f"{uuid}.{self._config.dns_suffix}:{self._config.port}"

    def _container(self, one: Container) -> dict[str, str]:
        labels = {
            "__address__": self._address(one.vm_uuid),
            "__meta_triton_machine_id": one.vm_uuid,
            "__meta_triton_machine_alias": one.vm_alias,
            "__meta_triton_machine_brand": one.vm_brand,
            "__meta_triton_machine_image": one.vm_image_uuid,
            "__meta_triton_server_id": one.server_uuid,
        }
        if one.groups:
            labels["__meta_triton_groups"] = surrounded(one.groups)
        return labels

    def _node(self, one: ComputeNode) -> dict[str, str]:
        return {
            "__address__": self._address(one.server_uuid),
            "__meta_triton_machine_id": one.server_uuid,
            "__meta_triton_machine_alias": one.server_hostname,
        }
