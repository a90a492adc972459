"""What a node says about a member of a serverset or of a nerve service, as labels of a target."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ConfigDict, Field

from narthex.discovery.http_api import host_port, label_name
from narthex.discovery.payload import CamelPayload, decode

ParseMember = Callable[[bytes, str], dict[str, str]]
"""Takes the data of a node and its path. Raises HTTPClientError."""


class _Document(CamelPayload):
    model_config = ConfigDict(strict=True)


class Endpoint(_Document):
    host: str = ""
    port: int = 0


class ServersetMember(_Document):
    service_endpoint: Endpoint = Endpoint()
    additional_endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    status: str = ""
    shard: int = 0


class NerveMember(Endpoint):
    name: str = ""


def serverset_labels(data: bytes, path: str) -> dict[str, str]:
    prefix = "__meta_serverset_"
    member = decode(ServersetMember, data)
    labels = {
        "__address__": host_port(member.service_endpoint.host, member.service_endpoint.port),
        f"{prefix}path": path,
        f"{prefix}endpoint_host": member.service_endpoint.host,
        f"{prefix}endpoint_port": str(member.service_endpoint.port),
        f"{prefix}status": member.status,
        f"{prefix}shard": str(member.shard),
    }
    for name, endpoint in member.additional_endpoints.items():
        labels[f"{prefix}endpoint_host_{label_name(name)}"] = endpoint.host
        labels[f"{prefix}endpoint_port_{label_name(name)}"] = str(endpoint.port)
    return labels


def nerve_labels(data: bytes, path: str) -> dict[str, str]:
    prefix = "__meta_nerve_"
    member = decode(NerveMember, data)
    return {
        "__address__": host_port(member.host, member.port),
        f"{prefix}path": path,
        f"{prefix}endpoint_host": member.host,
        f"{prefix}endpoint_port": str(member.port),
        f"{prefix}endpoint_name": member.name,
    }
