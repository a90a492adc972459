"""Roles endpoints and endpointslice: one target an address and port, and those ports of pods that no service names.

Both kinds of object are kept in the same form, which says of each target what it adds to the labels of its pod.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from narthex.discovery.http_api import host_port
from narthex.discovery.kubernetes.cluster import Cluster, Ref
from narthex.discovery.kubernetes.objects import (
    ADDRESS,
    NAMESPACE,
    PREFIX,
    Json,
    group,
    mapping,
    meta_name,
    named,
    namespace_of,
    object_key,
    objects,
    port_number,
    text,
    texts,
)
from narthex.discovery.kubernetes.plain import Described
from narthex.discovery.kubernetes.pods import Pod, Workloads, namespace_labels
from narthex.discovery.kubernetes.services import Service
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

ENDPOINT = PREFIX + "endpoint_"
SLICE = PREFIX + "endpointslice_"
SERVICE_NAME = "kubernetes.io/service-name"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"


@dataclass(frozen=True, slots=True)
class Port:
    number: int | None
    shown_protocol: str | None  # in place of the container port's
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Address:
    """`pod` and `node` are keys of what stands behind it, empty when there is none."""

    hosts: tuple[str, ...]
    pod: str
    node: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`sets` are ports with the addresses that have all of them; `family` is empty where it does not matter."""

    namespace: str
    service: str
    family: str
    labels: dict[str, str]
    sets: tuple[tuple[tuple[Port, ...], tuple[Address, ...]], ...]

    def uses(self) -> Iterable[Ref]:
        yield "namespace", self.namespace
        yield "service", self.service
        for _, addresses in self.sets:
            for address in addresses:
                yield "pod", address.pod
                yield "node", address.node


def read_endpoints(item: Json) -> Endpoints:
    namespace = namespace_of(item)
    metadata = mapping(item.get("metadata"))
    name = text(metadata.get("name"))
    capacity = mapping(metadata.get("annotations")).get(OVER_CAPACITY)
    if capacity in ("truncated", "warning"):
        log.warning(
            "discovery kubernetes: endpoints %s/%s have more than 1000 addresses%s: use role endpointslice",
            namespace,
            name,
            ", the rest is cut off" if capacity == "truncated" else "",
        )
    sets = []
    for subset in objects(item.get("subsets")):
        ports = tuple(_endpoints_ports(subset))
        addresses = [
            _endpoints_address(address, ready)
            for field, ready in (("addresses", "true"), ("notReadyAddresses", "false"))
            for address in objects(subset.get(field))
        ]
        sets.append((ports, tuple(addresses)))
    labels = {NAMESPACE: namespace, **named("endpoints", item)}
    return Endpoints(namespace, object_key(namespace, name), "", labels, tuple(sets))


def _endpoints_ports(subset: Json) -> Iterator[Port]:
    for port in objects(subset.get("ports")):
        number, protocol = port_number(port.get("port")), text(port.get("protocol"))
        if number is not None:
            labels = {ENDPOINT + "port_name": text(port.get("name")), ENDPOINT + "port_protocol": protocol}
            yield Port(number, protocol, labels)


def _endpoints_address(address: Json, ready: str) -> Address:
    target, node = mapping(address.get("targetRef")), text(address.get("nodeName"))
    kind, name = text(target.get("kind")), text(target.get("name"))
    labels = {
        ENDPOINT + "ready": ready,
        ENDPOINT + "address_target_kind": kind,
        ENDPOINT + "address_target_name": name,
        ENDPOINT + "node_name": node,
        ENDPOINT + "hostname": text(address.get("hostname")),
    }
    return Address(
        (text(address.get("ip")),),
        object_key(text(target.get("namespace")), name) if kind == "Pod" else "",
        node or (name if kind == "Node" else ""),
        labels,
    )


def read_slice(item: Json) -> Endpoints:
    namespace, family = namespace_of(item), text(item.get("addressType"))
    service = text(mapping(mapping(item.get("metadata")).get("labels")).get(SERVICE_NAME))
    ports = tuple(_slice_port(port) for port in objects(item.get("ports")))
    addresses = tuple(_slice_address(endpoint) for endpoint in objects(item.get("endpoints")))
    labels = {NAMESPACE: namespace, SLICE + "address_type": family, **named("endpointslice", item)}
    key = object_key(namespace, service) if service else ""
    return Endpoints(namespace, key, family, labels, ((ports, addresses),))


def _slice_port(port: Json) -> Port:
    """A port without a number stands for all ports."""
    number = port_number(port.get("port"))
    labels = {
        SLICE + "port_name": text(port.get("name")),
        SLICE + "port_protocol": text(port.get("protocol")),
        SLICE + "port": "" if number is None else str(number),
        SLICE + "port_app_protocol": text(port.get("appProtocol")),
    }
    return Port(number, None, labels)


def _slice_address(endpoint: Json) -> Address:
    target, node = mapping(endpoint.get("targetRef")), text(endpoint.get("nodeName"))
    kind, name = text(target.get("kind")), text(target.get("name"))
    labels = {
        SLICE + "endpoint_hostname": text(endpoint.get("hostname")),
        SLICE + "address_target_kind": kind,
        SLICE + "address_target_name": name,
        SLICE + "endpoint_node_name": node,
        SLICE + "endpoint_zone": text(endpoint.get("zone")),
    }
    conditions = mapping(endpoint.get("conditions"))
    for condition in ("ready", "serving", "terminating"):
        if isinstance(conditions.get(condition), bool):
            labels[f"{SLICE}endpoint_conditions_{condition}"] = "true" if conditions[condition] else "false"
    for topology, value in mapping(endpoint.get("deprecatedTopology")).items():
        labels[meta_name("endpointslice_endpoint_topology_", topology)] = text(value)
        labels[meta_name("endpointslice_endpoint_topology_present_", topology)] = "true"
    return Address(
        tuple(texts(endpoint.get("addresses"))),
        object_key(text(target.get("namespace")), name) if kind == "Pod" else "",
        name if kind == "Node" else node,
        labels,
    )


def endpoints_group(source: str, endpoints: Endpoints, cluster: Cluster, workloads: Workloads) -> TargetGroup:
    labels = dict(endpoints.labels)
    service = cluster.get("service", endpoints.service)
    if isinstance(service, Service):
        labels |= service.labels
        if endpoints.family and service.primary_family not in ("", endpoints.family):
            return TargetGroup(source)  # the slice of the other family has the same targets
    labels |= namespace_labels(cluster, endpoints.namespace)
    targets: list[dict[str, str]] = []
    backing: dict[str, tuple[Pod, dict[str, str], set[int | None]]] = {}  # by key: with its labels and the ports given
    for ports, addresses in endpoints.sets:
        for port, address in product(ports, addresses):
            own = port.labels | address.labels
            node = cluster.get("node", address.node)
            if isinstance(node, Described):
                own |= node.labels
            pod = cluster.get("pod", address.pod)
            if isinstance(pod, Pod):
                if address.pod not in backing:
                    backing[address.pod] = pod, _pod_labels(pod, cluster, workloads), set()
                _, pod_labels, given = backing[address.pod]
                given.add(port.number)
                own |= pod_labels
                own |= _container_labels(pod, port)
            targets += (
                {**own, ADDRESS: host if port.number is None else host_port(host, port.number)}
                for host in address.hosts
            )
    for pod, pod_labels, given in backing.values():
        targets += _other_ports(pod, pod_labels, given)
    return group(source, targets, labels)


def _pod_labels(pod: Pod, cluster: Cluster, workloads: Workloads) -> dict[str, str]:
    labels = pod.labels | workloads.labels(pod, cluster)
    labels.pop(NAMESPACE, None)  # that of the endpoints stands in the group
    return labels


def _container_labels(pod: Pod, port: Port) -> dict[str, str]:
    """Of the last container that has this port."""
    for container in reversed(pod.containers):
        for own in container.ports:
            if own.number == port.number:
                return container.port_labels(own, port.shown_protocol)
    return {}


def _other_ports(pod: Pod, labels: dict[str, str], given: set[int | None]) -> Iterator[dict[str, str]]:
    if not pod.ip:
        return
    for container in pod.containers:
        for port in container.ports:
            if port.number not in given:
                yield {ADDRESS: host_port(pod.ip, port.number), **container.port_labels(port), **labels}
