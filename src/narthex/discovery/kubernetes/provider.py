"""One Kubernetes section at work: reflectors keep the cluster's objects, changed ones become groups in batches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from narthex.clock import Clock
from narthex.config.sd.cluster import KubernetesSDConfig
from narthex.discovery.kubernetes.access import access_for
from narthex.discovery.kubernetes.api import Access, Api
from narthex.discovery.kubernetes.cluster import Cluster, Ref
from narthex.discovery.kubernetes.groups import group_of
from narthex.discovery.kubernetes.metrics import KubernetesMetrics
from narthex.discovery.kubernetes.pods import Workloads
from narthex.discovery.kubernetes.reflector import Reflector
from narthex.discovery.kubernetes.resources import Resource, needed
from narthex.discovery.kubernetes.work_queue import WorkQueue
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.pace import Pace
from narthex.discovery.provider import Publish
from narthex.model.target_group import TargetGroup
from narthex.tasks import Tasks
from narthex.tasks.turns import Turns

SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
WORK_SHARE = 0.2  # of the time that objects which change without end may take
SLICE = 50  # groups that are made before others get their turn


class KubernetesProvider:
    """Raises HTTPClientError when there is no way to an API server."""

    def __init__(
        self,
        config: KubernetesSDConfig,
        metrics: KubernetesMetrics,
        clock: Clock,
        *,
        access: Callable[[KubernetesSDConfig, Clock], Access] = access_for,
        rng: random.Random | None = None,
    ) -> None:
        self._config, self._metrics, self._clock = config, metrics, clock
        self._access = access(config, clock)
        attach = config.attach_metadata
        self._workloads = Workloads(attach.deployment, attach.job, attach.cronjob)
        self._resources = needed(config)
        self._cluster = Cluster(config.role, [resource.kind for resource in self._resources], self._mark)
        self._queue = WorkQueue(config.role, metrics, clock)
        self._wake = asyncio.Event()
        self._api = Api(self._access, metrics, clock)
        self._reflectors = [
            self._reflector(resource, namespace, rng or random.Random())
            for resource in self._resources
            for namespace in (self._namespaces() if resource.in_namespaces else [""])
        ]

    async def run(self, publish: Publish) -> None:
        role = self._config.role
        pace = Pace(self._clock, shortest=SHORTEST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS, share=WORK_SHARE)
        try:
            async with Tasks(f"discovery kubernetes {role}") as tasks:
                for reflector in self._reflectors:
                    tasks.start(reflector.path, reflector.run())
                while True:
                    await self._wake.wait()
                    await self._clock.sleep(pace.wait_seconds())
                    self._wake.clear()
                    with pace.round():
                        await self._publish_changes(publish)
        finally:
            self._queue.close()
            await self._api.close()

    def _namespaces(self) -> list[str]:
        """Each once; an empty one stands for all."""
        names = list(self._config.namespaces.names)
        if self._config.namespaces.own_namespace and self._access.own_namespace:
            names.append(self._access.own_namespace)
        return list(dict.fromkeys(names)) or [""]

    def _reflector(self, resource: Resource, namespace: str, rng: random.Random) -> Reflector:
        selectors = {}
        for selector in self._config.selectors:
            if selector.role == resource.kind:
                parameters = {"labelSelector": selector.label, "fieldSelector": selector.field}
                selectors = {name: value for name, value in parameters.items() if value}
        return Reflector(
            resource,
            namespace,
            selectors,
            self._api,
            self._cluster,
            self._metrics,
            self._clock,
            self._wake.set,
            rng,
        )

    def _mark(self, ref: Ref) -> None:
        self._queue.add(ref[1])
        self._wake.set()

    async def _publish_changes(self, publish: Publish) -> None:
        """Leaves out namespaces of which something is not yet known, so that their targets would lack labels."""
        unsynced = {reflector.namespace for reflector in self._reflectors if not reflector.synced}
        if "" in unsynced:
            return
        role = self._config.role
        groups, turns = list[TargetGroup](), Turns(SLICE)
        with self._queue.batch(lambda key: key.partition("/")[0] not in unsynced) as keys:
            for key in keys:
                groups.append(group_of(role, key, self._cluster, self._workloads))
                await turns.take()
        if groups:
            publish(groups)


def provider_of(
    config: KubernetesSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock
) -> KubernetesProvider:
    """The entry of the registry. The name of the set is part of no metric here."""
    return KubernetesProvider(config, metrics.kubernetes, clock)
