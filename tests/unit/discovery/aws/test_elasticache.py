from __future__ import annotations

from typing import Any

import pytest

from narthex.discovery.aws.elasticache_labels import cluster_targets, serverless_target
from unit.discovery.api import Life, fake_api, live
from unit.discovery.aws.fake import aws, make

NS = 'xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"'
ARN = "arn:aws:elasticache:eu-west-1:1"
CACHE_XML = f"""<member><ARN>{ARN}:serverlesscache:one</ARN><ServerlessCacheName>one</ServerlessCacheName>
<Engine>valkey</Engine><MajorEngineVersion>8</MajorEngineVersion><FullEngineVersion>8.0</FullEngineVersion>
<Status>available</Status><CreateTime>2025-01-02T03:04:05.678Z</CreateTime><DailySnapshotTime>04:00</DailySnapshotTime>
<Endpoint><Address>one.serverless</Address><Port>6379</Port></Endpoint>
<ReaderEndpoint><Address>one.serverless</Address><Port>6380</Port></ReaderEndpoint>
<SecurityGroupIds><SecurityGroupId>sg-1</SecurityGroupId></SecurityGroupIds>
<SubnetIds><SubnetId>subnet-1</SubnetId><SubnetId>subnet-2</SubnetId></SubnetIds>
<CacheUsageLimits><DataStorage><Maximum>10</Maximum><Unit>GB</Unit></DataStorage>
<ECPUPerSecond><Minimum>1000</Minimum></ECPUPerSecond></CacheUsageLimits></member>"""
NODE_XML = """<CacheNode><CacheNodeId>0001</CacheNodeId><CacheNodeStatus>available</CacheNodeStatus>
<CacheNodeCreateTime>2025-01-02T03:04:05Z</CacheNodeCreateTime><ParameterGroupStatus>in-sync</ParameterGroupStatus>
<CustomerAvailabilityZone>eu-west-1a</CustomerAvailabilityZone>
<Endpoint><Address>two.cache</Address><Port>6379</Port></Endpoint></CacheNode>"""
CLUSTER_XML = f"""<CacheCluster><ARN>{ARN}:cluster:two</ARN><CacheClusterId>two</CacheClusterId>
<CacheClusterStatus>available</CacheClusterStatus><CacheNodeType>cache.t3.micro</CacheNodeType><Engine>redis</Engine>
<NumCacheNodes>1</NumCacheNodes><AuthTokenEnabled>false</AuthTokenEnabled><PendingModifiedValues/>
<CacheParameterGroup><CacheParameterGroupName>default</CacheParameterGroupName></CacheParameterGroup>
<SecurityGroups><member><SecurityGroupId>sg-2</SecurityGroupId><Status>active</Status></member></SecurityGroups>
<CacheNodes>{NODE_XML}</CacheNodes></CacheCluster>"""
S, C = "__meta_elasticache_serverless_cache_", "__meta_elasticache_cache_cluster_"
CACHE = {
    "__address__": "one.serverless:6379",
    "__meta_elasticache_deployment_option": "serverless",
    f"{S}arn": f"{ARN}:serverlesscache:one",
    f"{S}name": "one",
    f"{S}engine": "valkey",
    f"{S}major_engine_version": "8",
    f"{S}full_engine_version": "8.0",
    f"{S}status": "available",
    f"{S}create_time": "2025-01-02T03:04:05Z",
    f"{S}daily_snapshot_time": "04:00",
    f"{S}endpoint_address": "one.serverless",
    f"{S}endpoint_port": "6379",
    f"{S}endpoint_reader_address": "one.serverless",
    f"{S}endpoint_reader_port": "6380",
    f"{S}security_group_id_0": "sg-1",
    f"{S}subnet_id_0": "subnet-1",
    f"{S}subnet_id_1": "subnet-2",
    f"{S}cache_usage_limit_data_storagemaximum": "10",
    f"{S}cache_usage_limit_data_storageunit": "GB",
    f"{S}cache_usage_limit_ecpu_per_secondminimum": "1000",
    f"{S}tag_team_a": "x",
}
NODE = {
    "__address__": "two.cache:6379",
    "__meta_elasticache_deployment_option": "node",
    f"{C}arn": f"{ARN}:cluster:two",
    f"{C}cache_cluster_id": "two",
    f"{C}cache_cluster_status": "available",
    f"{C}cache_node_type": "cache.t3.micro",
    f"{C}engine": "redis",
    f"{C}num_cache_nodes": "1",
    f"{C}auth_token_enabled": "false",
    f"{C}cache_parameter_group": "default",
    f"{C}security_group_membership_id_0": "sg-2",
    f"{C}security_group_membership_status_0": "active",
    f"{C}node_id": "0001",
    f"{C}node_status": "available",
    f"{C}node_create_time": "2025-01-02T03:04:05Z",
    f"{C}node_parameter_group_status": "in-sync",
    f"{C}node_availability_zone": "eu-west-1a",
    f"{C}node_endpoint_address": "two.cache",
    f"{C}node_endpoint_port": "6379",
}
SECOND = {
    **NODE,
    "__address__": "two-b.cache:6379",
    f"{C}node_id": "0002",
    f"{C}node_endpoint_address": "two-b.cache",
}


def answer(action: str, kind: str, *members: str, after: str = "") -> str:
    listed = f"<{kind}>{''.join(members)}</{kind}>{after}"
    return f"<{action}Response {NS}><{action}Result>{listed}</{action}Result></{action}Response>"


def tags(call: dict[str, Any]) -> str:
    tag = "<Tag><Key>team a</Key><Value>x</Value></Tag>" if call["ResourceName"] == CACHE[f"{S}arn"] else ""
    return answer("ListTagsForResource", "TagList", tag)


@pytest.mark.parametrize("section", ["elasticache_sd_configs: [{", "aws_sd_configs: [{role: elasticache, "])
async def test_caches_and_nodes_live_and_come_page_by_page(section: str) -> None:
    second = CLUSTER_XML.replace("0001", "0002").replace("two.cache", "two-b.cache")
    pages = {"": (CLUSTER_XML, "<Marker>m</Marker>"), "m": (second, "")}
    caches = {"": (CACHE_XML, "<NextToken>n</NextToken>"), "n": ("", "")}

    def clusters(call: dict[str, Any]) -> str:
        assert (call["MaxRecords"], call["ShowCacheNodeInfo"]) == ("100", "true")
        xml, after = pages[call.get("Marker", "")]
        return answer("DescribeCacheClusters", "CacheClusters", xml, after=after)

    def serverless(call: dict[str, Any]) -> str:
        assert call["MaxResults"] == "50"
        xml, after = caches[call.get("NextToken", "")]
        return answer("DescribeServerlessCaches", "ServerlessCaches", xml, after=after)

    async with fake_api() as api:
        actions = {
            "DescribeCacheClusters": clusters,
            "DescribeServerlessCaches": serverless,
            "ListTagsForResource": tags,
        }
        aws(api, actions)
        await live(
            make(f"{section}port: 9121}}]", api),
            api,
            lambda: pages.update({"": (CLUSTER_XML, "")}),
            [CACHE, SECOND, NODE],
            [CACHE, NODE],
        )


async def test_caches_that_are_named_are_the_only_ones_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[tuple[str, str]] = []

    def clusters(call: dict[str, Any]) -> str:
        asked.append(("cluster", call["CacheClusterId"]))
        return answer("DescribeCacheClusters", "CacheClusters")

    def serverless(call: dict[str, Any]) -> str:
        asked.append(("serverless", call["ServerlessCacheName"]))
        return answer("DescribeServerlessCaches", "ServerlessCaches")

    async with fake_api() as api:
        aws(api, {"DescribeCacheClusters": clusters, "DescribeServerlessCaches": serverless})
        named = f"'{ARN}:serverlesscache:a', '{ARN}:replicationgroup:b', '{ARN}:serverlesscache:c', 'b', ''"
        async with Life(make(f"elasticache_sd_configs: [{{clusters: [{named}]}}]", api)) as life:
            assert life.targets() == [] and life.failures == 0
    assert sorted(asked) == [("cluster", "b"), ("serverless", "a"), ("serverless", "c")]
    assert caplog.text.count("is not the ARN of a cache") == 1


def test_what_is_nested_in_a_cluster_becomes_labels_with_indices() -> None:
    cluster = {
        "AuthTokenLastModifiedDate": "2025-01-02T03:04:05.678Z",
        "ConfigurationEndpoint": {"Address": "a", "Port": "1"},
        "NotificationConfiguration": {"TopicArn": "t", "TopicStatus": "active"},
        "PendingModifiedValues": {"NumCacheNodes": "2", "CacheNodeIdsToRemove": {"CacheNodeId": ["1", "2"]}},
        "LogDeliveryConfigurations": {
            "LogDeliveryConfiguration": [
                {"LogType": "slow-log", "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "g"}}},
                {"Status": "active", "DestinationDetails": {"KinesisFirehoseDetails": {"DeliveryStream": "s"}}},
            ]
        },
        "CacheNodes": {"CacheNode": [{"CacheNodeId": "1"}, {"Endpoint": {"Address": "h"}}]},
    }
    first, second = cluster_targets(cluster, {})
    assert {name.removeprefix(C): value for name, value in first.items()} == {
        "__meta_elasticache_deployment_option": "node",
        "auth_token_last_modified": "2025-01-02T03:04:05Z",
        "configuration_endpoint_address": "a",
        "configuration_endpoint_port": "1",
        "notification_topic_arn": "t",
        "notification_topic_status": "active",
        "pending_modified_values_num_cache_nodes": "2",
        "pending_modified_values_cache_node_ids_to_remove": "1,2",
        "log_delivery_configuration_log_type_0": "slow-log",
        "log_delivery_configuration_log_group_0": "g",
        "log_delivery_configuration_status_1": "active",
        "log_delivery_configuration_delivery_stream_1": "s",
        "node_id": "1",
    }
    assert second[f"{C}node_endpoint_address"] == "h" and "__address__" not in second
    assert serverless_target({"Endpoint": "", "CacheUsageLimits": []}, {}) == {
        "__meta_elasticache_deployment_option": "serverless"
    }
