"""Making the group of one object of the API, with other objects beside it."""

from __future__ import annotations

from typing import Any

from narthex.config.sd.cluster import KubernetesMetadata, KubernetesSDConfig
from narthex.discovery.kubernetes.cluster import Cluster
from narthex.discovery.kubernetes.groups import group_of
from narthex.discovery.kubernetes.objects import key_of
from narthex.discovery.kubernetes.pods import Workloads
from narthex.discovery.kubernetes.resources import needed
from narthex.model.target_group import TargetGroup

META = "__meta_kubernetes_"


def made(role: str, item: Any, *, attach: tuple[str, ...] = (), **others: list[Any]) -> TargetGroup:
    """`others` are objects by kind, `attach` the names of metadata to attach."""
    metadata = KubernetesMetadata(**dict.fromkeys(attach, True))
    resources = {r.kind: r for r in needed(KubernetesSDConfig(role=role, attach_metadata=metadata))}
    cluster = Cluster(role, resources, lambda ref: None)
    for kind, items in {**others, role: [*others.get(role, []), item]}.items():
        for one in items:
            cluster.put(kind, key_of(one), resources[kind].read(one))
    workloads = Workloads(metadata.deployment, metadata.job, metadata.cronjob)
    return group_of(role, key_of(item), cluster, workloads)


def short(labels: Any) -> dict[str, str]:
    """Labels without the common beginning of their names."""
    return {name.removeprefix(META): value for name, value in labels.items()}


def targets(group: TargetGroup) -> list[dict[str, str]]:
    return [short(target) for target in group.targets]
