from __future__ import annotations

from typing import Any

import pytest

from narthex.discovery.aws.rds_labels import CLUSTER, INSTANCE, cluster_labels, instance_labels
from unit.discovery.api import fake_api, live
from unit.discovery.aws.fake import aws, make

NS = 'xmlns="http://rds.amazonaws.com/doc/2014-10-31/"'
CLUSTER_XML = """<DBCluster><DBClusterArn>arn:c1</DBClusterArn><DBClusterIdentifier>one</DBClusterIdentifier>
<Engine>aurora-postgresql</Engine><MultiAZ>true</MultiAZ><Port>5432</Port>
<ClusterCreateTime>2023-01-02T03:04:05.678Z</ClusterCreateTime><DbClusterResourceId>cluster-X</DbClusterResourceId>
<DBClusterMembers><DBClusterMember><DBInstanceIdentifier>one-1</DBInstanceIdentifier>
<IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>
<TagList><Tag><Key>team a</Key><Value>x</Value></Tag></TagList></DBCluster>"""
INSTANCE_XML = """<DBInstance><DBInstanceArn>arn:i1</DBInstanceArn><DBInstanceIdentifier>one-1</DBInstanceIdentifier>
<DBInstanceClass>db.r6g.large</DBInstanceClass><DBInstanceStatus>available</DBInstanceStatus>
<DbiResourceId>db-Y</DbiResourceId><PerformanceInsightsKMSKeyId>k</PerformanceInsightsKMSKeyId>
<Endpoint><Address>one-1.rds</Address><Port>5432</Port><HostedZoneId>Z</HostedZoneId></Endpoint>
<DBSubnetGroup><DBSubnetGroupName>net</DBSubnetGroupName></DBSubnetGroup>
<TagList><Tag><Key>k</Key><Value>v</Value></Tag></TagList></DBInstance>"""
LABELS = {
    "__address__": "one-1.rds:9187",
    "__meta_rds_cluster_arn": "arn:c1",
    "__meta_rds_cluster_identifier": "one",
    "__meta_rds_cluster_engine": "aurora-postgresql",
    "__meta_rds_cluster_multi_az": "true",
    "__meta_rds_cluster_port": "5432",
    "__meta_rds_cluster_cluster_create_time": "2023-01-02T03:04:05Z",
    "__meta_rds_cluster_resource_id": "cluster-X",
    "__meta_rds_cluster_tag_team_a": "x",
    "__meta_rds_instance_arn": "arn:i1",
    "__meta_rds_instance_identifier": "one-1",
    "__meta_rds_instance_class": "db.r6g.large",
    "__meta_rds_instance_status": "available",
    "__meta_rds_instance_resource_id": "db-Y",
    "__meta_rds_instance_performance_insights_kms_key_id": "k",
    "__meta_rds_instance_endpoint_address": "one-1.rds",
    "__meta_rds_instance_endpoint_port": "5432",
    "__meta_rds_instance_endpoint_hosted_zone_id": "Z",
    "__meta_rds_instance_subnet_group": "net",
    "__meta_rds_instance_is_cluster_writer": "true",
    "__meta_rds_instance_tag_k": "v",
}


def answer(action: str, kind: str, *members: str, marker: str = "") -> str:
    listed = f"<{kind}>{''.join(members)}</{kind}>{f'<Marker>{marker}</Marker>' if marker else ''}"
    return f"<{action}Response {NS}><{action}Result>{listed}</{action}Result></{action}Response>"


@pytest.mark.parametrize("section", ["rds_sd_configs: [{", "aws_sd_configs: [{role: rds, "])
async def test_instances_of_clusters_live_and_come_page_by_page(section: str) -> None:
    second = INSTANCE_XML.replace("one-1", "one-2").replace("arn:i1", "arn:i2")
    pages = {"": (INSTANCE_XML, "m"), "m": (second, "")}
    calls: list[dict[str, Any]] = []

    def instances(call: dict[str, Any]) -> str:
        calls.append(call)
        xml, marker = pages[call.get("Marker", "")]
        return answer("DescribeDBInstances", "DBInstances", xml, marker=marker)

    then = {
        **{k: v for k, v in LABELS.items() if not k.endswith("is_cluster_writer")},
        "__address__": "one-2.rds:9187",
        "__meta_rds_instance_arn": "arn:i2",
        "__meta_rds_instance_identifier": "one-2",
        "__meta_rds_instance_endpoint_address": "one-2.rds",
    }
    async with fake_api() as api:
        clusters = answer("DescribeDBClusters", "DBClusters", CLUSTER_XML)
        aws(api, {"DescribeDBClusters": clusters, "DescribeDBInstances": instances})
        text = f"{section}port: 9187, filters: [{{name: engine, values: [a, b]}}]}}]"
        await live(make(text, api), api, lambda: pages.update({"": (INSTANCE_XML, "")}), [LABELS, then], [LABELS])
    assert {k: v for k, v in calls[0].items() if k.startswith("Filters")} == {
        "Filters.Filter.1.Name": "db-cluster-id",
        "Filters.Filter.1.Values.Value.1": "arn:c1",
        "Filters.Filter.2.Name": "engine",
        "Filters.Filter.2.Values.Value.1": "a",
        "Filters.Filter.2.Values.Value.2": "b",
    }


def test_every_field_has_a_label_of_its_own() -> None:
    clusters, instances = cluster_labels(dict.fromkeys(CLUSTER, "x")), instance_labels(dict.fromkeys(INSTANCE, "x"))
    assert (len(clusters), len(instances)) == (len(set(CLUSTER)), len(set(INSTANCE)))
    assert "__meta_rds_cluster_io_optimized_next_allowed_modification_time" in clusters
    assert "__meta_rds_cluster_serverless_v2_platform_version" in clusters
    assert "__meta_rds_instance_ca_certificate_identifier" in instances
    assert "__meta_rds_instance_read_replica_source_db_cluster_identifier" in instances
    assert "__meta_rds_instance_iam_database_authentication_enabled" in instances
