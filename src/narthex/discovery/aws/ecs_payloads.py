"""What ECS answers, and the part of EC2's answer that tells public addresses of network interfaces."""

from __future__ import annotations

from pydantic import Field

from narthex.discovery.aws.ec2_instances import Items, Tag
from narthex.discovery.payload import Payload


class Listing(Payload):
    clusterArns: list[str] = Field(default_factory=list)
    serviceArns: list[str] = Field(default_factory=list)
    taskArns: list[str] = Field(default_factory=list)
    nextToken: str = ""


class Cluster(Payload):
    clusterArn: str = ""
    clusterName: str | None = None
    tags: list[Tag] = Field(default_factory=list)


class Clusters(Payload):
    clusters: list[Cluster] = Field(default_factory=list)


class Service(Payload):
    serviceArn: str | None = None
    serviceName: str | None = None
    status: str | None = None
    tags: list[Tag] = Field(default_factory=list)


class Services(Payload):
    services: list[Service] = Field(default_factory=list)


class Detail(Payload):
    name: str | None = None
    value: str | None = None


class Attachment(Payload):
    type: str = ""
    details: list[Detail] = Field(default_factory=list)


class Task(Payload):
    taskArn: str | None = None
    taskDefinitionArn: str | None = None
    group: str | None = None
    launchType: str = ""
    healthStatus: str = ""
    desiredStatus: str | None = None
    lastStatus: str | None = None
    availabilityZone: str | None = None
    containerInstanceArn: str | None = None
    platformFamily: str | None = None
    platformVersion: str | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    tags: list[Tag] = Field(default_factory=list)

    def interface(self) -> dict[str, str]:
        """The task's own network interface by its details' names; empty when it shares its host's."""
        own = next((a for a in self.attachments if a.type == "ElasticNetworkInterface"), Attachment())
        return {d.name: d.value for d in own.details if d.name is not None and d.value is not None}


class Tasks(Payload):
    tasks: list[Task] = Field(default_factory=list)


class ContainerInstance(Payload):
    containerInstanceArn: str = ""
    ec2InstanceId: str = ""


class ContainerInstances(Payload):
    containerInstances: list[ContainerInstance] = Field(default_factory=list)


class Association(Payload):
    publicIp: str = ""


class NetworkInterface(Payload):
    networkInterfaceId: str = ""
    association: Association = Association()


class DescribeNetworkInterfaces(Payload):
    networkInterfaceSet: Items[NetworkInterface] = Field(default_factory=list)
