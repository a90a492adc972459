"""Discovery of ElastiCache: serverless caches, and the nodes of cache clusters."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.cloud import ElasticacheSDConfig
from narthex.discovery.aws.api import AwsProvider
from narthex.discovery.aws.ec2_instances import Items
from narthex.discovery.aws.elasticache_labels import cluster_targets, serverless_target
from narthex.discovery.aws.field_labels import listed_tags
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages, at_most
from narthex.discovery.payload import Payload
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

SERVICE, VERSION = "elasticache", "2015-02-02"
CLUSTERS_A_PAGE, CACHES_A_PAGE = "100", "50"
Document = dict[str, Any]


class DescribeServerlessCaches(Payload):
    ServerlessCaches: Items[Document] = Field(default_factory=list)
    NextToken: str = ""


class DescribeCacheClusters(Payload):
    CacheClusters: Items[Document] = Field(default_factory=list)
    Marker: str = ""


class ListTagsForResource(Payload):
    TagList: Items[Document] = Field(default_factory=list)


class ElasticacheProvider(AwsProvider):
    def __init__(
        self,
        config: ElasticacheSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(SERVICE, config, config_name, metrics, clock, environment=environment)
        self._limit = config.request_concurrency
        self._serverless, self._clusters = _by_kind(config.clusters)

    async def refresh(self) -> Sequence[TargetGroup]:
        caches = await self._each(self._serverless_caches, self._serverless)
        clusters = await self._each(self._cache_clusters, self._clusters)
        tags = await at_most(self._limit, self._tags, [*caches, *clusters])
        targets = [
            *map(serverless_target, caches, tags),
            *(target for found in map(cluster_targets, clusters, tags[len(caches) :]) for target in found),
        ]
        return [TargetGroup(await self.region(), tuple(targets))]

    async def _each(self, ask: Callable[[str], Awaitable[list[Document]]], names: Sequence[str]) -> list[Document]:
        """What `ask` gives for each name, or for an empty one, which stands for all."""
        found = await at_most(self._limit, ask, names or [""])
        return [one for of_name in found for one in of_name]

    async def _serverless_caches(self, name: str) -> list[Document]:
        async def page(token: str) -> tuple[Sequence[Document], str]:
            form = _given(MaxResults=CACHES_A_PAGE, ServerlessCacheName=name, NextToken=token)
            got = await self.query(DescribeServerlessCaches, SERVICE, VERSION, "DescribeServerlessCaches", form)
            return got.ServerlessCaches, got.NextToken

        return await all_pages(page)

    async def _cache_clusters(self, name: str) -> list[Document]:
        """Those in replication groups and those that stand alone."""

        async def page(marker: str) -> tuple[Sequence[Document], str]:
            form = _given(MaxRecords=CLUSTERS_A_PAGE, ShowCacheNodeInfo="true", CacheClusterId=name, Marker=marker)
            got = await self.query(DescribeCacheClusters, SERVICE, VERSION, "DescribeCacheClusters", form)
            return got.CacheClusters, got.Marker

        return await all_pages(page)

    async def _tags(self, resource: Document) -> dict[str, str]:
        arn = resource.get("ARN")
        if not isinstance(arn, str) or not arn:
            return {}
        form = {"ResourceName": arn}
        got = await self.query(ListTagsForResource, SERVICE, VERSION, "ListTagsForResource", form)
        return listed_tags(got.TagList)


def _given(**form: str) -> dict[str, str]:
    return {name: value for name, value in form.items() if value}


def _by_kind(arns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of serverless caches, and of clusters, in ARNs such as arn:aws:elasticache:REGION:ACCOUNT:KIND:NAME."""
    names: dict[str, list[str]] = {"serverlesscache": [], "replicationgroup": []}
    for arn in filter(None, arns):
        parts = arn.split(":")
        if len(parts) < 7:
            log.warning('discovery elasticache: "%s" is not the ARN of a cache', arn)
        elif parts[5] in names:
            names[parts[5]].append(parts[6])
    return names["serverlesscache"], names["replicationgroup"]
