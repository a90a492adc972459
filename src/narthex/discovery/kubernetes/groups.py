"""From an object of a cluster to its target group, whatever the role."""

from __future__ import annotations

from narthex.discovery.kubernetes.cluster import Cluster
from narthex.discovery.kubernetes.endpoints import Endpoints, endpoints_group
from narthex.discovery.kubernetes.ingresses import Ingress, ingress_group
from narthex.discovery.kubernetes.nodes import Node, node_group
from narthex.discovery.kubernetes.pods import Pod, Workloads, pod_group
from narthex.discovery.kubernetes.services import Service, service_group
from narthex.errors import InternalError
from narthex.model.target_group import TargetGroup


def group_of(role: str, key: str, cluster: Cluster, workloads: Workloads) -> TargetGroup:
    """The group of the object with this key, without targets when there is none."""
    source, found = f"{role}/{key}", cluster.get(role, key)
    match found:
        case None:
            return TargetGroup(source)
        case Pod():
            return pod_group(source, found, cluster, workloads)
        case Endpoints():
            return endpoints_group(source, found, cluster, workloads)
        case Service():
            return service_group(source, found, cluster)
        case Ingress():
            return ingress_group(source, found, cluster)
        case Node():
            return node_group(source, found)
    raise InternalError(f"no role makes targets from {type(found).__name__}")
