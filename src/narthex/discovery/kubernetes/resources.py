"""The kinds of objects that are watched: where the API has them, and how one is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from narthex.config.sd.cluster import KubernetesMetadata, KubernetesSDConfig
from narthex.discovery.kubernetes.cluster import Known
from narthex.discovery.kubernetes.endpoints import read_endpoints, read_slice
from narthex.discovery.kubernetes.ingresses import read_ingress
from narthex.discovery.kubernetes.nodes import read_node
from narthex.discovery.kubernetes.objects import Json
from narthex.discovery.kubernetes.plain import read_namespace, read_owned
from narthex.discovery.kubernetes.pods import read_pod
from narthex.discovery.kubernetes.services import read_service

_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Resource:
    """`read` makes one object of the API into what is kept of it."""

    kind: str
    group: str
    plural: str
    read: Callable[[Json], Known]
    in_namespaces: bool = True
    metadata_only: bool = False

    def path(self, namespace: str) -> str:
        """Of the objects of one namespace, or of all when it is empty."""
        inside = f"/namespaces/{namespace}" if namespace and self.in_namespaces else ""
        return f"{self.group}{inside}/{self.plural}"

    def accept(self, *, listing: bool) -> str:
        """The Accept header; servers may send whole objects where metadata is enough, both are read."""
        return _METADATA.format("List" if listing else "") if self.metadata_only else "application/json"


RESOURCES = {
    resource.kind: resource
    for resource in (
        Resource("node", "/api/v1", "nodes", read_node, in_namespaces=False),
        Resource("namespace", "/api/v1", "namespaces", read_namespace, in_namespaces=False, metadata_only=True),
        Resource("pod", "/api/v1", "pods", read_pod),
        Resource("service", "/api/v1", "services", read_service),
        Resource("endpoints", "/api/v1", "endpoints", read_endpoints),
        Resource("endpointslice", "/apis/discovery.k8s.io/v1", "endpointslices", read_slice),
        Resource("ingress", "/apis/networking.k8s.io/v1", "ingresses", read_ingress),
        Resource("replicaset", "/apis/apps/v1", "replicasets", read_owned, metadata_only=True),
        Resource("job", "/apis/batch/v1", "jobs", read_owned, metadata_only=True),
    )
}


def needed(config: KubernetesSDConfig) -> list[Resource]:
    """What must be watched for a section, its own role first."""
    return [RESOURCES[kind] for kind in _kinds(config.role, config.attach_metadata)]


def _kinds(role: str, attach: KubernetesMetadata) -> Iterable[str]:
    yield role
    if attach.namespace and role != "node":
        yield "namespace"
    if role in ("endpoints", "endpointslice"):
        yield "service"
        yield "pod"
    elif role != "pod":
        return
    if attach.node:
        yield "node"
    if attach.deployment:
        yield "replicaset"
    if attach.cronjob:
        yield "job"
