"""Objects as the Kubernetes API sends them, cut down to what tests look at."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def metadata(name: str, namespace: str = "default", **more: Any) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def owner(kind: str, name: str) -> list[Object]:
    return [{"kind": "Other", "name": "someone"}, {"kind": kind, "name": name, "controller": True}]


def container(name: str, *ports: tuple[str, int], image: str = "vllm:1", protocol: str = "TCP") -> Object:
    found: Object = {"name": name, "image": image}
    if ports:
        found["ports"] = [{"name": n, "containerPort": p, "protocol": protocol} for n, p in ports]
    return found


def pod(
    name: str,
    *containers: Object,
    namespace: str = "default",
    ip: str = "10.0.0.1",
    node: str = "node-a",
    init: tuple[Object, ...] = (),
    phase: str = "Running",
    ready: str = "True",
    **more: Any,
) -> Object:
    started = [{"name": c["name"], "containerID": f"containerd://{c['name']}-1"} for c in containers]
    return {
        "metadata": metadata(name, namespace, uid=f"uid-{name}", **more),
        "spec": {"nodeName": node, "containers": list(containers), "initContainers": list(init)},
        "status": {
            "phase": phase,
            "podIP": ip,
            "hostIP": "192.168.0.1",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}],
            "containerStatuses": started,
            "initContainerStatuses": [{"name": c["name"], "containerID": f"containerd://{c['name']}-0"} for c in init],
        },
    }


def node(name: str, address: str = "192.168.0.1", ready: str = "True", **more: Any) -> Object:
    return {
        "metadata": metadata(name, "", **more),
        "spec": {"providerID": f"gce://{name}"},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T00:00:00Z"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }


def service(
    name: str, *ports: tuple[str, int], namespace: str = "default", spec: Object | None = None, **more: Any
) -> Object:
    given = [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports]
    return {
        "metadata": metadata(name, namespace, **more),
        "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.1", "ports": given, **(spec or {})},
    }


def reference(kind: str, name: str, namespace: str = "default") -> Object:
    return {"kind": kind, "name": name, **({"namespace": namespace} if kind == "Pod" else {})}


def endpoints(
    name: str, *addresses: Object, ports: tuple[tuple[str, int], ...], namespace: str = "default", **more: Any
) -> Object:
    """Addresses with a true `notReady` go to the second list."""
    given = [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports]
    subset: Object = {"ports": given, "addresses": [], "notReadyAddresses": []}
    for address in addresses:
        shown = {key: value for key, value in address.items() if key != "notReady"}
        subset["notReadyAddresses" if address.get("notReady") else "addresses"].append(shown)
    return {"metadata": metadata(name, namespace, **more), "subsets": [subset]}


def endpoint_slice(
    name: str,
    *members: Object,
    ports: tuple[Object, ...],
    service: str = "",
    namespace: str = "default",
    family: str = "IPv4",
    **more: Any,
) -> Object:
    labels = {**more.pop("labels", {}), **({"kubernetes.io/service-name": service} if service else {})}
    return {
        "metadata": metadata(name, namespace, labels=labels, **more),
        "addressType": family,
        "endpoints": list(members),
        "ports": list(ports),
    }


def ingress(name: str, rules: list[Object], tls: list[str] = (), namespace: str = "default", **more: Any) -> Object:
    spec: Object = {"rules": rules, "ingressClassName": "nginx"}
    if tls:
        spec["tls"] = [{"hosts": list(tls)}]
    return {"metadata": metadata(name, namespace, **more), "spec": spec}
