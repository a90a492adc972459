"""Discovery of services, tasks or nodes of a Docker Swarm, as the role of the section says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from narthex.clock import Clock
from narthex.config.sd.cluster import DockerSwarmSDConfig
from narthex.discovery.docker_api import DockerApiProvider, prefixed
from narthex.discovery.dockerswarm_objects import Node, Port, Service, Task
from narthex.discovery.http_api import host_port
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

SOURCE = "DockerSwarm"
PREFIX = "__meta_dockerswarm_"


class DockerSwarmProvider(DockerApiProvider):
    def __init__(self, config: DockerSwarmSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock)
        self._role, self._port = config.role, config.port

    async def refresh(self) -> Sequence[TargetGroup]:
        match self._role:
            case "services":
                targets = await self._services()
            case "nodes":
                targets = await self._nodes()
            case _:
                targets = await self._tasks()
        return [TargetGroup(SOURCE, tuple(targets))]

    async def _nodes(self) -> list[dict[str, str]]:
        nodes = await self.list(list[Node], "nodes", filtered=True)
        return [
            {"__address__": host_port(node.status.addr, self._port), **node_labels(node), **_node_details(node)}
            for node in nodes
        ]

    async def _services(self) -> list[dict[str, str]]:
        services = await self.list(list[Service], "services", filtered=True)
        networks = await self.networks(PREFIX)
        targets: list[dict[str, str]] = []
        for service in services:
            common = {**service_labels(service), **_service_details(service)}
            for virtual in filter(lambda virtual: virtual.addr, service.endpoint.virtual_ips):
                labels = {**common, **networks.get(virtual.network_id, {})}
                host = host_of(virtual.addr)
                ports = _tcp(service.endpoint.ports)
                targets += [
                    {
                        **labels,
                        "__address__": host_port(host, port.published_port),
                        f"{PREFIX}service_endpoint_port_name": port.name,
                        f"{PREFIX}service_endpoint_port_publish_mode": port.publish_mode,
                    }
                    for port in ports
                ]
                if not ports:
                    targets.append({**labels, "__address__": host_port(host, self._port)})
        return targets

    async def _tasks(self) -> list[dict[str, str]]:
        tasks = await self.list(list[Task], "tasks", filtered=True)
        services = {service.id: service for service in await self.list(list[Service], "services")}
        nodes = {node.id: node_labels(node) for node in await self.list(list[Node], "nodes")}
        networks = await self.networks(PREFIX)
        targets: list[dict[str, str]] = []
        for task in tasks:
            service = services.get(task.service_id)
            labels = {
                **_task_labels(task),
                **(service_labels(service) if service else {}),
                **nodes.get(task.node_id, {}),
            }
            targets += _published(task, labels)
            targets += self._attached(task, labels, _tcp(service.endpoint.ports) if service else [], networks)
        return targets

    def _attached(
        self,
        task: Task,
        labels: Mapping[str, str],
        ports: Sequence[Port],
        networks: Mapping[str, Mapping[str, str]],
    ) -> Iterator[dict[str, str]]:
        """Targets at a task's addresses in its networks, with the ports of its service."""
        for attachment in task.networks_attachments:
            common = {**labels, **networks.get(attachment.network.id, {})}
            for address in attachment.addresses:
                host = host_of(address)
                for port in ports:
                    mode = {f"{PREFIX}task_port_publish_mode": port.publish_mode}
                    yield {**common, **mode, "__address__": host_port(host, port.published_port)}
                if not ports:
                    yield {**common, "__address__": host_port(host, self._port)}


def _published(task: Task, labels: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Targets at the ports that a task itself has on its node."""
    host = labels.get(f"{PREFIX}node_address", "")
    for port in _tcp(task.status.port_status.ports):
        mode = {f"{PREFIX}task_port_publish_mode": port.publish_mode}
        yield {**mode, **labels, "__address__": host_port(host, port.published_port)}


def _tcp(ports: Sequence[Port]) -> list[Port]:
    return [port for port in ports if port.protocol == "tcp"]


def host_of(network: str) -> str:
    """The address in something like 10.0.1.34/24. Raises HTTPClientError."""
    try:
        return str(ipaddress.ip_interface(network).ip)
    except ValueError:
        raise HTTPClientError(f'the answer cannot be used: "{network[:100]}" is not an address') from None


def node_labels(node: Node) -> dict[str, str]:
    """What a node and the tasks on it have in common."""
    return {
        f"{PREFIX}node_id": node.id,
        f"{PREFIX}node_role": node.spec.role,
        f"{PREFIX}node_availability": node.spec.availability,
        f"{PREFIX}node_hostname": node.description.hostname,
        f"{PREFIX}node_platform_architecture": node.description.platform.architecture,
        f"{PREFIX}node_platform_os": node.description.platform.os,
        f"{PREFIX}node_status": node.status.state,
        f"{PREFIX}node_address": node.status.addr,
        **prefixed(f"{PREFIX}node_label_", node.spec.labels),
    }


def _node_details(node: Node) -> dict[str, str]:
    labels = {f"{PREFIX}node_engine_version": node.description.engine.engine_version}
    if node.manager_status is not None:
        labels |= {
            f"{PREFIX}node_manager_leader": "true" if node.manager_status.leader else "false",
            f"{PREFIX}node_manager_reachability": node.manager_status.reachability,
            f"{PREFIX}node_manager_address": node.manager_status.addr,
        }
    return labels


def service_labels(service: Service) -> dict[str, str]:
    """What a service and its tasks have in common."""
    mode = service.spec.mode
    kind = "global" if mode.global_ is not None else "replicated" if mode.replicated is not None else ""
    return {
        f"{PREFIX}service_id": service.id,
        f"{PREFIX}service_name": service.spec.name,
        f"{PREFIX}service_mode": kind,
        **prefixed(f"{PREFIX}service_label_", service.spec.labels),
    }


def _service_details(service: Service) -> dict[str, str]:
    labels = {}
    container = service.spec.task_template.container_spec
    if container is not None:  # services of plugins have none
        labels[f"{PREFIX}service_task_container_hostname"] = container.hostname
        labels[f"{PREFIX}service_task_container_image"] = container.image
    if service.update_status is not None:
        labels[f"{PREFIX}service_updating_status"] = service.update_status.state
    return labels


def _task_labels(task: Task) -> dict[str, str]:
    labels = {
        f"{PREFIX}task_id": task.id,
        f"{PREFIX}task_desired_state": task.desired_state,
        f"{PREFIX}task_state": task.status.state,
        f"{PREFIX}task_slot": str(task.slot),
    }
    if task.status.container_status is not None:
        labels[f"{PREFIX}task_container_id"] = task.status.container_status.container_id
    if task.spec.container_spec is not None:
        labels |= prefixed(f"{PREFIX}container_label_", task.spec.container_spec.labels)
    return labels
