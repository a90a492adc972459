"""Discovery of OVHcloud: virtual private servers or dedicated servers, over signed calls."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Sequence
from urllib.parse import quote

import aiohttp
from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig, ProxyConfig
from narthex.config.sd.hosters import OVHCloudSDConfig
from narthex.discovery.http_api import HttpApiProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

ENDPOINTS = {
    "ovh-eu": "https://eu.api.ovh.com/1.0",
    "ovh-ca": "https://ca.api.ovh.com/1.0",
    "ovh-us": "https://api.us.ovhcloud.com/1.0",
    "kimsufi-eu": "https://eu.api.kimsufi.com/1.0",
    "kimsufi-ca": "https://ca.api.kimsufi.com/1.0",
    "soyoustart-eu": "https://eu.api.soyoustart.com/1.0",
    "soyoustart-ca": "https://ca.api.soyoustart.com/1.0",
}


class Model(Payload):
    offer: str = ""
    name: str = ""
    version: str = ""
    datacenter: list[str] = Field(default_factory=list)
    vcore: int = 0
    disk: int = 0
    memory: int = 0
    maximumAdditionnalIp: int = 0


class Vps(Payload):
    name: str = ""
    displayName: str = ""
    zone: str = ""
    cluster: str = ""
    state: str = ""
    netbootMode: str = ""
    offerType: str = ""
    memoryLimit: int = 0
    vcore: int = 0
    model: Model = Model()


class DedicatedServer(Payload):
    name: str = ""
    state: str = ""
    commercialRange: str = ""
    linkSpeed: int = 0
    rack: str = ""
    noIntervention: bool = False
    os: str = ""
    supportLevel: str = ""
    serverId: int = 0
    reverse: str = ""
    datacenter: str = ""


class OVHCloudProvider(HttpApiProvider):
    """A server whose details cannot be had is left out, with a warning. Addresses have no port."""

    def __init__(self, config: OVHCloudSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        http = HTTPClientConfig(proxy_settings=ProxyConfig(proxy_from_environment=True))
        super().__init__(config, config_name, metrics, clock, http=http)
        self._config = config
        self._url = ENDPOINTS.get(config.endpoint, config.endpoint).rstrip("/")
        if "/" not in self._url:
            raise HTTPClientError(f'ovhcloud: "{config.endpoint}" is neither a URL nor one of {", ".join(ENDPOINTS)}')

    async def refresh(self) -> Sequence[TargetGroup]:
        ahead = decode(int, await self.ask(f"{self._url}/auth/time")) - int(self._clock.now())
        path = "/vps" if self._config.service == "vps" else "/dedicated/server"
        source = f"ovhcloud_{self._config.service}"
        targets = []
        for name in decode(list[str], await self._signed(path, ahead)):
            try:
                targets.append(await self._server(f"{path}/{quote(name, safe='')}", ahead))
            except (HTTPClientError, aiohttp.ClientError, OSError) as e:
                log.warning("discovery %s: could not get details of %s: %s", source, name, self.failure(e))
        return [TargetGroup(source, tuple(targets))]

    async def _server(self, path: str, ahead: int) -> dict[str, str]:
        body = await self._signed(path, ahead)
        labels = vps(decode(Vps, body)) if self._config.service == "vps" else dedicated(decode(DedicatedServer, body))
        ipv4, ipv6 = addresses(decode(list[str], await self._signed(f"{path}/ips", ahead)))
        prefix = f"__meta_ovhcloud_{self._config.service}_"
        return {
            "__address__": ipv4 or ipv6,
            "instance": labels["name"],
            **{prefix + name: value for name, value in (labels | {"ipv4": ipv4, "ipv6": ipv6}).items()},
        }

    async def _signed(self, path: str, ahead: int) -> bytes:
        """A GET as an application with a consumer key makes it; `ahead` is the server's clock minus ours."""
        config, url, time = self._config, f"{self._url}{path}", str(int(self._clock.now()) + ahead)
        parts = (config.application_secret.reveal(), config.consumer_key.reveal(), "GET", url, "", time)
        digest = hashlib.sha1("+".join(parts).encode(), usedforsecurity=False).hexdigest()
        headers = {
            "X-Ovh-Application": config.application_key,
            "X-Ovh-Consumer": config.consumer_key.reveal(),
            "X-Ovh-Timestamp": time,
            "X-Ovh-Signature": f"$1${digest}",
        }
        return await self.ask(url, headers=headers)


def vps(server: Vps) -> dict[str, str]:
    return {
        "offer": server.model.offer,
        "datacenter": f"[{' '.join(server.model.datacenter)}]",
        "model_vcore": str(server.model.vcore),
        "maximum_additional_ip": str(server.model.maximumAdditionnalIp),
        "version": server.model.version,
        "model_name": server.model.name,
        "disk": str(server.model.disk),
        "memory": str(server.model.memory),
        "zone": server.zone,
        "display_name": server.displayName,
        "cluster": server.cluster,
        "state": server.state,
        "name": server.name,
        "netboot_mode": server.netbootMode,
        "memory_limit": str(server.memoryLimit),
        "offer_type": server.offerType,
        "vcore": str(server.vcore),
    }


def dedicated(server: DedicatedServer) -> dict[str, str]:
    return {
        "state": server.state,
        "commercial_range": server.commercialRange,
        "link_speed": str(server.linkSpeed),
        "rack": server.rack,
        "no_intervention": "true" if server.noIntervention else "false",
        "os": server.os,
        "support_level": server.supportLevel,
        "server_id": str(server.serverId),
        "reverse": server.reverse,
        "datacenter": server.datacenter,
        "name": server.name,
    }


def addresses(texts: Sequence[str]) -> tuple[str, str]:
    """The last IPv4 and IPv6 address of a list of addresses and networks; of networks only those of /32 count."""
    last = {4: "", 6: ""}
    for text in texts:
        address, slash, bits = text.partition("/")
        try:
            parsed = ipaddress.ip_address(address)
            if slash:
                ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise HTTPClientError(f"the answer cannot be used: {text[:60]!r} is not an IP address") from None
        if bits in ("", "32") and not parsed.is_unspecified:
            last[parsed.version] = str(parsed)
    if not any(last.values()):
        raise HTTPClientError("the answer cannot be used: it has no IP address")
    return last[4], last[6]
