"""Discovery of Scaleway instances. One without an address of its own is looked up among its private networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import quote

from pydantic import Field

from narthex.discovery.http_api import host_port, surrounded
from narthex.discovery.paging import batches
from narthex.discovery.payload import Payload
from narthex.discovery.scaleway_api import SOURCE, ScalewayProvider, ScalewayServer, common_labels
from narthex.model.target_group import TargetGroup

IDS_A_REQUEST = 50  # of network interfaces: they are part of the URL


class Image(Payload):
    id: str = ""
    name: str = ""
    arch: str = ""


class Location(Payload):
    cluster_id: str = ""
    hypervisor_id: str = ""
    node_id: str = ""


class SecurityGroup(Payload):
    id: str = ""
    name: str = ""


class Address(Payload):
    address: str = ""
    family: str = ""


class Interface(Payload):
    id: str = ""


class Server(ScalewayServer):
    organization: str = ""
    project: str = ""
    hostname: str = ""
    boot_type: str = ""
    commercial_type: str = ""
    state: str = ""
    image: Image | None = None
    location: Location | None = None
    security_group: SecurityGroup | None = None
    public_ips: list[Address] = Field(default_factory=list)
    public_ip: Address | None = None
    ipv6: Address | None = None
    private_ip: str | None = None
    private_nics: list[Interface] = Field(default_factory=list)


class Servers(Payload):
    servers: list[Server] = Field(default_factory=list)


class Resource(Payload):
    id: str = ""


class IPAMAddress(Payload):
    address: str = ""
    is_ipv6: bool = False
    resource: Resource | None = None


class IPAMAddresses(Payload):
    ips: list[IPAMAddress] = Field(default_factory=list)


class ScalewayInstanceProvider(ScalewayProvider):
    async def refresh(self) -> Sequence[TargetGroup]:
        path = f"instance/v1/zones/{quote(self.config.zone, safe='')}/servers"
        servers = await self.all_of(path, Servers, lambda page: page.servers, self.filters())
        private = await self._private(servers)
        targets = [self._labels(server, private) for server in servers]
        return [TargetGroup(SOURCE, tuple(labels for labels in targets if labels is not None))]

    async def _private(self, servers: Sequence[Server]) -> dict[str, str]:
        """IPv4 addresses of network interfaces by their id, of servers that name no address themselves."""
        wanted: dict[str, list[str]] = {}
        for server in servers:
            if server.private_ip is None and server.public_ip is None and server.ipv6 is None:
                ids = [nic.id for nic in server.private_nics if nic.id]
                wanted.setdefault(region_of(server.zone), []).extend(ids)
        found: dict[str, str] = {}
        for region, ids in wanted.items():
            for batch in batches(ids, IDS_A_REQUEST):
                query = [("resource_ids", one) for one in batch]
                query.append(("resource_types", "instance_private_nic"))
                path = f"ipam/v1/regions/{quote(region, safe='')}/ips"
                for ip in await self.all_of(path, IPAMAddresses, lambda page: page.ips, query):
                    if ip.resource is not None and not ip.is_ipv6 and ip.address:
                        found[ip.resource.id] = ip.address.partition("/")[0]
        return found

    def _labels(self, server: Server, private: dict[str, str]) -> dict[str, str] | None:
        meta = "__meta_scaleway_instance_"
        labels = common_labels(meta, server, status=server.state, project=server.project) | {
            f"{meta}boot_type": server.boot_type,
            f"{meta}hostname": server.hostname,
            f"{meta}organization_id": server.organization,
            f"{meta}type": server.commercial_type,
        }
        if server.image is not None:
            labels |= {f"{meta}image_{name}": getattr(server.image, name) for name in ("arch", "id", "name")}
        if server.location is not None:
            names = ("cluster_id", "hypervisor_id", "node_id")
            labels |= {f"{meta}location_{name}": getattr(server.location, name) for name in names}
        if server.security_group is not None:
            labels |= {f"{meta}security_group_{name}": getattr(server.security_group, name) for name in ("id", "name")}
        if region_of(server.zone):
            labels[f"{meta}region"] = region_of(server.zone)
        for family, name in (("inet", "public_ipv4_addresses"), ("inet6", "public_ipv6_addresses")):
            of_family = [_plain(ip.address) for ip in server.public_ips if ip.family == family]
            if of_family:
                labels[f"{meta}{name}"] = surrounded(of_family)
        address = ""
        if server.ipv6 is not None:
            address = labels[f"{meta}public_ipv6"] = _plain(server.ipv6.address)
        if server.public_ip is not None:
            address = _plain(server.public_ip.address)
            if server.public_ip.family != "inet6":
                labels[f"{meta}public_ipv4"] = address
        if server.private_ip is not None:
            address = labels[f"{meta}private_ipv4"] = server.private_ip
        if not address:
            address = next((private[nic.id] for nic in server.private_nics if private.get(nic.id)), "")
            if address:
                labels[f"{meta}private_ipv4"] = address
        return labels | {"__address__": host_port(address, self.config.port)} if address else None


def region_of(zone: str) -> str:
    """The region of a zone such as fr-par-1; "" of what is no zone."""
    parts = zone.split("-")
    return "-".join(parts[:2]) if len(parts) == 3 and all(parts) else ""


def _plain(address: str) -> str:
    """An IP address in its shortest form, as it stands when it is none."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
