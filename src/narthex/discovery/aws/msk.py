"""Discovery of MSK: the brokers and controllers of managed Kafka clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import MSKSDConfig
from narthex.discovery.aws.api import AwsProvider, given, tag_labels
from narthex.discovery.http_api import host_port
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most
from narthex.discovery.payload import Payload
from narthex.model.target_group import TargetGroup

META = "__meta_msk_"
PAGE_SIZE = "100"


class Software(Payload):
    kafkaVersion: str = ""
    configurationArn: str | None = None
    configurationRevision: int | None = None


class Exporter(Payload):
    enabledInBroker: bool = False


class Exporters(Payload):
    jmxExporter: Exporter | None = None
    nodeExporter: Exporter | None = None


class OpenMonitoring(Payload):
    prometheus: Exporters = Exporters()


class Provisioned(Payload):
    currentBrokerSoftwareInfo: Software = Software()
    openMonitoring: OpenMonitoring = OpenMonitoring()


class Cluster(Payload):
    clusterName: str = ""
    clusterArn: str = ""
    clusterType: str = ""
    state: str = ""
    currentVersion: str = ""
    provisioned: Provisioned = Provisioned()
    tags: dict[str, str] = Field(default_factory=dict)


class Clusters(Payload):
    clusterInfoList: list[Cluster] = Field(default_factory=list)
    nextToken: str = ""


class DescribeCluster(Payload):
    clusterInfo: Cluster = Cluster()


class Broker(Payload):
    brokerId: float = 0
    attachedENIId: str = ""
    clientSubnet: str = ""
    clientVpcIpAddress: str = ""
    endpoints: list[str] = Field(default_factory=list)


class Controller(Payload):
    endpoints: list[str] = Field(default_factory=list)


class Node(Payload):
    nodeARN: str = ""
    addedToClusterTime: str = ""
    instanceType: str = ""
    brokerNodeInfo: Broker | None = None
    controllerNodeInfo: Controller | None = None


class Nodes(Payload):
    nodeInfoList: list[Node] = Field(default_factory=list)
    nextToken: str = ""


class MSKProvider(AwsProvider):
    def __init__(
        self,
        config: MSKSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("kafka", config, config_name, metrics, clock, environment=environment)
        self._config = config

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        if config.clusters:
            clusters = await at_most(config.request_concurrency, self._cluster, config.clusters)
        else:
            clusters = await all_pages(self._page)
        nodes = await at_most(config.request_concurrency, self._nodes, clusters)
        targets = [
            labels
            for cluster, of_cluster in zip(clusters, nodes, strict=True)
            for node in of_cluster
            for labels in self._targets(cluster, node)
        ]
        return [TargetGroup(await self.region(), tuple(targets))]

    async def _page(self, token: str) -> tuple[Sequence[Cluster], str]:
        query = {"clusterTypeFilter": "PROVISIONED", "maxResults": PAGE_SIZE, "nextToken": token}
        page = await self.rest(Clusters, "kafka", "/api/v2/clusters", query)
        return page.clusterInfoList, page.nextToken

    async def _cluster(self, arn: str) -> Cluster:
        path = f"/api/v2/clusters/{quote(arn, safe='')}"
        return (await self.rest(DescribeCluster, "kafka", path, {})).clusterInfo

    async def _nodes(self, cluster: Cluster) -> list[Node]:
        path = f"/v1/clusters/{quote(cluster.clusterArn, safe='')}/nodes"

        async def page(token: str) -> tuple[Sequence[Node], str]:
            got = await self.rest(Nodes, "kafka", path, {"maxResults": PAGE_SIZE, "nextToken": token})
            return got.nodeInfoList, got.nextToken

        return await all_pages(page)

    def _targets(self, cluster: Cluster, node: Node) -> list[dict[str, str]]:
        """One target an endpoint of the node."""
        software = cluster.provisioned.currentBrokerSoftwareInfo
        exporters = cluster.provisioned.openMonitoring.prometheus
        revision = software.configurationRevision
        labels: dict[str, str | None] = {
            "cluster_name": cluster.clusterName,
            "cluster_arn": cluster.clusterArn,
            "cluster_state": cluster.state,
            "cluster_type": cluster.clusterType,
            "cluster_version": cluster.currentVersion,
            "cluster_kafka_version": software.kafkaVersion,
            "cluster_configuration_arn": software.configurationArn,
            "cluster_configuration_revision": None if revision is None else str(revision),
            "cluster_jmx_exporter_enabled": _enabled(exporters.jmxExporter),
            "node_arn": node.nodeARN,
            "node_added_time": node.addedToClusterTime,
            "node_instance_type": node.instanceType,
        }
        broker = node.brokerNodeInfo
        if broker is not None:
            kind, endpoints = "broker", broker.endpoints
            labels |= {
                "node_type": "BROKER",
                "node_attached_eni": broker.attachedENIId,
                "broker_id": f"{broker.brokerId:.0f}",
                "broker_client_subnet": broker.clientSubnet,
                "broker_client_vpc_ip": broker.clientVpcIpAddress,
                "broker_node_exporter_enabled": _enabled(exporters.nodeExporter),
            }
        elif node.controllerNodeInfo is not None:
            kind, endpoints = "controller", node.controllerNodeInfo.endpoints
            labels["node_type"] = "CONTROLLER"
        else:
            return []
        common = given(META, labels) | tag_labels(f"{META}cluster_", cluster.tags)
        return [
            {
                **common,
                "__address__": host_port(endpoint, self._config.port),
                f"{META}{kind}_endpoint_index": str(i),
            }
            for i, endpoint in enumerate(endpoints)
        ]


def _enabled(exporter: Exporter | None) -> str | None:
    return None if exporter is None else "true" if exporter.enabledInBroker else "false"
