"""Discovery of Lightsail instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import LightsailSDConfig
from narthex.discovery.aws.api import AwsProvider, given, tag_labels
from narthex.discovery.aws.ec2_instances import Tag, named
from narthex.discovery.http_api import host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages
from narthex.discovery.payload import Payload
from narthex.model.target_group import TargetGroup

META = "__meta_lightsail_"


class Location(Payload):
    availabilityZone: str | None = None


class State(Payload):
    name: str | None = None


class Instance(Payload):
    name: str | None = None
    supportCode: str | None = None
    blueprintId: str | None = None
    bundleId: str | None = None
    location: Location = Location()
    state: State = State()
    privateIpAddress: str | None = None
    publicIpAddress: str | None = None
    ipv6Addresses: list[str] = Field(default_factory=list)
    tags: list[Tag] = Field(default_factory=list)


class GetInstances(Payload):
    instances: list[Instance] = Field(default_factory=list)
    nextPageToken: str = ""


class LightsailProvider(AwsProvider):
    """Instances without a private address are no targets."""

    def __init__(
        self,
        config: LightsailSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("lightsail", config, config_name, metrics, clock, environment=environment)
        self._port = config.port

    async def refresh(self) -> Sequence[TargetGroup]:
        region = await self.region()
        instances = await all_pages(self._page)
        return [
            TargetGroup(region, tuple(self._labels(region, i) for i in instances if i.privateIpAddress is not None))
        ]

    async def _page(self, token: str) -> tuple[Sequence[Instance], str]:
        request = {"pageToken": token} if token else {}
        page = await self.json(GetInstances, "lightsail", "Lightsail_20161128.GetInstances", request)
        return page.instances, page.nextPageToken

    def _labels(self, region: str, instance: Instance) -> dict[str, str]:
        labels = {"__address__": host_port(instance.privateIpAddress or "", self._port), f"{META}region": region}
        labels |= given(
            META,
            {
                "private_ip": instance.privateIpAddress,
                "public_ip": instance.publicIpAddress,
                "availability_zone": instance.location.availabilityZone,
                "blueprint_id": instance.blueprintId,
                "bundle_id": instance.bundleId,
                "instance_name": instance.name,
                "instance_state": instance.state.name,
                "instance_support_code": instance.supportCode,
                "ipv6_addresses": surrounded(instance.ipv6Addresses) if instance.ipv6Addresses else None,
            },
        )
        return labels | tag_labels(META, named(instance.tags))
