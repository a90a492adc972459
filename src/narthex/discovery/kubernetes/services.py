"""Role service: one target a port, under the service's name in the cluster's DNS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.discovery.http_api import host_port
from narthex.discovery.kubernetes.cluster import Cluster, Ref
from narthex.discovery.kubernetes.objects import (
    ADDRESS,
    NAMESPACE,
    PREFIX,
    Json,
    group,
    mapping,
    named,
    namespace_of,
    objects,
    port_number,
    text,
    texts,
)
from narthex.discovery.kubernetes.plain import Described
from narthex.discovery.kubernetes.pods import namespace_labels
from narthex.model.target_group import TargetGroup


@dataclass(frozen=True, slots=True)
class Service(Described):
    """`labels` go to endpoints too, `own` only to the targets of the service itself."""

    namespace: str
    name: str
    own: dict[str, str]
    ports: tuple[tuple[int, str, str], ...]  # number, name, protocol
    primary_family: str  # of a service with two IP families, else empty

    def uses(self) -> Iterable[Ref]:
        yield "namespace", self.namespace


def read_service(item: Json) -> Service:
    spec = mapping(item.get("spec"))
    namespace, kind = namespace_of(item), text(spec.get("type"))
    own = {PREFIX + "service_type": kind}
    if kind == "ExternalName":
        own[PREFIX + "service_external_name"] = text(spec.get("externalName"))
    else:
        own[PREFIX + "service_cluster_ip"] = text(spec.get("clusterIP"))
    if kind == "LoadBalancer":
        own[PREFIX + "service_loadbalancer_ip"] = _balancer_addresses(item)
    ports = []
    for port in objects(spec.get("ports")):
        number = port_number(port.get("port"))
        if number is not None:
            ports.append((number, text(port.get("name")), text(port.get("protocol"))))
    families = texts(spec.get("ipFamilies"))
    dual = spec.get("ipFamilyPolicy") in ("PreferDualStack", "RequireDualStack")
    return Service(
        {NAMESPACE: namespace, **named("service", item)},
        namespace,
        text(mapping(item.get("metadata")).get("name")),
        own,
        tuple(ports),
        families[0] if dual and families else "",
    )


def _balancer_addresses(item: Json) -> str:
    balancer = mapping(mapping(item.get("status")).get("loadBalancer"))
    found = [text(ingress.get("ip")) for ingress in objects(balancer.get("ingress"))]
    return ",".join(filter(None, found)) or text(mapping(item.get("spec")).get("loadBalancerIP"))


def service_group(source: str, service: Service, cluster: Cluster) -> TargetGroup:
    host = f"{service.name}.{service.namespace}.svc"
    targets = [
        {
            ADDRESS: host_port(host, number),
            PREFIX + "service_port_name": name,
            PREFIX + "service_port_number": str(number),
            PREFIX + "service_port_protocol": protocol,
            **service.own,
        }
        for number, name, protocol in service.ports
    ]
    return group(source, targets, service.labels | namespace_labels(cluster, service.namespace))
