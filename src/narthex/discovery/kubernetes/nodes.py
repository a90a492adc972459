"""Role node: one target a node, its kubelet."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.discovery.http_api import host_port
from narthex.discovery.kubernetes.objects import (
    ADDRESS,
    PREFIX,
    Json,
    group,
    mapping,
    meta_name,
    named,
    objects,
    port_number,
    text,
)
from narthex.discovery.kubernetes.plain import Described
from narthex.model.target_group import TargetGroup

_PREFERRED = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")


@dataclass(frozen=True, slots=True)
class Node(Described):
    """`labels` go to targets on the node, `own` beside them to the node's target."""

    own: dict[str, str]
    addresses: dict[str, str]  # the first of each type
    kubelet_port: int


def read_node(item: Json) -> Node:
    status = mapping(item.get("status"))
    own = {PREFIX + "node_provider_id": text(mapping(item.get("spec")).get("providerID"))}
    for condition in objects(status.get("conditions")):
        name = meta_name("node_condition_", text(condition.get("type")).lower())
        own[name] = text(text(condition.get("status")).lower())
    addresses: dict[str, str] = {}
    for address in objects(status.get("addresses")):
        addresses.setdefault(text(address.get("type")), text(address.get("address")))
    endpoint = mapping(mapping(status.get("daemonEndpoints")).get("kubeletEndpoint"))
    return Node(named("node", item), own, addresses, port_number(endpoint.get("Port")) or 0)


def node_group(source: str, node: Node) -> TargetGroup:
    """Without targets for a node that has no address."""
    address = next((node.addresses[kind] for kind in _PREFERRED if kind in node.addresses), None)
    if address is None:
        return TargetGroup(source)
    target = {
        ADDRESS: host_port(address, node.kubelet_port),
        "instance": node.labels[PREFIX + "node_name"],
        **{meta_name("node_address_", kind): value for kind, value in node.addresses.items()},
    }
    return group(source, [target], node.labels | node.own)
