"""Discovery of Scaleway Elastic Metal servers (role baremetal)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import Field

from narthex.discovery.http_api import host_port
from narthex.discovery.payload import Payload
from narthex.discovery.scaleway_api import SOURCE, ScalewayProvider, ScalewayServer, common_labels
from narthex.model.target_group import TargetGroup


class Address(Payload):
    address: str = ""
    version: str = ""


class Install(Payload):
    os_id: str = ""


class Server(ScalewayServer):
    status: str = ""
    project_id: str = ""
    offer_id: str = ""
    install: Install | None = None
    ips: list[Address] = Field(default_factory=list)


class Servers(Payload):
    servers: list[Server] = Field(default_factory=list)


class Named(Payload):
    id: str = ""
    name: str = ""
    version: str = ""


class Offers(Payload):
    offers: list[Named] = Field(default_factory=list)


class Systems(Payload):
    os: list[Named] = Field(default_factory=list)


class ScalewayBaremetalProvider(ScalewayProvider):
    async def refresh(self) -> Sequence[TargetGroup]:
        base = f"baremetal/v1/zones/{quote(self.config.zone, safe='')}"
        servers = await self.all_of(f"{base}/servers", Servers, lambda page: page.servers, self.filters())
        offers = {one.id: one for one in await self.all_of(f"{base}/offers", Offers, lambda page: page.offers)}
        systems = {one.id: one for one in await self.all_of(f"{base}/os", Systems, lambda page: page.os)}
        return [TargetGroup(SOURCE, tuple(self._labels(server, offers, systems) for server in servers))]

    def _labels(self, server: Server, offers: dict[str, Named], systems: dict[str, Named]) -> dict[str, str]:
        meta = "__meta_scaleway_baremetal_"
        labels = common_labels(meta, server, status=server.status, project=server.project_id)
        if server.offer_id in offers:
            labels[f"{meta}type"] = offers[server.offer_id].name
        if server.install is not None and server.install.os_id in systems:
            system = systems[server.install.os_id]
            labels |= {f"{meta}os_name": system.name, f"{meta}os_version": system.version}
        first = {version: next((ip.address for ip in server.ips if ip.version == version), "") for version in VERSIONS}
        for version, address in first.items():
            if address:
                labels[f"{meta}public_{version.lower()}"] = address
        address = first["IPv4"] or first["IPv6"]
        return labels | {"__address__": host_port(address, self.config.port)} if address else labels


VERSIONS = ("IPv4", "IPv6")
