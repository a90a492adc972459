"""Discovery of exporters on systems that Uyuni manages, over its XML-RPC interface."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Sequence
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import UyuniSDConfig
from narthex.discovery.http_api import HttpApiProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.discovery.xml_tree import plain_text
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

T = TypeVar("T")
TOKEN_SECONDS = 600


class Group(Payload):
    name: str = ""


class System(Payload):
    id: int = 0
    system_groups: list[Group] = Field(default_factory=list)


class Network(Payload):
    system_id: int = 0
    hostname: str = ""
    primary_fqdn: str = ""


class Endpoint(Payload):
    system_id: int = 0
    endpoint_name: str = ""
    port: int = 0
    path: str = ""
    module: str = ""
    exporter_name: str = ""
    tls_enabled: bool = False


class UyuniProvider(HttpApiProvider):
    """One group. A session is kept for half of its life, and given up after a failure."""

    def __init__(self, config: UyuniSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._now = config, clock.monotonic
        self._url = f"{config.server.text.rstrip('/')}/rpc/api"
        self._token, self._renew_at = "", 0.0

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        if not self._token or self._now() > self._renew_at:
            login = (str(config.username), config.password.reveal(), TOKEN_SECONDS)
            self._token = await self._call(str, "auth.login", *login)
            self._renew_at = self._now() + TOKEN_SECONDS / 2
        entitled = "system.listSystemGroupsForSystemsWithEntitlement"
        systems = {s.id: s for s in await self._call(list[System], entitled, self._token, str(config.entitlement))}
        ids = list(systems)
        endpoints = await self._call(list[Endpoint], "system.monitoring.listEndpoints", self._token, ids)
        found = await self._call(list[Network], "system.getNetworkForSystems", self._token, ids)
        networks = {network.system_id: network for network in found}
        targets = tuple(
            self._labels(e, systems.get(e.system_id, System()), networks.get(e.system_id, Network())) for e in endpoints
        )
        return [TargetGroup(self._url, targets)]

    def failure(self, error: Exception) -> str | None:
        self._token = ""
        return super().failure(error)

    async def _call(self, kind: type[T], method: str, *arguments: Any) -> T:
        try:
            request = xmlrpc.client.dumps(arguments, method).encode()
        except OverflowError:
            raise HTTPClientError(f"{method}: the id of a system does not fit into 32 bits") from None
        body = await self.ask(self._url, method="POST", headers={"Content-Type": "text/xml"}, body=request)
        try:
            (result,), _ = xmlrpc.client.loads(plain_text(body))
        except xmlrpc.client.Fault as e:
            raise HTTPClientError(f"{method}: {e.faultString} (code {e.faultCode})") from None
        except (xmlrpc.client.Error, ExpatError, ValueError, TypeError, KeyError, IndexError) as e:
            raise HTTPClientError(f"{method}: the answer cannot be used: {e}") from None
        try:
            return decode(kind, orjson.dumps(result))
        except TypeError:
            raise HTTPClientError(f"{method}: the answer cannot be used: it has values of other types") from None

    def _labels(self, endpoint: Endpoint, system: System, network: Network) -> dict[str, str]:
        prefix = "__meta_uyuni_"
        return {
            "__address__": f"{network.hostname}:{endpoint.port}",
            f"{prefix}minion_hostname": network.hostname,
            f"{prefix}primary_fqdn": network.primary_fqdn,
            f"{prefix}system_id": str(endpoint.system_id),
            f"{prefix}groups": self._config.separator.join(group.name for group in system.system_groups),
            f"{prefix}endpoint_name": endpoint.endpoint_name,
            f"{prefix}exporter": endpoint.exporter_name,
            f"{prefix}proxy_module": endpoint.module,
            f"{prefix}metrics_path": endpoint.path,
            f"{prefix}scheme": "https" if endpoint.tls_enabled else "http",
        }
