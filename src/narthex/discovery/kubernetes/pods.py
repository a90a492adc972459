"""Role pod: a target for each port of each container, one without a port for a container that names none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from narthex.discovery.http_api import host_port
from narthex.discovery.kubernetes.cluster import Cluster, Ref
from narthex.discovery.kubernetes.objects import (
    ADDRESS,
    NAMESPACE,
    PREFIX,
    Json,
    controller,
    group,
    mapping,
    named,
    namespace_of,
    object_key,
    objects,
    port_number,
    text,
    without_empty,
)
from narthex.discovery.kubernetes.plain import Described, Owned
from narthex.model.target_group import TargetGroup

CONTAINER = PREFIX + "pod_container_"


@dataclass(frozen=True, slots=True)
class ContainerPort:
    number: int
    name: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    id: str
    image: str
    init: str  # "true" or "false"
    ports: tuple[ContainerPort, ...]

    def port_labels(self, port: ContainerPort, protocol: str | None = None) -> dict[str, str]:
        """All about a port but the container's id; `protocol` is one to show instead of the port's."""
        return {
            CONTAINER + "name": self.name,
            CONTAINER + "image": self.image,
            CONTAINER + "init": self.init,
            CONTAINER + "port_name": port.name,
            CONTAINER + "port_number": str(port.number),
            CONTAINER + "port_protocol": port.protocol if protocol is None else protocol,
        }


@dataclass(frozen=True, slots=True)
class Pod:
    """`labels` are those of the pod alone, its namespace among them."""

    namespace: str
    ip: str
    node: str
    controller: tuple[str, str]
    labels: dict[str, str]
    containers: tuple[Container, ...]

    def uses(self) -> Iterable[Ref]:
        yield "node", self.node
        yield "namespace", self.namespace
        yield self.controller[0].lower(), object_key(self.namespace, self.controller[1])


def read_pod(item: Json) -> Pod:
    spec, status = mapping(item.get("spec")), mapping(item.get("status"))
    namespace, owner = namespace_of(item), controller(item)
    labels = {
        NAMESPACE: namespace,
        PREFIX + "pod_ip": text(status.get("podIP")),
        PREFIX + "pod_ready": _ready(status),
        PREFIX + "pod_phase": text(status.get("phase")),
        PREFIX + "pod_node_name": text(spec.get("nodeName")),
        PREFIX + "pod_host_ip": text(status.get("hostIP")),
        PREFIX + "pod_uid": text(mapping(item.get("metadata")).get("uid")),
        PREFIX + "pod_controller_kind": owner[0],
        PREFIX + "pod_controller_name": owner[1],
        **named("pod", item),
    }
    containers = (
        *_containers(spec.get("containers"), status.get("containerStatuses"), "false"),
        *_containers(spec.get("initContainers"), status.get("initContainerStatuses"), "true"),
    )
    return Pod(
        namespace,
        text(status.get("podIP")),
        text(spec.get("nodeName")),
        owner,
        without_empty(labels),
        containers,
    )


def _ready(status: Json) -> str:
    for condition in objects(status.get("conditions")):
        if condition.get("type") == "Ready":
            return text(text(condition.get("status")).lower())
    return "unknown"


def _containers(specs: object, statuses: object, init: str) -> Iterator[Container]:
    ids: dict[str, str] = {}
    for status in objects(statuses):
        ids.setdefault(text(status.get("name")), text(status.get("containerID")))
    for spec in objects(specs):
        ports = []
        for port in objects(spec.get("ports")):
            number = port_number(port.get("containerPort"))
            if number is not None:
                ports.append(ContainerPort(number, text(port.get("name")), text(port.get("protocol"))))
        name = text(spec.get("name"))
        yield Container(name, ids.get(name, ""), text(spec.get("image")), init, tuple(ports))


@dataclass(frozen=True, slots=True)
class Workloads:
    """Which objects above a pod are shown with it."""

    deployment: bool = False
    job: bool = False
    cronjob: bool = False

    def labels(self, pod: Pod, cluster: Cluster) -> dict[str, str]:
        kind, name = pod.controller
        key = object_key(pod.namespace, name)
        out: dict[str, str] = {}
        if kind == "ReplicaSet" and self.deployment:
            out[PREFIX + "pod_deployment_name"] = _owner(cluster, "replicaset", key, "Deployment")
        elif kind == "Job":
            if self.job:
                out[PREFIX + "pod_job_name"] = name
            if self.cronjob:
                out[PREFIX + "pod_cronjob_name"] = _owner(cluster, "job", key, "CronJob")
        return out


def _owner(cluster: Cluster, kind: str, key: str, owner_kind: str) -> str:
    found = cluster.get(kind, key)
    return found.name if isinstance(found, Owned) and found.kind == owner_kind else ""


def pod_group(source: str, pod: Pod, cluster: Cluster, workloads: Workloads) -> TargetGroup:
    """Without targets for a pod that has no address yet, or whose node the selectors leave out."""
    if not pod.ip:
        return TargetGroup(source)
    extra = workloads.labels(pod, cluster) | namespace_labels(cluster, pod.namespace)
    if cluster.watches("node"):
        node = cluster.get("node", pod.node)
        if not isinstance(node, Described):
            return TargetGroup(source)
        extra |= node.labels
    targets: list[dict[str, str]] = []
    for container in pod.containers:
        own = {CONTAINER + "id": container.id}
        targets += (
            {ADDRESS: host_port(pod.ip, port.number), **own, **container.port_labels(port)} for port in container.ports
        )
        if not container.ports:
            targets.append(
                {
                    ADDRESS: pod.ip,
                    **own,
                    CONTAINER + "name": container.name,
                    CONTAINER + "image": container.image,
                    CONTAINER + "init": container.init,
                }
            )
    return group(source, targets, pod.labels | extra if extra else pod.labels)


def namespace_labels(cluster: Cluster, namespace: str) -> dict[str, str]:
    found = cluster.get("namespace", namespace)
    return found.labels if isinstance(found, Described) else {}
