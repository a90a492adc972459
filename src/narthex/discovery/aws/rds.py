"""Discovery of RDS: the instances of database clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import RDSSDConfig
from narthex.discovery.aws.api import AwsProvider, tag_labels
from narthex.discovery.aws.ec2_instances import Items
from narthex.discovery.aws.field_labels import listed_tags
from narthex.discovery.aws.rds_labels import cluster_labels, instance_labels
from narthex.discovery.http_api import host_port
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most
from narthex.discovery.payload import Payload
from narthex.model.target_group import TargetGroup
from narthex.net.aws_xml import members

VERSION = "2014-10-31"
PAGE_SIZE = "100"
Document = dict[str, Any]


class DescribeDBClusters(Payload):
    DBClusters: Items[Document] = Field(default_factory=list)
    Marker: str = ""


class DescribeDBInstances(Payload):
    DBInstances: Items[Document] = Field(default_factory=list)
    Marker: str = ""


class RDSProvider(AwsProvider):
    def __init__(
        self,
        config: RDSSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("rds", config, config_name, metrics, clock, environment=environment)
        self._config = config

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        asked = config.clusters or [""]
        found = await at_most(config.request_concurrency, self._clusters, asked)
        clusters = {str(one.get("DBClusterArn")): one for some in found for one in some if one.get("DBClusterArn")}
        instances = await at_most(config.request_concurrency, self._instances, list(clusters))
        targets = [
            self._labels(cluster, instance)
            for cluster, of_cluster in zip(clusters.values(), instances, strict=True)
            for instance in of_cluster
        ]
        return [TargetGroup(await self.region(), tuple(targets))]

    async def _clusters(self, identifier: str) -> list[Document]:
        """One cluster, or all for an empty identifier."""

        async def page(marker: str) -> tuple[Sequence[Document], str]:
            form = {"MaxRecords": PAGE_SIZE, "Marker": marker, "DBClusterIdentifier": identifier}
            given = {name: value for name, value in form.items() if value}
            got = await self.query(DescribeDBClusters, "rds", VERSION, "DescribeDBClusters", given)
            return got.DBClusters, got.Marker

        return await all_pages(page)

    async def _instances(self, cluster_arn: str) -> list[Document]:
        form = {"MaxRecords": PAGE_SIZE}
        filters = [("db-cluster-id", [cluster_arn]), *((f.name, f.values) for f in self._config.filters)]
        for i, (name, values) in enumerate(filters, 1):
            form[f"Filters.Filter.{i}.Name"] = name
            form |= {f"Filters.Filter.{i}.Values.Value.{j}": value for j, value in enumerate(values, 1)}

        async def page(marker: str) -> tuple[Sequence[Document], str]:
            more = {"Marker": marker} if marker else {}
            got = await self.query(DescribeDBInstances, "rds", VERSION, "DescribeDBInstances", {**form, **more})
            return got.DBInstances, got.Marker

        return await all_pages(page)

    def _labels(self, cluster: Document, instance: Document) -> dict[str, str]:
        labels = cluster_labels(cluster) | tag_labels("__meta_rds_cluster_", _tags(cluster))
        labels |= instance_labels(instance) | tag_labels("__meta_rds_instance_", _tags(instance))
        writers = {
            member.get("DBInstanceIdentifier"): member.get("IsClusterWriter")
            for member in members(cluster.get("DBClusterMembers"))
            if isinstance(member, dict)
        }
        writes = writers.get(instance.get("DBInstanceIdentifier"))
        if isinstance(writes, str):
            labels["__meta_rds_instance_is_cluster_writer"] = writes
        host = labels.get("__meta_rds_instance_endpoint_address")
        if host is not None and "__meta_rds_instance_endpoint_port" in labels:
            labels["__address__"] = host_port(host, self._config.port)
        return labels


def _tags(document: Document) -> dict[str, str]:
    return listed_tags(members(document.get("TagList")))
