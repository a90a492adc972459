"""Discovery of Hetzner servers: Hetzner Cloud and, with role robot, dedicated servers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import HetznerSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import numbered_pages
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup

CLOUD_URL = "https://api.hetzner.cloud/v1"
ROBOT_URL = "https://robot-ws.your-server.de"
PER_PAGE = 50
SOURCE = "hetzner"
ABSENT = "<nil>"
"""What peers write for an address that a server does not have; relabelling rules out there match on it."""


class Pagination(Payload):
    next_page: int = 0


class Meta(Payload):
    pagination: Pagination = Pagination()


class Address(Payload):
    ip: str = ABSENT


class PublicNet(Payload):
    ipv4: Address = Address()
    ipv6: Address = Address()


class Location(Payload):
    name: str = ""
    network_zone: str = ""


class Datacenter(Payload):
    location: Location = Location()


class ServerType(Payload):
    name: str = ""
    cores: int = 0
    cpu_type: str = ""
    memory: float = 0
    disk: int = 0


class Image(Payload):
    name: str = ""
    description: str = ""
    os_version: str = ""
    os_flavor: str = ""


class PrivateNet(Payload):
    network: int = 0
    ip: str = ""


class Server(Payload):
    id: int = 0
    name: str = ""
    status: str = ""
    public_net: PublicNet = PublicNet()
    private_net: list[PrivateNet] = Field(default_factory=list)
    server_type: ServerType = ServerType()
    location: Location | None = None
    datacenter: Datacenter = Datacenter()
    image: Image | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class Page(Payload):
    meta: Meta = Meta()


class Servers(Page):
    servers: list[Server] = Field(default_factory=list)


class Network(Payload):
    id: int = 0
    name: str = ""


class Networks(Page):
    networks: list[Network] = Field(default_factory=list)


P = TypeVar("P", bound=Page)
T = TypeVar("T")


class HetznerCloudProvider(HttpApiProvider):
    def __init__(
        self,
        config: HetznerSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        url: str = CLOUD_URL,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._url = config, url

    async def refresh(self) -> Sequence[TargetGroup]:
        selector = {"label_selector": self._config.label_selector} if self._config.label_selector else {}
        servers = await self._all(Servers, "servers", lambda page: page.servers, selector)
        networks = await self._all(Networks, "networks", lambda page: page.networks)
        names = {network.id: network.name for network in networks}
        return [TargetGroup(SOURCE, tuple(self._labels(server, names) for server in servers))]

    async def _all(
        self, kind: type[P], path: str, items: Callable[[P], list[T]], query: Mapping[str, str] | None = None
    ) -> list[T]:
        async def ask(number: int) -> tuple[list[T], bool]:
            text = urlencode({"page": number, "per_page": PER_PAGE, **(query or {})})
            page = decode(kind, await self.ask(f"{self._url}/{path}?{text}"))
            return items(page), page.meta.pagination.next_page > number

        return await numbered_pages(ask)

    def _labels(self, server: Server, networks: dict[int, str]) -> dict[str, str]:
        cloud = "__meta_hetzner_hcloud_"
        location = server.location or server.datacenter.location
        kind = server.server_type
        labels = {
            "__address__": host_port(server.public_net.ipv4.ip, self._config.port),
            "__meta_hetzner_role": "hcloud",
            "__meta_hetzner_server_id": str(server.id),
            "__meta_hetzner_server_name": server.name,
            "__meta_hetzner_server_status": server.status,
            "__meta_hetzner_public_ipv4": server.public_net.ipv4.ip,
            "__meta_hetzner_public_ipv6_network": server.public_net.ipv6.ip,
            f"{cloud}location": location.name,
            f"{cloud}location_network_zone": location.network_zone,
            f"{cloud}datacenter_location": location.name,
            f"{cloud}datacenter_location_network_zone": location.network_zone,
            f"{cloud}server_type": kind.name,
            f"{cloud}cpu_cores": str(kind.cores),
            f"{cloud}cpu_type": kind.cpu_type,
            f"{cloud}memory_size_gb": str(int(kind.memory)),
            f"{cloud}disk_size_gb": str(kind.disk),
        }
        if server.image is not None:
            labels |= {
                f"{cloud}image_name": server.image.name,
                f"{cloud}image_description": server.image.description,
                f"{cloud}image_os_version": server.image.os_version,
                f"{cloud}image_os_flavor": server.image.os_flavor,
            }
        for private in server.private_net:
            if private.network in networks:
                labels[f"{cloud}private_ipv4_{label_name(networks[private.network])}"] = private.ip
        for name, value in server.labels.items():
            labels[f"{cloud}labelpresent_{label_name(name)}"] = "true"
            labels[f"{cloud}label_{label_name(name)}"] = value
        return labels


class Subnet(Payload):
    ip: str = ""
    mask: str = ""


class Robot(Payload):
    server_ip: str = ""
    server_number: int = 0
    server_name: str = ""
    dc: str = ""
    status: str = ""
    product: str = ""
    cancelled: bool = False
    subnet: list[Subnet] = Field(default_factory=list)


class RobotEntry(Payload):
    server: Robot = Robot()


class HetznerRobotProvider(HttpApiProvider):
    def __init__(
        self,
        config: HetznerSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        url: str = ROBOT_URL,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._url = config, url

    async def refresh(self) -> Sequence[TargetGroup]:
        entries = decode(list[RobotEntry], await self.ask(f"{self._url}/server"))
        return [TargetGroup(SOURCE, tuple(self._labels(entry.server) for entry in entries))]

    def _labels(self, server: Robot) -> dict[str, str]:
        labels = {
            "__address__": host_port(server.server_ip, self._config.port),
            "__meta_hetzner_role": "robot",
            "__meta_hetzner_server_id": str(server.server_number),
            "__meta_hetzner_server_name": server.server_name,
            "__meta_hetzner_datacenter": server.dc.lower(),
            "__meta_hetzner_public_ipv4": server.server_ip,
            "__meta_hetzner_server_status": server.status,
            "__meta_hetzner_robot_datacenter": server.dc.lower(),
            "__meta_hetzner_robot_product": server.product,
            "__meta_hetzner_robot_cancelled": "true" if server.cancelled else "false",
        }
        first = next((s for s in server.subnet if not _is_ipv4(s.ip)), None)
        if first is not None:
            labels["__meta_hetzner_public_ipv6_network"] = f"{first.ip}/{first.mask}"
        return labels


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


def provider(
    config: HetznerSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock
) -> HetznerCloudProvider | HetznerRobotProvider:
    """The provider of the section's role."""
    kind = HetznerCloudProvider if config.role == "hcloud" else HetznerRobotProvider
    return kind(config, config_name, metrics, clock)
