"""Discovery of hypervisors, instances or load balancers of an OpenStack region, as the role of the section says."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import OpenStackSDConfig
from narthex.discovery.http_api import host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.openstack_api import OpenStackProvider
from narthex.discovery.payload import Payload
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)
PREFIX = "__meta_openstack_"


class Hypervisor(Payload):
    id: int | str = ""
    host_ip: str = ""
    hypervisor_hostname: str = ""
    hypervisor_type: str = ""
    state: str = ""
    status: str = ""


class Port(Payload):
    id: str = ""
    device_id: str = ""


class FloatingIP(Payload):
    floating_ip_address: str = ""
    fixed_ip_address: str = ""
    port_id: str = ""


class Server(Payload):
    """Flavour and addresses differ by version of the API; `image` is an empty text for servers that have none."""

    id: str = ""
    name: str = ""
    status: str = ""
    tenant_id: str = ""
    user_id: str = ""
    flavor: dict[str, Any] = Field(default_factory=dict)
    image: Any = None
    metadata: dict[str, str] = Field(default_factory=dict)
    addresses: dict[str, Any] = Field(default_factory=dict)


class Reference(Payload):
    id: str = ""


class Listener(Payload):
    protocol: str = ""
    protocol_port: int = 0
    loadbalancers: list[Reference] = Field(default_factory=list)


class LoadBalancer(Payload):
    id: str = ""
    name: str = ""
    operating_status: str = ""
    provisioning_status: str = ""
    availability_zone: str = ""
    vip_address: str = ""
    vip_port_id: str = ""
    provider: str = ""
    project_id: str = ""
    tags: list[str] = Field(default_factory=list)


class HypervisorProvider(OpenStackProvider):
    async def refresh(self) -> Sequence[TargetGroup]:
        await self.authenticate()
        found = await self.pages(Hypervisor, f"{self.endpoint('compute')}os-hypervisors/detail", "hypervisors")
        targets = tuple(
            {
                "__address__": host_port(hypervisor.host_ip, self._config.port),
                f"{PREFIX}hypervisor_id": str(hypervisor.id),
                f"{PREFIX}hypervisor_host_ip": hypervisor.host_ip,
                f"{PREFIX}hypervisor_hostname": hypervisor.hypervisor_hostname,
                f"{PREFIX}hypervisor_state": hypervisor.state,
                f"{PREFIX}hypervisor_status": hypervisor.status,
                f"{PREFIX}hypervisor_type": hypervisor.hypervisor_type,
            }
            for hypervisor in found
        )
        return [TargetGroup(self.source, targets)]


class InstanceProvider(OpenStackProvider):
    """A target for each fixed address; a floating one is the label of the fixed one that it leads to."""

    async def refresh(self) -> Sequence[TargetGroup]:
        await self.authenticate()
        network = self.endpoint_v2("network")
        devices = {port.id: port.device_id for port in await self.pages(Port, f"{network}ports", "ports")}
        floating: dict[tuple[str, str], str] = {}
        for ip in await self.pages(FloatingIP, f"{network}floatingips", "floatingips"):
            if ip.port_id in devices and ip.fixed_ip_address:
                floating[devices[ip.port_id], ip.fixed_ip_address] = ip.floating_ip_address
        query = "?all_tenants=true" if self._config.all_tenants else ""
        servers = await self.pages(Server, f"{self.endpoint('compute')}servers/detail{query}", "servers")
        targets = tuple(labels for server in servers for labels in self._targets(server, floating))
        return [TargetGroup(self.source, targets)]

    def _targets(self, server: Server, floating: Mapping[tuple[str, str], str]) -> Iterator[dict[str, str]]:
        flavor = server.flavor.get("original_name")  # from microversion 2.47 on, instead of the id
        flavor = flavor if isinstance(flavor, str) else server.flavor.get("id")
        if not isinstance(flavor, str):
            log.warning("discovery openstack: server %s has neither name nor id of a flavour", server.id)
            return
        common = {
            f"{PREFIX}instance_id": server.id,
            f"{PREFIX}instance_name": server.name,
            f"{PREFIX}instance_status": server.status,
            f"{PREFIX}instance_flavor": flavor,
            f"{PREFIX}project_id": server.tenant_id,
            f"{PREFIX}user_id": server.user_id,
            **{f"{PREFIX}tag_{label_name(name)}": value for name, value in server.metadata.items()},
        }
        if isinstance(server.image, dict) and isinstance(server.image.get("id"), str):
            common[f"{PREFIX}instance_image"] = server.image["id"]
        public = set(floating.values())
        for pool, addresses in server.addresses.items():
            for entry in addresses if isinstance(addresses, list) else ():
                address = entry.get("addr") if isinstance(entry, dict) else None
                if not isinstance(address, str) or address in public:
                    continue
                labels = {
                    **common,
                    "__address__": host_port(address, self._config.port),
                    f"{PREFIX}address_pool": pool,
                    f"{PREFIX}private_ip": address,
                }
                if (server.id, address) in floating:
                    labels[f"{PREFIX}public_ip"] = floating[server.id, address]
                yield labels


class LoadBalancerProvider(OpenStackProvider):
    """Load balancers with a listener of protocol PROMETHEUS, at its port."""

    async def refresh(self) -> Sequence[TargetGroup]:
        await self.authenticate()
        base = f"{self.endpoint_v2('load-balancer')}lbaas/"
        network = self.endpoint_v2("network")
        balancers = await self.pages(LoadBalancer, f"{base}loadbalancers", "loadbalancers")
        ports: dict[str, int] = {}
        for listener in await self.pages(Listener, f"{base}listeners", "listeners"):
            if listener.protocol == "PROMETHEUS":
                for balancer in listener.loadbalancers:
                    ports.setdefault(balancer.id, listener.protocol_port)
        ips = await self.pages(FloatingIP, f"{network}floatingips", "floatingips")
        floating = {ip.port_id: ip.floating_ip_address for ip in ips if ip.port_id}
        targets = tuple(
            _balancer_labels(balancer, ports[balancer.id], floating) for balancer in balancers if balancer.id in ports
        )
        return [TargetGroup(self.source, targets)]


def _balancer_labels(balancer: LoadBalancer, port: int, floating: Mapping[str, str]) -> dict[str, str]:
    labels = {
        "__address__": host_port(balancer.vip_address, port),
        f"{PREFIX}project_id": balancer.project_id,
        f"{PREFIX}loadbalancer_id": balancer.id,
        f"{PREFIX}loadbalancer_name": balancer.name,
        f"{PREFIX}loadbalancer_operating_status": balancer.operating_status,
        f"{PREFIX}loadbalancer_provisioning_status": balancer.provisioning_status,
        f"{PREFIX}loadbalancer_availability_zone": balancer.availability_zone,
        f"{PREFIX}loadbalancer_vip": balancer.vip_address,
        f"{PREFIX}loadbalancer_provider": balancer.provider,
    }
    if balancer.tags:
        labels[f"{PREFIX}loadbalancer_tags"] = ",".join(balancer.tags)
    if balancer.vip_port_id in floating:
        labels[f"{PREFIX}loadbalancer_floating_ip"] = floating[balancer.vip_port_id]
    return labels


def provider(config: OpenStackSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> OpenStackProvider:
    match config.role:
        case "hypervisor":
            return HypervisorProvider(config, config_name, metrics, clock)
        case "instance":
            return InstanceProvider(config, config_name, metrics, clock)
        case _:
            return LoadBalancerProvider(config, config_name, metrics, clock)
