"""Each role against a server: first list, change, error and recovery, and changes of what it refers to."""

from typing import Any

import pytest

from narthex.config.sd.cluster import KubernetesMetadata, KubernetesNamespaces, KubernetesSelector
from support.kubernetes_api import FakeKubernetes, status
from support.kubernetes_discovery import Discovery, section
from support.kubernetes_objects import (
    container,
    endpoint_slice,
    endpoints,
    ingress,
    metadata,
    node,
    owner,
    pod,
    reference,
    service,
)

META = "__meta_kubernetes_"
PORT = {"name": "http", "port": 80}


@pytest.fixture
async def api():
    async with FakeKubernetes() as fake:
        yield fake


ROLES = [
    ("node", "nodes", lambda name, ip: node(name, ip), "{}:10250"),
    ("pod", "pods", lambda name, ip: pod(name, container("c", ("http", 80)), ip=ip), "{}:80"),
    ("endpoints", "endpoints", lambda name, ip: endpoints(name, {"ip": ip}, ports=(("http", 80),)), "{}:80"),
    (
        "endpointslice",
        "endpointslices",
        lambda name, ip: endpoint_slice(name, {"addresses": [ip]}, ports=(PORT,)),
        "{}:80",
    ),
    ("ingress", "ingresses", lambda name, ip: ingress(name, [{"host": ip}]), "{}"),
    ("service", "services", lambda name, ip: service(name, ("http", int(ip[-1]) + 80)), "b.default.svc:{}"),
]


@pytest.mark.parametrize(("role", "plural", "make", "shape"), ROLES, ids=[role[0] for role in ROLES])
async def test_a_role_lists_follows_survives_errors_and_recovers(api, role, plural, make, shape):
    def shown(*ips: str) -> list[str]:
        return [shape.format(int(ip[-1]) + 80 if role == "service" else ip) for ip in ips]

    api.answers.extend([status(503, "starting") for _ in range(2)])
    first = "b" if role == "service" else "a"
    api.put(plural, make(first, "10.0.0.1"))
    async with Discovery(section(role, api.url)) as found:
        await found.until_addresses(*shown("10.0.0.1"))
        assert found.metrics.failures.value == 2
        api.put(plural, make("b", "10.0.0.2"))
        after = ("10.0.0.2",) if role == "service" else ("10.0.0.1", "10.0.0.2")
        await found.until_addresses(*shown(*after))
        await api.stop()
        await found.until(lambda: found.metrics.failures.value >= 4)
        assert found.addresses == sorted(shown(*after))
        api.put(plural, make("b", "10.0.0.3"))
        if role != "service":
            api.delete(plural, "a", "" if role == "node" else "default")
        api.compact()
        await api.start()
        await found.until_addresses(*shown("10.0.0.3"))
        assert found.events(role, "add") >= 1
        assert found.events(role, "update") >= 1


async def test_targets_wait_until_all_that_they_are_made_from_is_known(api):
    api.put("endpoints", endpoints("web", {"ip": "1.1.1.1"}, ports=(("http", 80),)))
    api.put("services", service("web", ("http", 80), labels={"app": "web"}))
    async with Discovery(section("endpoints", api.url)) as found:
        await found.until(lambda: found.groups)
        assert [len(batch) for batch in found.published] == [1]
        assert found.groups["endpoints/default/web"].labels[META + "service_label_app"] == "web"


@pytest.mark.parametrize("role", ["endpoints", "endpointslice"])
async def test_endpoints_follow_their_service_and_pods(api, role):
    api.put("pods", pod("p", container("c", ("http", 80)), ip="1.1.1.1", phase="Pending"))
    if role == "endpoints":
        api.put("endpoints", endpoints("web", {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")}, ports=(("", 80),)))
    else:
        member = {"addresses": ["1.1.1.1"], "targetRef": reference("Pod", "p")}
        api.put("endpointslices", endpoint_slice("web", member, ports=(PORT,), service="web"))
    source = f"{role}/default/web"
    async with Discovery(section(role, api.url)) as found:
        await found.until(lambda: found.groups)
        assert found.groups[source].targets[0][META + "pod_phase"] == "Pending"
        api.put("pods", pod("p", container("c", ("http", 80)), ip="1.1.1.1"))
        await found.until(lambda: found.groups[source].targets[0].get(META + "pod_phase") == "Running")
        api.put("services", service("web", ("http", 80)))
        await found.until(lambda: found.groups[source].labels.get(META + "service_name") == "web")
        api.delete("services", "web", "default")
        await found.until(lambda: META + "service_name" not in found.groups[source].labels)
        api.delete("pods", "p", "default")
        await found.until(lambda: META + "pod_name" not in found.groups[source].targets[0])


def everything(**more: bool) -> KubernetesMetadata:
    return KubernetesMetadata(node=True, namespace=True, deployment=True, job=True, cronjob=True)


async def test_pods_follow_their_node_namespace_and_owners(api):
    api.put("nodes", node("node-a", labels={"gpu": "a100"}))
    api.put("namespaces", {"metadata": metadata("default", "", labels={"team": "one"})})
    api.put("pods", pod("p", container("c"), ip="1.1.1.1", ownerReferences=owner("ReplicaSet", "w-1")))
    api.put("pods", pod("q", container("c"), ip="1.1.1.2", ownerReferences=owner("Job", "j-1")))
    async with Discovery(section("pod", api.url, attach_metadata=everything())) as found:
        await found.until(lambda: len(found.groups) == 2)

        def labels(name: str) -> Any:
            group = found.groups.get(f"pod/default/{name}")
            return group.labels if group else {}

        api.put("replicasets", {"metadata": metadata("w-1", ownerReferences=owner("Deployment", "w"))})
        await found.until(lambda: labels("p").get(META + "pod_deployment_name") == "w")
        api.put("jobs", {"metadata": metadata("j-1", ownerReferences=owner("CronJob", "j"))})
        await found.until(lambda: labels("q").get(META + "pod_cronjob_name") == "j")
        assert labels("q")[META + "pod_job_name"] == "j-1"
        api.put("namespaces", {"metadata": metadata("default", "", labels={"team": "two"})})
        await found.until(lambda: labels("p").get(META + "namespace_label_team") == "two")
        api.put("nodes", node("node-a", labels={"gpu": "h100"}))
        await found.until(lambda: labels("p").get(META + "node_label_gpu") == "h100")
        before = len(found.published)
        api.put("nodes", node("node-b"))
        await found.until(lambda: found.events("node", "add") == 2)
        api.delete("nodes", "node-a")
        await found.until(lambda: not found.groups)
        assert len(found.published) == before + 1  # a node without pods makes no work


async def test_only_metadata_is_asked_for_where_it_is_enough(api):
    async with Discovery(section("pod", api.url, attach_metadata=everything())) as found:
        await found.until(lambda: len(api.watches) == 5)
        accepted = {path.rpartition("/")[2]: headers["Accept"] for path, _, headers in api.requests}
        partial = {plural for plural, accept in accepted.items() if "PartialObjectMetadata" in accept}
        assert partial == {"namespaces", "replicasets", "jobs"}
        assert accepted["pods"] == "application/json"


async def test_namespaces_are_watched_one_by_one_and_one_that_is_forbidden_holds_up_no_other(api):
    for space in ("one", "two", "three"):
        api.put("pods", pod("p", container("c"), namespace=space, ip=f"10.0.0.{len(space)}"))
    config = section("pod", api.url, namespaces=KubernetesNamespaces(names=["one", "three", "one"]))
    api.answers.append(status(403, "not here"))
    async with Discovery(config) as found:
        await found.until(lambda: found.groups)
        await found.until_addresses("10.0.0.3", "10.0.0.5")
        assert api.asked("/namespaces/one/pods") + api.asked("/namespaces/three/pods") == 5
        assert api.asked("/namespaces/two/pods") == api.asked("/api/v1/pods") == 0
        assert len(found.published) == 2


async def test_a_list_of_one_namespace_lets_go_of_objects_of_this_one_alone(api):
    for space in ("one", "two"):
        api.put("pods", pod("p", container("c"), namespace=space, ip=f"10.0.0.{space[0] == 'o':d}"))
    config = section("pod", api.url, namespaces=KubernetesNamespaces(names=["one", "two"]))
    async with Discovery(config) as found:
        await found.until(lambda: len(found.groups) == 2 and len(api.watches) == 2)
        await api.stop()
        api.delete("pods", "p", "one")
        api.compact()
        await api.start()
        await found.until(lambda: list(found.groups) == ["pod/two/p"])
        await found.until(lambda: len(api.watches) == 2)
        assert list(found.groups) == ["pod/two/p"]


async def test_selectors_go_to_the_lists_and_watches_of_their_role_alone(api):
    api.put("pods", pod("a", container("c"), ip="10.0.0.1", labels={"app": "x"}))
    api.put("pods", pod("b", container("c"), ip="10.0.0.2", labels={"app": "y"}))
    api.put("nodes", node("node-a"))
    selectors = [
        KubernetesSelector(role="pod", label="app=x", field="spec.nodeName=node-a"),
        KubernetesSelector(role="node", label=""),
    ]
    attach = KubernetesMetadata(node=True)
    async with Discovery(section("pod", api.url, selectors=selectors, attach_metadata=attach)) as found:
        await found.until_addresses("10.0.0.1")
        await found.until(lambda: len(api.watches) == 2)
        asked = [(p.rpartition("/")[2], q.get("labelSelector"), q.get("fieldSelector")) for p, q, _ in api.requests]
        assert set(asked) == {("pods", "app=x", "spec.nodeName=node-a"), ("nodes", None, None)}
        api.put("pods", pod("c", container("c"), ip="10.0.0.3", labels={"app": "x"}))
        await found.until_addresses("10.0.0.1", "10.0.0.3")
