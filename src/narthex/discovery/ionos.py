"""Discovery of the servers of an IONOS data center."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import IonosSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup

URL = "https://api.ionos.com"
UNNAMED = "unnamed"


class Boot(Payload):
    id: str | None = None


class Properties(Payload):
    name: str | None = None
    availabilityZone: str | None = None
    cpuFamily: str | None = None
    vmState: str | None = None
    type: str | None = None
    bootCdrom: Boot = Boot()
    bootVolume: Boot = Boot()


class Metadata(Payload):
    state: str | None = None


class NicProperties(Payload):
    name: str = UNNAMED
    ips: list[str] = Field(default_factory=list)


class Nic(Payload):
    properties: NicProperties | None = None


class Nics(Payload):
    items: list[Nic] = Field(default_factory=list)


class VolumeProperties(Payload):
    image: str | None = None


class Volume(Payload):
    properties: VolumeProperties = VolumeProperties()


class Volumes(Payload):
    items: list[Volume] = Field(default_factory=list)


class Entities(Payload):
    nics: Nics = Nics()
    volumes: Volumes = Volumes()


class Server(Payload):
    id: str | None = None
    metadata: Metadata = Metadata()
    properties: Properties = Properties()
    entities: Entities = Entities()


class Servers(Payload):
    id: str | None = None
    items: list[Server] = Field(default_factory=list)


class IonosProvider(HttpApiProvider):
    """Servers without an address are no targets."""

    def __init__(
        self, config: IonosSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock, *, url: str = URL
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        center = quote(config.datacenter_id, safe="")
        self._port, self._url = config.port, f"{url}/cloudapi/v6/datacenters/{center}/servers?depth=3"

    async def refresh(self) -> Sequence[TargetGroup]:
        servers = decode(Servers, await self.ask(self._url))
        targets = [self._labels(servers.id, server) for server in servers.items]
        return [TargetGroup("ionos", tuple(labels for labels in targets if labels is not None))]

    def _labels(self, servers_id: str | None, server: Server) -> dict[str, str] | None:
        meta = "__meta_ionos_server_"
        ips: list[str] = []
        by_nic: dict[str, list[str]] = {}
        for nic in server.entities.nics.items:
            if nic.properties is not None:  # the addresses of a later interface come first
                ips = nic.properties.ips + ips
                by_nic[nic.properties.name] = nic.properties.ips + by_nic.get(nic.properties.name, [])
        if not ips:
            return None
        properties, volumes = server.properties, server.entities.volumes.items
        optional = {
            "availability_zone": properties.availabilityZone,
            "cpu_family": properties.cpuFamily,
            "servers_id": servers_id,
            "id": server.id,
            "lifecycle": server.metadata.state,
            "name": properties.name,
            "state": properties.vmState,
            "type": properties.type,
            "boot_cdrom_id": properties.bootCdrom.id,
            "boot_volume_id": properties.bootVolume.id,
            "boot_image_id": volumes[0].properties.image if volumes else None,
        }
        labels = {"__address__": host_port(ips[0], self._port), f"{meta}ip": surrounded(ips)}
        labels |= {f"{meta}{name}": value for name, value in optional.items() if value is not None}
        labels |= {f"{meta}nic_ip_{label_name(nic)}": surrounded(addresses) for nic, addresses in by_nic.items()}
        return labels
