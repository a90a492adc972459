from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiohttp import web

from unit.discovery.api import Life, fake_api, live
from unit.discovery.aws.fake import make

ARN = "arn:aws:kafka:eu-west-1:1:cluster/one/abc"
NODES = f"/v1/clusters/{quote(ARN, safe='')}/nodes"
CLUSTER: dict[str, Any] = {
    "clusterName": "one",
    "clusterArn": ARN,
    "clusterType": "PROVISIONED",
    "state": "ACTIVE",
    "currentVersion": "K3",
    "tags": {"team a": "x"},
    "provisioned": {
        "currentBrokerSoftwareInfo": {
            "kafkaVersion": "3.6.0",
            "configurationArn": "arn:c",
            "configurationRevision": 2,
        },
        "openMonitoring": {
            "prometheus": {"jmxExporter": {"enabledInBroker": True}, "nodeExporter": {"enabledInBroker": False}}
        },
    },
}
BROKER = {
    "nodeARN": "arn:n1",
    "addedToClusterTime": "2023-11-14T00:00:00Z",
    "instanceType": "m5.large",
    "brokerNodeInfo": {
        "brokerId": 1.0,
        "attachedENIId": "eni-1",
        "clientSubnet": "subnet-1",
        "clientVpcIpAddress": "10.0.0.1",
        "endpoints": ["b-1.one", "b-1a.one"],
    },
}
CONTROLLER = {"nodeARN": "arn:n2", "controllerNodeInfo": {"endpoints": ["c-1.one"]}}
COMMON = {
    "__meta_msk_cluster_name": "one",
    "__meta_msk_cluster_arn": ARN,
    "__meta_msk_cluster_state": "ACTIVE",
    "__meta_msk_cluster_type": "PROVISIONED",
    "__meta_msk_cluster_version": "K3",
    "__meta_msk_cluster_kafka_version": "3.6.0",
    "__meta_msk_cluster_configuration_arn": "arn:c",
    "__meta_msk_cluster_configuration_revision": "2",
    "__meta_msk_cluster_jmx_exporter_enabled": "true",
    "__meta_msk_cluster_tag_team_a": "x",
}
FIRST = {
    **COMMON,
    "__address__": "b-1.one:11001",
    "__meta_msk_node_type": "BROKER",
    "__meta_msk_node_arn": "arn:n1",
    "__meta_msk_node_added_time": "2023-11-14T00:00:00Z",
    "__meta_msk_node_instance_type": "m5.large",
    "__meta_msk_node_attached_eni": "eni-1",
    "__meta_msk_broker_id": "1",
    "__meta_msk_broker_client_subnet": "subnet-1",
    "__meta_msk_broker_client_vpc_ip": "10.0.0.1",
    "__meta_msk_broker_node_exporter_enabled": "false",
    "__meta_msk_broker_endpoint_index": "0",
}
SECOND = {**FIRST, "__address__": "b-1a.one:11001", "__meta_msk_broker_endpoint_index": "1"}
THIRD = {
    **COMMON,
    "__address__": "c-1.one:11001",
    "__meta_msk_node_type": "CONTROLLER",
    "__meta_msk_node_arn": "arn:n2",
    "__meta_msk_node_added_time": "",
    "__meta_msk_node_instance_type": "",
    "__meta_msk_controller_endpoint_index": "0",
}


async def test_nodes_live_and_come_page_by_page() -> None:
    pages: dict[str, Any] = {
        "": {"nodeInfoList": [BROKER], "nextToken": "a b"},
        "a b": {"nodeInfoList": [CONTROLLER, {"nodeARN": "of another kind"}]},
    }

    async def nodes(request: web.BaseRequest) -> Any:
        assert "/eu-west-1/kafka/aws4_request" in request.headers["Authorization"]
        return pages[request.query.get("nextToken", "")]

    async with fake_api() as api:
        api.routes = {"/api/v2/clusters": {"clusterInfoList": [CLUSTER]}, NODES: nodes}
        await live(
            make("msk_sd_configs: [{port: 11001}]", api),
            api,
            lambda: pages.update({"": {"nodeInfoList": [CONTROLLER]}}),
            [FIRST, SECOND, THIRD],
            [THIRD],
        )
        assert api.requests[0][0].query["clusterTypeFilter"] == "PROVISIONED"


async def test_clusters_that_are_named_are_the_only_ones_asked_for() -> None:
    async with fake_api() as api:
        api.routes = {
            f"/api/v2/clusters/{quote(ARN, safe='')}": {"clusterInfo": CLUSTER},
            NODES: {"nodeInfoList": [CONTROLLER]},
        }
        text = f"aws_sd_configs: [{{role: msk, port: 11001, clusters: ['{ARN}']}}]"
        async with Life(make(text, api)) as life:
            assert life.targets() == [THIRD]
