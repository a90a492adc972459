"""Discovery of ECS: the tasks of clusters that have an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from narthex.clock import Clock
from narthex.config.sd.cloud import ECSSDConfig
from narthex.discovery.aws.api import AwsProvider, given
from narthex.discovery.aws.ec2_instances import VERSION, Instance, named, reservations
from narthex.discovery.aws.ecs_payloads import (
    Cluster,
    Clusters,
    ContainerInstances,
    DescribeNetworkInterfaces,
    Listing,
    Service,
    Services,
    Task,
    Tasks,
)
from narthex.discovery.http_api import host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most, batches
from narthex.model.target_group import TargetGroup

META = "__meta_ecs_"
API = "AmazonEC2ContainerServiceV20141113"
PAGE_SIZE = 100
SERVICES_A_CALL = 10
OTHERS_A_CALL = 100


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What labels of a cluster's tasks need beside the tasks."""

    cluster: Cluster
    services: dict[str, Service]
    instances: dict[str, Instance]
    """EC2 instances by the ARN of the container instance that runs on them."""
    public_ips: dict[str, str]
    """By network interface."""


class ECSProvider(AwsProvider):
    def __init__(
        self,
        config: ECSSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("ecs", config, config_name, metrics, clock, environment=environment)
        self._port, self._clusters, self._limit = config.port, config.clusters, config.request_concurrency

    async def refresh(self) -> Sequence[TargetGroup]:
        region = await self.region()
        names = self._clusters or await self._list("ListClusters", {})
        described = await at_most(self._limit, self._describe_clusters, batches(names, OTHERS_A_CALL))
        clusters = [cluster for batch in described for cluster in batch if cluster.clusterArn]
        targets: list[dict[str, str]] = []
        for cluster in clusters:
            targets += await self._targets(region, cluster)
        return [TargetGroup(region, tuple(targets))]

    async def _list(self, action: str, request: Mapping[str, str]) -> list[str]:
        """All ARNs that a List action gives."""

        async def page(token: str) -> tuple[Sequence[str], str]:
            more = {"nextToken": token} if token else {}
            got = await self.json(Listing, "ecs", f"{API}.{action}", {**request, "maxResults": PAGE_SIZE, **more})
            return [*got.clusterArns, *got.serviceArns, *got.taskArns], got.nextToken

        return await all_pages(page)

    async def _describe_clusters(self, names: Sequence[str]) -> list[Cluster]:
        request = {"clusters": list(names), "include": ["TAGS"]}
        return (await self.json(Clusters, "ecs", f"{API}.DescribeClusters", request)).clusters

    async def _targets(self, region: str, cluster: Cluster) -> list[dict[str, str]]:
        of_cluster = {"cluster": cluster.clusterArn}
        arns = await self._list("ListTasks", of_cluster)
        if not arns:
            return []

        async def describe_tasks(batch: Sequence[str]) -> list[Task]:
            request = {**of_cluster, "tasks": list(batch), "include": ["TAGS"]}
            return (await self.json(Tasks, "ecs", f"{API}.DescribeTasks", request)).tasks

        async def describe_services(batch: Sequence[str]) -> list[Service]:
            request = {**of_cluster, "services": list(batch), "include": ["TAGS"]}
            return (await self.json(Services, "ecs", f"{API}.DescribeServices", request)).services

        listed = batches(await self._list("ListServices", of_cluster), SERVICES_A_CALL)
        services = [s for batch in await at_most(self._limit, describe_services, listed) for s in batch]
        found = await at_most(self._limit, describe_tasks, batches(arns, OTHERS_A_CALL))
        tasks = [task for batch in found for task in batch]
        around = Surroundings(
            cluster=cluster,
            services={service.serviceName: service for service in services if service.serviceName is not None},
            instances=await self._instances(cluster.clusterArn, tasks),
            public_ips=await self._public_ips(tasks),
        )
        targets = [self._labels(region, task, around) for task in tasks]
        return [labels for labels in targets if labels is not None]

    async def _instances(self, cluster_arn: str, tasks: Sequence[Task]) -> dict[str, Instance]:
        arns = list(dict.fromkeys(t.containerInstanceArn for t in tasks if t.containerInstanceArn))

        async def describe(batch: Sequence[str]) -> dict[str, str]:
            request = {"cluster": cluster_arn, "containerInstances": list(batch)}
            got = await self.json(ContainerInstances, "ecs", f"{API}.DescribeContainerInstances", request)
            return {i.containerInstanceArn: i.ec2InstanceId for i in got.containerInstances if i.ec2InstanceId}

        ids: dict[str, str] = {}
        for some in await at_most(self._limit, describe, batches(arns, OTHERS_A_CALL)):
            ids |= some
        known: dict[str, Instance] = {}
        for batch in batches(list(dict.fromkeys(ids.values())), OTHERS_A_CALL):
            form = {f"InstanceId.{i}": one for i, one in enumerate(batch, 1)}
            for reservation in await reservations(self, form):
                known |= {i.instanceId: i for i in reservation.instancesSet if i.privateIpAddress is not None}
        # An instance of which EC2 says nothing still has its id.
        return {arn: known.get(one, Instance(instanceId=one)) for arn, one in ids.items()}

    async def _public_ips(self, tasks: Sequence[Task]) -> dict[str, str]:
        interfaces = [task.interface().get("networkInterfaceId", "") for task in tasks]
        found: dict[str, str] = {}
        for batch in batches(list(dict.fromkeys(filter(None, interfaces))), OTHERS_A_CALL):
            form = {f"NetworkInterfaceId.{i}": one for i, one in enumerate(batch, 1)}
            got = await self.query(DescribeNetworkInterfaces, "ec2", VERSION, "DescribeNetworkInterfaces", form)
            found |= {i.networkInterfaceId: i.association.publicIp for i in got.networkInterfaceSet}
        return {interface: ip for interface, ip in found.items() if ip}

    def _labels(self, region: str, task: Task, around: Surroundings) -> dict[str, str] | None:
        interface = task.interface()
        instance = around.instances.get(task.containerInstanceArn or "")
        mode, address, subnet, public = "", "", "", ""
        if interface:
            mode, address = "awsvpc", interface.get("privateIPv4Address", "")
            subnet = interface.get("subnetId", "")
            public = around.public_ips.get(interface.get("networkInterfaceId", ""), "")
        elif task.containerInstanceArn is not None:
            mode = "bridge"
            if instance is not None:
                address, subnet = instance.privateIpAddress or "", instance.subnetId or ""
                public = instance.ipAddress or ""
        if not address:
            return None
        kind, _, name = (task.group or "").partition(":")
        service = around.services.get(name, Service()) if kind == "service" else Service()
        labels: dict[str, str | None] = {
            "ip_address": address,
            "region": region,
            "launch_type": task.launchType,
            "health_status": task.healthStatus,
            "network_mode": mode,
            "cluster_arn": around.cluster.clusterArn,
            "cluster": around.cluster.clusterName,
            "task_group": task.group,
            "task_arn": task.taskArn,
            "task_definition": task.taskDefinitionArn,
            "availability_zone": task.availabilityZone,
            "desired_status": task.desiredStatus,
            "last_status": task.lastStatus,
            "subnet_id": subnet or None,
            "public_ip": public or None,
            "container_instance_arn": task.containerInstanceArn,
            "platform_family": task.platformFamily,
            "platform_version": task.platformVersion,
            "service": service.serviceName,
            "service_arn": service.serviceArn,
            "service_status": service.status,
        }
        all_tags = {"cluster": named(around.cluster.tags), "service": named(service.tags), "task": named(task.tags)}
        if instance is not None:
            labels |= {
                "ec2_instance_id": instance.instanceId,
                "ec2_instance_type": instance.instanceType or None,
                "ec2_instance_private_ip": instance.privateIpAddress,
                "ec2_instance_public_ip": instance.ipAddress,
            }
            all_tags["ec2"] = instance.tags()
        of_tags = {
            f"tag_{of}_{label_name(name)}": value for of, some in all_tags.items() for name, value in some.items()
        }
        return {"__address__": host_port(address, self._port), **given(META, labels | of_tags)}
