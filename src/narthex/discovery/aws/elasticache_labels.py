"""Which fields of ElastiCache's serverless caches, clusters and nodes become labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from narthex.discovery.aws.api import tag_labels
from narthex.discovery.aws.field_labels import field_labels
from narthex.discovery.http_api import host_port
from narthex.net.aws_xml import members

META = "__meta_elasticache_"
CLUSTER_META, NODE_META, CACHE_META = f"{META}cache_cluster_", f"{META}cache_cluster_node_", f"{META}serverless_cache_"

_CLUSTER = """
ARN AtRestEncryptionEnabled AuthTokenEnabled AuthTokenLastModifiedDate AutoMinorVersionUpgrade CacheClusterCreateTime
CacheClusterId CacheClusterStatus CacheNodeType CacheSubnetGroupName ClientDownloadLandingPage Engine EngineVersion
IpDiscovery NetworkType NumCacheNodes PreferredAvailabilityZone PreferredMaintenanceWindow PreferredOutpostArn
ReplicationGroupId ReplicationGroupLogDeliveryEnabled SnapshotRetentionLimit SnapshotWindow TransitEncryptionEnabled
TransitEncryptionMode
"""
CLUSTER = tuple(_CLUSTER.split())
CLUSTER_RENAMED = {"AuthTokenLastModifiedDate": "auth_token_last_modified"}
PENDING = (
    "AuthTokenStatus",
    "CacheNodeType",
    "EngineVersion",
    "NumCacheNodes",
    "TransitEncryptionEnabled",
    "TransitEncryptionMode",
)
LOG_DELIVERY = ("DestinationType", "LogFormat", "LogType", "Status", "Message")
NODE_RENAMED = {
    "CacheNodeCreateTime": "create_time",
    "CacheNodeId": "id",
    "CacheNodeStatus": "status",
    "CustomerAvailabilityZone": "availability_zone",
}
NODE = (*NODE_RENAMED, "CustomerOutpostArn", "SourceCacheNodeId", "ParameterGroupStatus")
_CACHE = """
ARN ServerlessCacheName CreateTime Description Engine FullEngineVersion MajorEngineVersion Status KmsKeyId UserGroupId
DailySnapshotTime SnapshotRetentionLimit
"""
CACHE = tuple(_CACHE.split())
CACHE_RENAMED = {"ServerlessCacheName": "name"}
ENDPOINT = ("Address", "Port")


def serverless_target(cache: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, str]:
    labels = {
        f"{META}deployment_option": "serverless",
        **field_labels(CACHE_META, cache, CACHE, CACHE_RENAMED),
        **field_labels(f"{CACHE_META}endpoint_", cache.get("Endpoint"), ENDPOINT),
        **field_labels(f"{CACHE_META}endpoint_reader_", cache.get("ReaderEndpoint"), ENDPOINT),
        **tag_labels(CACHE_META, tags),
        **_address(cache.get("Endpoint")),
    }
    for field, name in (("SecurityGroupIds", "security_group_id"), ("SubnetIds", "subnet_id")):
        labels |= {f"{CACHE_META}{name}_{i}": str(one) for i, one in enumerate(members(cache.get(field)))}
    limits = _inner(cache, "CacheUsageLimits")
    # Peers write these names without an underscore before the last word.
    for field, name, parts in (
        ("DataStorage", "data_storage", ("Maximum", "Minimum", "Unit")),
        ("ECPUPerSecond", "ecpu_per_second", ("Maximum", "Minimum")),
    ):
        labels |= field_labels(f"{CACHE_META}cache_usage_limit_{name}", limits.get(field), parts)
    return labels


def cluster_targets(cluster: Mapping[str, Any], tags: Mapping[str, str]) -> list[dict[str, str]]:
    """One a node."""
    common = {f"{META}deployment_option": "node", **_cluster(cluster), **tag_labels(CLUSTER_META, tags)}
    return [
        {
            **common,
            **field_labels(NODE_META, node, NODE, NODE_RENAMED),
            **field_labels(f"{NODE_META}endpoint_", node.get("Endpoint"), ENDPOINT),
            **_address(node.get("Endpoint")),
        }
        for node in members(cluster.get("CacheNodes"))
        if isinstance(node, dict)
    ]


def _cluster(cluster: Mapping[str, Any]) -> dict[str, str]:
    pending = _inner(cluster, "PendingModifiedValues")
    labels = {
        **field_labels(CLUSTER_META, cluster, CLUSTER, CLUSTER_RENAMED),
        **field_labels(
            CLUSTER_META,
            cluster.get("CacheParameterGroup"),
            ("CacheParameterGroupName",),
            {"CacheParameterGroupName": "cache_parameter_group"},
        ),
        **field_labels(f"{CLUSTER_META}configuration_endpoint_", cluster.get("ConfigurationEndpoint"), ENDPOINT),
        **field_labels(
            f"{CLUSTER_META}notification_", cluster.get("NotificationConfiguration"), ("TopicArn", "TopicStatus")
        ),
        **field_labels(f"{CLUSTER_META}pending_modified_values_", pending, PENDING),
    }
    removed = members(pending.get("CacheNodeIdsToRemove"))
    if removed:
        labels[f"{CLUSTER_META}pending_modified_values_cache_node_ids_to_remove"] = ",".join(map(str, removed))
    prefix = f"{CLUSTER_META}log_delivery_configuration_"
    for i, one in enumerate(members(cluster.get("LogDeliveryConfigurations"))):
        labels |= field_labels(prefix, one, LOG_DELIVERY, suffix=f"_{i}")
        details = _inner(one, "DestinationDetails")
        labels |= field_labels(prefix, details.get("CloudWatchLogsDetails"), ("LogGroup",), suffix=f"_{i}")
        labels |= field_labels(prefix, details.get("KinesisFirehoseDetails"), ("DeliveryStream",), suffix=f"_{i}")
    for i, one in enumerate(members(cluster.get("SecurityGroups"))):
        renamed = {"SecurityGroupId": "id"}
        prefix = f"{CLUSTER_META}security_group_membership_"
        labels |= field_labels(prefix, one, ("SecurityGroupId", "Status"), renamed, suffix=f"_{i}")
    return labels


def _inner(document: object, field: str) -> Mapping[str, Any]:
    found = document.get(field) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _address(endpoint: object) -> dict[str, str]:
    """That of the endpoint, with the port it has: the section's does not count."""
    found = endpoint if isinstance(endpoint, dict) else {}
    host, port = found.get("Address"), found.get("Port")
    return {"__address__": host_port(host, port)} if isinstance(host, str) and isinstance(port, str) else {}
