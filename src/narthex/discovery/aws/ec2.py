"""Discovery of EC2 instances."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import chain

import aiohttp
from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import EC2SDConfig
from narthex.discovery.aws.api import AwsProvider, given, tag_labels
from narthex.discovery.aws.ec2_instances import VERSION, Instance, Items, Reservation, reservations
from narthex.discovery.http_api import host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import Payload
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

META = "__meta_ec2_"
MOST_DEVICES = 128
"""Network interfaces of one instance whose place counts: more than any instance type has."""


class Zone(Payload):
    zoneName: str | None = None
    zoneId: str | None = None


class DescribeAvailabilityZones(Payload):
    availabilityZoneInfo: Items[Zone] = Field(default_factory=list)


class EC2Provider(AwsProvider):
    """Ids of zones are asked for once; an account that may not see them gets empty ones, and is asked again."""

    def __init__(
        self,
        config: EC2SDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("ec2", config, config_name, metrics, clock, environment=environment)
        self._port = config.port
        self._zones: dict[str, str] | None = None
        self._filters = {f"Filter.{i}.Name": f.name for i, f in enumerate(config.filters, 1)} | {
            f"Filter.{i}.Value.{j}": value
            for i, f in enumerate(config.filters, 1)
            for j, value in enumerate(f.values, 1)
        }

    async def refresh(self) -> Sequence[TargetGroup]:
        region = await self.region()
        if self._zones is None:
            self._zones = await self._zone_ids()
        targets = [
            self._labels(region, reservation, instance)
            for reservation in await reservations(self, self._filters)
            for instance in reservation.instancesSet
        ]
        return [TargetGroup(region, tuple(labels for labels in targets if labels is not None))]

    async def _zone_ids(self) -> dict[str, str] | None:
        try:
            got = await self.query(DescribeAvailabilityZones, "ec2", VERSION, "DescribeAvailabilityZones", {})
        except (HTTPClientError, aiohttp.ClientError, OSError) as e:
            log.debug("discovery ec2: unable to describe availability zones: %s", self.failure(e))
            return None
        zones = got.availabilityZoneInfo
        return {z.zoneName: z.zoneId for z in zones if z.zoneName is not None and z.zoneId is not None}

    def _labels(self, region: str, reservation: Reservation, instance: Instance) -> dict[str, str] | None:
        primary, every = ipv6_addresses(instance)
        default = next((address for address in chain(primary, every) if address), None)
        address = default if instance.privateIpAddress is None else instance.privateIpAddress
        if address is None:
            return None
        zone = instance.placement.availabilityZone
        labels = {
            "__address__": host_port(address, self._port),
            f"{META}instance_id": instance.instanceId,
            f"{META}region": region,
            f"{META}ami": instance.imageId,
            f"{META}availability_zone": zone,
            f"{META}availability_zone_id": (self._zones or {}).get(zone, ""),
            f"{META}instance_state": instance.instanceState.name,
            f"{META}instance_type": instance.instanceType,
        }
        labels |= given(
            META,
            {
                "owner_id": reservation.ownerId,
                "default_ipv6_address": default,
                "private_ip": instance.privateIpAddress,
                "private_dns_name": instance.privateDnsName,
                "platform": instance.platform or None,
                "public_ip": instance.ipAddress,
                "public_dns_name": None if instance.ipAddress is None else instance.dnsName,
                "primary_ipv6_addresses": surrounded(primary) if primary else None,
                "ipv6_addresses": surrounded(every) if every else None,
                "instance_lifecycle": instance.instanceLifecycle or None,
                "architecture": instance.architecture or None,
                "vpc_id": instance.vpcId,
            },
        )
        if instance.vpcId is not None:
            subnets = dict.fromkeys(i.subnetId for i in instance.networkInterfaceSet if i.subnetId is not None)
            labels[f"{META}primary_subnet_id"] = instance.subnetId or ""
            labels[f"{META}subnet_id"] = surrounded(subnets)
        return labels | tag_labels(META, instance.tags())


def ipv6_addresses(instance: Instance) -> tuple[list[str], list[str]]:
    """Primary addresses, each at the place of its network interface (places without one are empty), and all."""
    primary: list[str] = []
    every: list[str] = []
    if instance.vpcId is None:
        return primary, every
    for interface in instance.networkInterfaceSet:
        if interface.subnetId is None:
            continue
        place = interface.attachment.deviceIndex
        for address in interface.ipv6AddressesSet:
            every.append(address.ipv6Address)
            if address.isPrimaryIpv6 and 0 <= place < MOST_DEVICES:
                primary += [""] * (place + 1 - len(primary))
                primary[place] = address.ipv6Address
    return primary, every
