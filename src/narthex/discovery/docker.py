"""Discovery of containers of one Docker daemon: a target for each network and published or exposed TCP port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cluster import DockerSDConfig
from narthex.discovery.docker_api import DockerApiProvider, prefixed
from narthex.discovery.http_api import host_port
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import PascalPayload
from narthex.model.target_group import TargetGroup

SOURCE = "Docker"
PREFIX = "__meta_docker_"


class Port(PascalPayload):
    ip: str = Field("", alias="IP")
    private_port: int = 0
    public_port: int = 0
    type: str = ""


class Endpoint(PascalPayload):
    network_id: str = Field("", alias="NetworkID")
    ip_address: str = Field("", alias="IPAddress")
    global_ipv6_address: str = Field("", alias="GlobalIPv6Address")

    @property
    def address(self) -> str:
        return self.ip_address or self.global_ipv6_address


class HostConfig(PascalPayload):
    network_mode: str = ""


class NetworkSettings(PascalPayload):
    networks: dict[str, Endpoint | None] = Field(default_factory=dict)


class Container(PascalPayload):
    id: str = ""
    names: list[str] = Field(default_factory=list)
    image: str = ""
    image_id: str = Field("", alias="ImageID")
    ports: list[Port] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    host_config: HostConfig = HostConfig()
    network_settings: NetworkSettings = NetworkSettings()


class DockerProvider(DockerApiProvider):
    def __init__(self, config: DockerSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock)
        self._config = config

    async def refresh(self) -> Sequence[TargetGroup]:
        containers = await self.list(list[Container], "containers/json", filtered=True)
        networks = await self.networks(PREFIX)
        by_id = {container.id: container for container in containers}
        targets: list[dict[str, str]] = []
        for container in containers:
            if container.names:
                endpoints = self._endpoints(container, by_id)
                targets += self._targets(container, endpoints, networks)
        return [TargetGroup(SOURCE, tuple(targets))]

    def _endpoints(self, container: Container, by_id: Mapping[str, Container]) -> list[Endpoint]:
        """The networks to take: those of the container whose network it shares, when it has none of its own."""
        networks = container.network_settings.networks
        seen: set[str] = set()
        while not networks:
            shared, _, other = container.host_config.network_mode.partition(":")
            if shared != "container" or other not in by_id or other in seen:
                break
            seen.add(other)
            container = by_id[other]
            networks = container.network_settings.networks
        found = [endpoint for _, endpoint in sorted(networks.items()) if endpoint is not None]
        return found[:1] if self._config.match_first_network else found

    def _targets(
        self, container: Container, endpoints: Sequence[Endpoint], networks: Mapping[str, Mapping[str, str]]
    ) -> Iterator[dict[str, str]]:
        common = _container_labels(container)
        ports = [port for port in container.ports if port.type == "tcp"]
        for endpoint in endpoints:
            labels = {**common, f"{PREFIX}network_ip": endpoint.address, **networks.get(endpoint.network_id, {})}
            for port in ports:
                address = host_port(endpoint.address, port.private_port)
                yield {**labels, **_port_labels(port), "__address__": address}
            if not ports:
                on_host = container.host_config.network_mode == "host"
                fallback = host_port(endpoint.address, self._config.port)
                yield {**labels, "__address__": self._config.host_networking_host if on_host else fallback}


def _container_labels(container: Container) -> dict[str, str]:
    labels = {
        f"{PREFIX}container_id": container.id,
        f"{PREFIX}container_name": container.names[0],
        f"{PREFIX}container_network_mode": container.host_config.network_mode,
        **prefixed(f"{PREFIX}container_label_", container.labels),
    }
    if container.image:
        labels[f"{PREFIX}container_image"] = container.image
    if container.image_id:
        labels[f"{PREFIX}container_image_id"] = container.image_id
    return labels


def _port_labels(port: Port) -> dict[str, str]:
    labels = {f"{PREFIX}port_private": str(port.private_port)}
    if port.public_port > 0:
        labels |= {f"{PREFIX}port_public": str(port.public_port), f"{PREFIX}port_public_ip": port.ip}
    return labels
