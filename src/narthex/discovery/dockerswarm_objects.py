"""What the API of a Docker Swarm answers: services, nodes and tasks, as far as they become labels."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from narthex.discovery.payload import PascalPayload


class Port(PascalPayload):
    name: str = ""
    protocol: str = ""
    published_port: int = 0
    publish_mode: str = ""


class ContainerSpec(PascalPayload):
    image: str = ""
    hostname: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class TaskSpec(PascalPayload):
    container_spec: ContainerSpec | None = None


class Mode(PascalPayload):
    """`global` and `replicated` are objects; which is there is all that matters."""

    global_: Any = Field(None, alias="Global")
    replicated: Any = None


class ServiceSpec(PascalPayload):
    name: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    task_template: TaskSpec = TaskSpec()
    mode: Mode = Mode()


class VirtualIP(PascalPayload):
    network_id: str = Field("", alias="NetworkID")
    addr: str = ""


class ServiceEndpoint(PascalPayload):
    ports: list[Port] = Field(default_factory=list)
    virtual_ips: list[VirtualIP] = Field(default_factory=list, alias="VirtualIPs")


class State(PascalPayload):
    state: str = ""


class Service(PascalPayload):
    id: str = Field("", alias="ID")
    spec: ServiceSpec = ServiceSpec()
    endpoint: ServiceEndpoint = ServiceEndpoint()
    update_status: State | None = None


class NodeSpec(PascalPayload):
    role: str = ""
    availability: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class Platform(PascalPayload):
    architecture: str = ""
    os: str = Field("", alias="OS")


class Engine(PascalPayload):
    engine_version: str = ""


class Description(PascalPayload):
    hostname: str = ""
    platform: Platform = Platform()
    engine: Engine = Engine()


class NodeStatus(PascalPayload):
    state: str = ""
    addr: str = ""


class ManagerStatus(PascalPayload):
    leader: bool = False
    reachability: str = ""
    addr: str = ""


class Node(PascalPayload):
    id: str = Field("", alias="ID")
    spec: NodeSpec = NodeSpec()
    description: Description = Description()
    status: NodeStatus = NodeStatus()
    manager_status: ManagerStatus | None = None


class ContainerStatus(PascalPayload):
    container_id: str = Field("", alias="ContainerID")


class PortStatus(PascalPayload):
    ports: list[Port] = Field(default_factory=list)


class TaskStatus(PascalPayload):
    state: str = ""
    container_status: ContainerStatus | None = None
    port_status: PortStatus = PortStatus()


class NetworkId(PascalPayload):
    id: str = Field("", alias="ID")


class Attachment(PascalPayload):
    network: NetworkId = NetworkId()
    addresses: list[str] = Field(default_factory=list)


class Task(PascalPayload):
    id: str = Field("", alias="ID")
    service_id: str = Field("", alias="ServiceID")
    node_id: str = Field("", alias="NodeID")
    slot: int = 0
    desired_state: str = ""
    status: TaskStatus = TaskStatus()
    spec: TaskSpec = TaskSpec()
    networks_attachments: list[Attachment] = Field(default_factory=list)
