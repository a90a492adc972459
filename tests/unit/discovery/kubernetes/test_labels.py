"""Which labels the targets of nodes, services, ingresses and pods have."""

import pytest

from support.kubernetes_objects import container, ingress, metadata, node, owner, pod, service

from .groups import made, short, targets


def test_a_node_is_its_kubelet_at_the_preferred_address():
    item = node("node-a", "192.168.0.1", labels={"a.b/c-d": "x", "empty": ""}, annotations={"note": "1"})
    group = made("node", item)
    assert group.source == "node/node-a"
    assert targets(group) == [
        {
            "__address__": "192.168.0.1:10250",
            "instance": "node-a",
            "node_address_InternalIP": "192.168.0.1",
            "node_address_Hostname": "node-a",
        }
    ]
    assert short(group.labels) == {
        "node_name": "node-a",
        "node_provider_id": "gce://node-a",
        "node_condition_ready": "true",
        "node_label_a_b_c_d": "x",
        "node_labelpresent_a_b_c_d": "true",
        "node_labelpresent_empty": "true",
        "node_annotation_note": "1",
        "node_annotationpresent_note": "true",
    }


@pytest.mark.parametrize(
    ("addresses", "address"),
    [
        ([("ExternalIP", "1.2.3.4"), ("InternalIP", "10.0.0.1"), ("InternalIP", "10.0.0.2")], "10.0.0.1:10250"),
        ([("ExternalDNS", "out"), ("InternalDNS", "in"), ("ExternalIP", "1.2.3.4")], "in:10250"),
        ([("Hostname", "host"), ("LegacyHostIP", "1.1.1.1")], "1.1.1.1:10250"),
        ([("Hostname", "host")], "host:10250"),
        ([("InternalIP", "fd00::1")], "[fd00::1]:10250"),
        ([("Other", "host")], None),
        ([], None),
    ],
)
def test_the_address_of_a_node_is_the_first_of_the_most_preferred_type(addresses, address):
    item = node("n")
    item["status"]["addresses"] = [{"type": kind, "address": value} for kind, value in addresses]
    assert [t["__address__"] for t in targets(made("node", item))] == ([address] if address else [])


def test_a_service_has_a_target_a_port():
    item = service("web", ("http", 80), ("admin", 81), namespace="shop", labels={"app": "web"})
    group = made("service", item)
    assert group.source == "service/shop/web"
    first, second = targets(group)
    assert first == {
        "__address__": "web.shop.svc:80",
        "service_port_name": "http",
        "service_port_number": "80",
        "service_port_protocol": "TCP",
        "service_type": "ClusterIP",
        "service_cluster_ip": "10.1.0.1",
    }
    assert second["__address__"] == "web.shop.svc:81"
    assert short(group.labels) == {
        "namespace": "shop",
        "service_name": "web",
        "service_label_app": "web",
        "service_labelpresent_app": "true",
    }


@pytest.mark.parametrize(
    ("spec", "status", "labels"),
    [
        ({"type": "ExternalName", "externalName": "example.com"}, {}, {"service_external_name": "example.com"}),
        (
            {"type": "LoadBalancer", "loadBalancerIP": "9.9.9.9"},
            {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}, {"hostname": "x"}, {"ip": "2.2.2.2"}]}},
            {"service_cluster_ip": "10.1.0.1", "service_loadbalancer_ip": "1.1.1.1,2.2.2.2"},
        ),
        (
            {"type": "LoadBalancer", "loadBalancerIP": "9.9.9.9"},
            {},
            {"service_cluster_ip": "10.1.0.1", "service_loadbalancer_ip": "9.9.9.9"},
        ),
        ({"type": "ClusterIP", "clusterIP": "None"}, {}, {"service_cluster_ip": "None"}),
    ],
)
def test_what_is_shown_of_a_service_depends_on_its_type(spec, status, labels):
    item = {**service("s", ("", 80), spec=spec), "status": status}
    (target,) = targets(made("service", item))
    assert target == {
        "__address__": "s.default.svc:80",
        "service_port_number": "80",
        "service_port_protocol": "TCP",
        "service_type": spec["type"],
        **labels,
    }


def test_an_ingress_has_a_target_a_path():
    rules = [
        {"host": "a.example.com", "http": {"paths": [{"path": "/x"}, {"path": ""}]}},
        {"host": "b.example.com"},
        {"host": "c.example.com", "http": {"paths": []}},
    ]
    group = made("ingress", ingress("i", rules, ["a.example.com"], namespace="shop", annotations={"n": "1"}))
    shown = [(t["__address__"], t["ingress_scheme"], t["ingress_host"], t["ingress_path"]) for t in targets(group)]
    assert shown == [
        ("a.example.com", "https", "a.example.com", "/x"),
        ("a.example.com", "https", "a.example.com", "/"),
        ("b.example.com", "http", "b.example.com", "/"),
    ]
    assert short(group.labels) == {
        "namespace": "shop",
        "ingress_name": "i",
        "ingress_class_name": "nginx",
        "ingress_annotation_n": "1",
        "ingress_annotationpresent_n": "true",
    }


@pytest.mark.parametrize(
    ("pattern", "host", "scheme"),
    [
        ("*.example.com", "a.example.com", "https"),
        ("*.example.com", "b.a.example.com", "http"),
        ("*.example.com", "example.com", "http"),
        ("a.example.com", "a.example.com", "https"),
        ("a.*.com", "a.example.com", "http"),
        ("*", "host", "https"),
    ],
)
def test_a_certificate_with_a_star_covers_exactly_one_more_part(pattern, host, scheme):
    (target,) = targets(made("ingress", ingress("i", [{"host": host}], [pattern])))
    assert target["ingress_scheme"] == scheme


def test_a_pod_has_a_target_for_each_port_and_one_for_a_container_without_ports():
    item = pod(
        "vllm-0",
        container("engine", ("http", 8000), ("metrics", 9000)),
        container("sidecar", image="envoy:2"),
        namespace="llm",
        ip="10.0.0.5",
        init=(container("proxy", ("admin", 15000), image="istio:3"), container("fetch", image="fetch:1")),
        labels={"app.kubernetes.io/name": "vllm"},
        annotations={"prometheus.io/scrape": "true"},
        ownerReferences=owner("StatefulSet", "vllm"),
    )
    group = made("pod", item)
    assert group.source == "pod/llm/vllm-0"
    assert short(group.labels) == {
        "namespace": "llm",
        "pod_name": "vllm-0",
        "pod_ip": "10.0.0.5",
        "pod_ready": "true",
        "pod_phase": "Running",
        "pod_node_name": "node-a",
        "pod_host_ip": "192.168.0.1",
        "pod_uid": "uid-vllm-0",
        "pod_controller_kind": "StatefulSet",
        "pod_controller_name": "vllm",
        "pod_label_app_kubernetes_io_name": "vllm",
        "pod_labelpresent_app_kubernetes_io_name": "true",
        "pod_annotation_prometheus_io_scrape": "true",
        "pod_annotationpresent_prometheus_io_scrape": "true",
    }
    engine = {
        "pod_container_name": "engine",
        "pod_container_id": "containerd://engine-1",
        "pod_container_image": "vllm:1",
        "pod_container_init": "false",
        "pod_container_port_protocol": "TCP",
    }
    assert targets(group) == [
        {
            "__address__": "10.0.0.5:8000",
            **engine,
            "pod_container_port_name": "http",
            "pod_container_port_number": "8000",
        },
        {
            "__address__": "10.0.0.5:9000",
            **engine,
            "pod_container_port_name": "metrics",
            "pod_container_port_number": "9000",
        },
        {
            "__address__": "10.0.0.5",
            "pod_container_name": "sidecar",
            "pod_container_id": "containerd://sidecar-1",
            "pod_container_image": "envoy:2",
            "pod_container_init": "false",
        },
        {
            "__address__": "10.0.0.5:15000",
            "pod_container_name": "proxy",
            "pod_container_id": "containerd://proxy-0",
            "pod_container_image": "istio:3",
            "pod_container_init": "true",
            "pod_container_port_name": "admin",
            "pod_container_port_number": "15000",
            "pod_container_port_protocol": "TCP",
        },
        {
            "__address__": "10.0.0.5",
            "pod_container_name": "fetch",
            "pod_container_id": "containerd://fetch-0",
            "pod_container_image": "fetch:1",
            "pod_container_init": "true",
        },
    ]


def test_a_pod_without_an_address_has_no_targets():
    assert targets(made("pod", pod("p", container("c", ("http", 80)), ip=""))) == []


def test_the_address_of_a_pod_may_be_of_the_sixth_version():
    item = pod("p", container("c", ("http", 80)), container("d"), ip="fd00::5")
    assert [t["__address__"] for t in targets(made("pod", item))] == ["[fd00::5]:80", "fd00::5"]


@pytest.mark.parametrize(("condition", "ready"), [("False", "false"), ("Unknown", "unknown"), (None, "unknown")])
def test_a_pod_that_does_not_say_that_it_is_ready_is_not(condition, ready):
    item = pod("p", container("c"), ready=condition or "")
    if condition is None:
        item["status"]["conditions"] = []
    assert short(made("pod", item).labels)["pod_ready"] == ready


def test_a_container_that_has_not_started_has_no_id():
    item = pod("p", container("c", ("http", 80)))
    item["status"]["containerStatuses"] = []
    (target,) = targets(made("pod", item))
    assert "pod_container_id" not in target


def test_only_the_owner_that_controls_a_pod_is_shown():
    item = pod("p", container("c"), ownerReferences=[{"kind": "Node", "name": "n", "controller": False}])
    assert not any("controller" in name for name in made("pod", item).labels)


def test_labels_and_annotations_of_a_pods_node_are_attached():
    shown = short(
        made("pod", pod("p", container("c")), attach=("node",), node=[node("node-a", labels={"gpu": "h100"})]).labels
    )
    assert shown["node_name"] == "node-a"
    assert shown["node_label_gpu"] == "h100"
    assert shown["node_labelpresent_gpu"] == "true"
    assert "node_provider_id" not in shown
    assert "node_condition_ready" not in shown


def test_a_pod_on_a_node_that_is_not_known_has_no_targets_when_nodes_are_attached():
    assert targets(made("pod", pod("p", container("c"), node="gone"), attach=("node",), node=[node("node-a")])) == []


@pytest.mark.parametrize(
    ("role", "item"),
    [
        ("pod", pod("p", container("c"), namespace="llm")),
        ("service", service("s", ("http", 80), namespace="llm")),
        ("ingress", ingress("i", [{"host": "h"}], namespace="llm")),
    ],
)
def test_labels_and_annotations_of_the_namespace_are_attached(role, item):
    space = {"metadata": metadata("llm", "", labels={"team": "ml"}, annotations={"cost-center": "7"})}
    shown = short(made(role, item, attach=("namespace",), namespace=[space]).labels)
    assert shown["namespace"] == "llm"
    assert {name: value for name, value in shown.items() if name.startswith("namespace_")} == {
        "namespace_label_team": "ml",
        "namespace_labelpresent_team": "true",
        "namespace_annotation_cost_center": "7",
        "namespace_annotationpresent_cost_center": "true",
    }
    assert not any(name.startswith("namespace_") for name in short(made(role, item).labels))


def test_the_deployment_job_and_cronjob_above_a_pod_are_shown_when_asked_for():
    served = pod("p", container("c"), ownerReferences=owner("ReplicaSet", "web-1"))
    sets = [{"metadata": metadata("web-1", ownerReferences=owner("Deployment", "web"))}]
    shown = short(made("pod", served, attach=("deployment",), replicaset=sets).labels)
    assert shown["pod_deployment_name"] == "web"
    assert shown["pod_controller_name"] == "web-1"

    ran = pod("q", container("c"), ownerReferences=owner("Job", "night-1"))
    jobs = [{"metadata": metadata("night-1", ownerReferences=owner("CronJob", "night"))}]
    shown = short(made("pod", ran, attach=("job", "cronjob"), job=jobs).labels)
    assert (shown["pod_job_name"], shown["pod_cronjob_name"]) == ("night-1", "night")
    shown = short(made("pod", ran, attach=("job",)).labels)
    assert shown["pod_job_name"] == "night-1"
    assert "pod_cronjob_name" not in shown


def test_a_replica_set_of_its_own_and_one_of_another_kind_give_no_deployment():
    item = pod("p", container("c"), ownerReferences=owner("ReplicaSet", "web-1"))
    for sets in (
        [],
        [{"metadata": metadata("web-1")}],
        [{"metadata": metadata("web-1", ownerReferences=owner("Rollout", "web"))}],
    ):
        assert "pod_deployment_name" not in short(made("pod", item, attach=("deployment",), replicaset=sets).labels)
