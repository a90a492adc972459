"""What Azure Resource Manager answers of machines, scale sets and network interfaces."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from narthex.discovery.payload import Payload
from narthex.errors import HTTPClientError

P = TypeVar("P", bound=Payload)


class OSDisk(Payload):
    osType: str = ""


class StorageProfile(Payload):
    osDisk: OSDisk = OSDisk()


class Reference(Payload):
    id: str = ""


class NetworkProfile(Payload):
    networkInterfaces: list[Reference] = Field(default_factory=list)


class OSProfile(Payload):
    computerName: str = ""


class HardwareProfile(Payload):
    vmSize: str = ""


class MachineProperties(Payload):
    storageProfile: StorageProfile = StorageProfile()
    networkProfile: NetworkProfile = NetworkProfile()
    osProfile: OSProfile = OSProfile()
    hardwareProfile: HardwareProfile = HardwareProfile()


class Machine(Payload):
    """A machine, of its own or of a scale set; `instanceId` is its number in the set."""

    id: str = ""
    name: str = ""
    location: str = ""
    instanceId: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    properties: MachineProperties = MachineProperties()


class ScaleSet(Payload):
    id: str = ""
    name: str = ""


class Page(Payload, Generic[P]):
    value: list[P] = Field(default_factory=list)
    nextLink: str = ""


class PublicIPProperties(Payload):
    ipAddress: str | None = None


class PublicIP(Payload):
    properties: PublicIPProperties = PublicIPProperties()


class IPProperties(Payload):
    privateIPAddress: str | None = None
    publicIPAddress: PublicIP = PublicIP()


class IPConfiguration(Payload):
    properties: IPProperties = IPProperties()


class InterfaceProperties(Payload):
    primary: bool | None = None
    ipConfigurations: list[IPConfiguration] = Field(default_factory=list)


class Interface(Payload):
    properties: InterfaceProperties | None = None


def group_and_name(resource_id: str) -> tuple[str, str]:
    """Resource group and name of a resource's id, /subscriptions/S/resourceGroups/G/providers/... . Raises."""
    parts = resource_id.strip("/").split("/")
    if len(parts) < 6 or parts[0].lower() != "subscriptions" or parts[2].lower() != "resourcegroups":
        raise HTTPClientError(f'the answer cannot be used: "{resource_id[:200]}" is not the id of a resource')
    return parts[3], parts[-1]
