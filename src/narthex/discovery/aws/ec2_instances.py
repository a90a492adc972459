"""EC2 instances as DescribeInstances gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from narthex.discovery.aws.api import AwsProvider
from narthex.discovery.paging import all_pages
from narthex.discovery.payload import Payload
from narthex.net.aws_xml import members

VERSION = "2016-11-15"
T = TypeVar("T")
Items = Annotated[list[T], BeforeValidator(members)]
"""A list of an XML answer."""


class Tag(Payload):
    key: str | None = None
    value: str | None = None


def named(tags: Sequence[Tag]) -> dict[str, str]:
    """Tags that have both a name and a value."""
    return {tag.key: tag.value for tag in tags if tag.key is not None and tag.value is not None}


class Ipv6Address(Payload):
    ipv6Address: str = ""
    isPrimaryIpv6: bool = False


class Attachment(Payload):
    deviceIndex: int = 0


class Interface(Payload):
    subnetId: str | None = None
    ipv6AddressesSet: Items[Ipv6Address] = Field(default_factory=list)
    attachment: Attachment = Attachment()


class Placement(Payload):
    availabilityZone: str = ""


class State(Payload):
    name: str = ""


class Instance(Payload):
    instanceId: str = ""
    imageId: str = ""
    instanceState: State = State()
    instanceType: str = ""
    instanceLifecycle: str | None = None
    architecture: str | None = None
    platform: str | None = None
    placement: Placement = Placement()
    privateDnsName: str | None = None
    privateIpAddress: str | None = None
    dnsName: str = ""
    ipAddress: str | None = None
    vpcId: str | None = None
    subnetId: str | None = None
    networkInterfaceSet: Items[Interface] = Field(default_factory=list)
    tagSet: Items[Tag] = Field(default_factory=list)

    def tags(self) -> dict[str, str]:
        return named(self.tagSet)


class Reservation(Payload):
    ownerId: str | None = None
    instancesSet: Items[Instance] = Field(default_factory=list)


class DescribeInstances(Payload):
    reservationSet: Items[Reservation] = Field(default_factory=list)
    nextToken: str = ""


async def reservations(api: AwsProvider, form: Mapping[str, str]) -> list[Reservation]:
    """All reservations with their instances; `form` are further parameters of the call, such as filters."""

    async def page(token: str) -> tuple[list[Reservation], str]:
        more = {"NextToken": token} if token else {}
        got = await api.query(DescribeInstances, "ec2", VERSION, "DescribeInstances", {**form, **more})
        return got.reservationSet, got.nextToken

    return await all_pages(page)
