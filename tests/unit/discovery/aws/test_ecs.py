from __future__ import annotations

from typing import Any

import pytest

from unit.discovery.api import Life, fake_api, live
from unit.discovery.aws.fake import aws, make

CLUSTER = {"clusterArn": "arn:c1", "clusterName": "one", "tags": [{"key": "env", "value": "prod"}]}
SERVICE = {
    "serviceArn": "arn:s1",
    "serviceName": "web",
    "status": "ACTIVE",
    "tags": [{"key": "a b", "value": "s"}],
}
FARGATE: dict[str, Any] = {
    "taskArn": "arn:t1",
    "taskDefinitionArn": "arn:d1",
    "group": "service:web",
    "launchType": "FARGATE",
    "healthStatus": "HEALTHY",
    "desiredStatus": "RUNNING",
    "lastStatus": "RUNNING",
    "availabilityZone": "eu-west-1a",
    "platformFamily": "Linux",
    "platformVersion": "1.4.0",
    "tags": [{"key": "t", "value": "v"}],
    "attachments": [
        {
            "type": "ElasticNetworkInterface",
            "details": [
                {"name": "subnetId", "value": "subnet-1"},
                {"name": "networkInterfaceId", "value": "eni-1"},
                {"name": "privateIPv4Address", "value": "10.0.0.1"},
            ],
        }
    ],
}
BRIDGE = {
    "taskArn": "arn:t2",
    "group": "family:batch",
    "launchType": "EC2",
    "healthStatus": "UNKNOWN",
    "containerInstanceArn": "arn:ci1",
}
FARGATE_LABELS = {
    "__address__": "10.0.0.1:80",
    "__meta_ecs_cluster": "one",
    "__meta_ecs_cluster_arn": "arn:c1",
    "__meta_ecs_service": "web",
    "__meta_ecs_service_arn": "arn:s1",
    "__meta_ecs_service_status": "ACTIVE",
    "__meta_ecs_task_group": "service:web",
    "__meta_ecs_task_arn": "arn:t1",
    "__meta_ecs_task_definition": "arn:d1",
    "__meta_ecs_region": "eu-west-1",
    "__meta_ecs_availability_zone": "eu-west-1a",
    "__meta_ecs_subnet_id": "subnet-1",
    "__meta_ecs_ip_address": "10.0.0.1",
    "__meta_ecs_public_ip": "3.3.3.3",
    "__meta_ecs_launch_type": "FARGATE",
    "__meta_ecs_desired_status": "RUNNING",
    "__meta_ecs_last_status": "RUNNING",
    "__meta_ecs_health_status": "HEALTHY",
    "__meta_ecs_platform_family": "Linux",
    "__meta_ecs_platform_version": "1.4.0",
    "__meta_ecs_network_mode": "awsvpc",
    "__meta_ecs_tag_cluster_env": "prod",
    "__meta_ecs_tag_service_a_b": "s",
    "__meta_ecs_tag_task_t": "v",
}
BRIDGE_LABELS = {
    "__address__": "10.0.0.9:80",
    "__meta_ecs_cluster": "one",
    "__meta_ecs_cluster_arn": "arn:c1",
    "__meta_ecs_task_group": "family:batch",
    "__meta_ecs_task_arn": "arn:t2",
    "__meta_ecs_region": "eu-west-1",
    "__meta_ecs_subnet_id": "subnet-9",
    "__meta_ecs_ip_address": "10.0.0.9",
    "__meta_ecs_public_ip": "4.4.4.4",
    "__meta_ecs_launch_type": "EC2",
    "__meta_ecs_health_status": "UNKNOWN",
    "__meta_ecs_network_mode": "bridge",
    "__meta_ecs_container_instance_arn": "arn:ci1",
    "__meta_ecs_ec2_instance_id": "i-9",
    "__meta_ecs_ec2_instance_type": "m5",
    "__meta_ecs_ec2_instance_private_ip": "10.0.0.9",
    "__meta_ecs_ec2_instance_public_ip": "4.4.4.4",
    "__meta_ecs_tag_cluster_env": "prod",
    "__meta_ecs_tag_ec2_host": "h",
}
INTERFACES = """<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1
</networkInterfaceId><association><publicIp>3.3.3.3</publicIp></association></item></networkInterfaceSet>
</DescribeNetworkInterfacesResponse>"""
INSTANCES = """<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-9</instanceId>
<instanceType>m5</instanceType><privateIpAddress>10.0.0.9</privateIpAddress><ipAddress>4.4.4.4</ipAddress>
<subnetId>subnet-9</subnetId><tagSet><item><key>host</key><value>h</value></item></tagSet></item></instancesSet>
</item></reservationSet></DescribeInstancesResponse>"""


class Cluster:
    """The actions of one cluster; `tasks` may change."""

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self.tasks = tasks
        self.batches: list[int] = []

    def actions(self) -> dict[str, Any]:
        return {
            "ListClusters": {"clusterArns": ["arn:c1"]},
            "DescribeClusters": {"clusters": [CLUSTER]},
            "ListServices": {"serviceArns": ["arn:s1"]},
            "DescribeServices": {"services": [SERVICE]},
            "ListTasks": self._list,
            "DescribeTasks": self._describe,
            "DescribeContainerInstances": {
                "containerInstances": [{"containerInstanceArn": "arn:ci1", "ec2InstanceId": "i-9"}]
            },
            "DescribeNetworkInterfaces": INTERFACES,
            "DescribeInstances": INSTANCES,
        }

    def _list(self, call: dict[str, Any]) -> Any:
        start, size = int(call.get("nextToken", 0)), call["maxResults"]
        arns = [task["taskArn"] for task in self.tasks]
        more = {"nextToken": str(start + size)} if start + size < len(arns) else {}
        return {"taskArns": arns[start : start + size], **more}

    def _describe(self, call: dict[str, Any]) -> Any:
        assert (call["cluster"], call["include"]) == ("arn:c1", ["TAGS"])
        self.batches.append(len(call["tasks"]))
        return {"tasks": [task for task in self.tasks if task["taskArn"] in call["tasks"]]}


@pytest.mark.parametrize("section", ["ecs_sd_configs: [{}]", "aws_sd_configs: [{role: ecs, clusters: ['arn:c1']}]"])
async def test_tasks_with_their_own_network_and_with_their_hosts_live(section: str) -> None:
    cluster = Cluster([FARGATE, BRIDGE, {"taskArn": "arn:no-address"}])
    async with fake_api() as api:
        aws(api, cluster.actions())
        first = [FARGATE_LABELS, BRIDGE_LABELS]
        await live(make(section, api), api, lambda: cluster.tasks.pop(0), first, [BRIDGE_LABELS])


async def test_many_tasks_are_listed_page_by_page_and_described_in_batches() -> None:
    cluster = Cluster([{**BRIDGE, "taskArn": f"arn:t{i}"} for i in range(250)])
    async with fake_api() as api:
        aws(api, cluster.actions())
        async with Life(make("ecs_sd_configs: [{}]", api)) as life:
            assert len(life.targets()) == 250
    assert sorted(cluster.batches) == [50, 100, 100]


async def test_a_part_that_fails_keeps_the_whole_list() -> None:
    cluster = Cluster([BRIDGE])
    actions = cluster.actions()
    async with fake_api() as api:
        aws(api, actions)
        async with Life(make("ecs_sd_configs: [{}]", api)) as life:
            actions["DescribeInstances"] = None
            await life.next()
            assert (life.failures, life.targets()) == (1, [BRIDGE_LABELS])


async def test_an_account_without_clusters_has_no_targets() -> None:
    async with fake_api() as api:
        aws(api, {"ListClusters": {"clusterArns": []}})
        async with Life(make("ecs_sd_configs: [{}]", api)) as life:
            assert (life.published, life.targets()) == (1, [])
