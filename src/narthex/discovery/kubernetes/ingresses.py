"""Role ingress: one target a path of a rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.discovery.kubernetes.cluster import Cluster, Ref
from narthex.discovery.kubernetes.objects import (
    ADDRESS,
    NAMESPACE,
    PREFIX,
    Json,
    group,
    mapping,
    named,
    namespace_of,
    objects,
    text,
    texts,
)
from narthex.discovery.kubernetes.pods import namespace_labels
from narthex.model.target_group import TargetGroup


@dataclass(frozen=True, slots=True)
class Ingress:
    namespace: str
    labels: dict[str, str]
    rules: tuple[tuple[str, str, tuple[str, ...]], ...]  # scheme, host, paths

    def uses(self) -> Iterable[Ref]:
        yield "namespace", self.namespace


def read_ingress(item: Json) -> Ingress:
    spec = mapping(item.get("spec"))
    namespace = namespace_of(item)
    labels = {
        NAMESPACE: namespace,
        PREFIX + "ingress_class_name": text(spec.get("ingressClassName")),
        **named("ingress", item),
    }
    secured = [host for tls in objects(spec.get("tls")) for host in texts(tls.get("hosts"))]
    rules = []
    for rule in objects(spec.get("rules")):
        host = text(rule.get("host"))
        scheme = "https" if any(_covers(pattern, host) for pattern in secured) else "http"
        rules.append((scheme, host, _paths(rule)))
    return Ingress(namespace, labels, tuple(rules))


def _paths(rule: Json) -> tuple[str, ...]:
    """`/` for a rule that says nothing of paths, and for a path that is empty."""
    http = rule.get("http")
    if not isinstance(http, dict):
        return ("/",)
    return tuple(text(path.get("path")) or "/" for path in objects(http.get("paths")))


def _covers(pattern: str, host: str) -> bool:
    """Whether a certificate's host name, with * for exactly one first part, stands for a host."""
    first, *rest = pattern.split(".")
    return pattern == host or (first == "*" and host.split(".")[1:] == rest)


def ingress_group(source: str, ingress: Ingress, cluster: Cluster) -> TargetGroup:
    targets = [
        {
            ADDRESS: host,
            PREFIX + "ingress_scheme": scheme,
            PREFIX + "ingress_host": host,
            PREFIX + "ingress_path": path,
        }
        for scheme, host, paths in ingress.rules
        for path in paths
    ]
    return group(source, targets, ingress.labels | namespace_labels(cluster, ingress.namespace))
