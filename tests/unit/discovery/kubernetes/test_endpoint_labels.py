"""Which labels the targets of endpoints and endpointslices have."""

import pytest

from support.kubernetes_objects import (
    container,
    endpoint_slice,
    endpoints,
    metadata,
    node,
    owner,
    pod,
    reference,
    service,
)

from .groups import made, short, targets


def by_address(group):
    return {target.pop("__address__"): target for target in targets(group)}


def test_endpoints_have_a_target_an_address_and_port_with_the_labels_of_their_service():
    item = endpoints(
        "web",
        {"ip": "1.1.1.1", "hostname": "one", "nodeName": "node-a"},
        {"ip": "2.2.2.2", "notReady": True},
        ports=(("http", 80), ("admin", 81)),
        namespace="shop",
        labels={"l": "1"},
        annotations={"a": "2"},
    )
    group = made("endpoints", item, service=[service("web", ("http", 80), namespace="shop", labels={"app": "web"})])
    assert group.source == "endpoints/shop/web"
    assert short(group.labels) == {
        "namespace": "shop",
        "endpoints_name": "web",
        "endpoints_label_l": "1",
        "endpoints_labelpresent_l": "true",
        "endpoints_annotation_a": "2",
        "endpoints_annotationpresent_a": "true",
        "service_name": "web",
        "service_label_app": "web",
        "service_labelpresent_app": "true",
    }
    found = by_address(group)
    assert sorted(found) == ["1.1.1.1:80", "1.1.1.1:81", "2.2.2.2:80", "2.2.2.2:81"]
    assert found["1.1.1.1:80"] == {
        "endpoint_port_name": "http",
        "endpoint_port_protocol": "TCP",
        "endpoint_ready": "true",
        "endpoint_hostname": "one",
        "endpoint_node_name": "node-a",
    }
    assert found["2.2.2.2:81"] == {
        "endpoint_port_name": "admin",
        "endpoint_port_protocol": "TCP",
        "endpoint_ready": "false",
    }


def test_endpoints_that_are_pods_show_the_pod_and_its_other_ports():
    backing = pod(
        "p",
        container("main", ("http", 80), ("spare", 90)),
        container("mate", ("mate", 70), protocol="UDP"),
        init=(container("sidecar", ("admin", 15000)),),
        ip="1.1.1.1",
        labels={"app": "web"},
        ownerReferences=owner("ReplicaSet", "web-1"),
    )
    item = endpoints("web", {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")}, ports=(("front", 80),))
    found = by_address(made("endpoints", item, pod=[backing]))
    assert sorted(found) == ["1.1.1.1:15000", "1.1.1.1:70", "1.1.1.1:80", "1.1.1.1:90"]
    of_pod = {
        "pod_name": "p",
        "pod_ip": "1.1.1.1",
        "pod_ready": "true",
        "pod_phase": "Running",
        "pod_node_name": "node-a",
        "pod_host_ip": "192.168.0.1",
        "pod_uid": "uid-p",
        "pod_controller_kind": "ReplicaSet",
        "pod_controller_name": "web-1",
        "pod_label_app": "web",
        "pod_labelpresent_app": "true",
        "pod_container_image": "vllm:1",
    }
    assert found["1.1.1.1:80"] == {
        **of_pod,
        "endpoint_port_name": "front",
        "endpoint_port_protocol": "TCP",
        "endpoint_ready": "true",
        "endpoint_address_target_kind": "Pod",
        "endpoint_address_target_name": "p",
        "pod_container_name": "main",
        "pod_container_init": "false",
        "pod_container_port_name": "http",
        "pod_container_port_number": "80",
        "pod_container_port_protocol": "TCP",
    }
    assert found["1.1.1.1:70"] == {
        **of_pod,
        "pod_container_name": "mate",
        "pod_container_init": "false",
        "pod_container_port_name": "mate",
        "pod_container_port_number": "70",
        "pod_container_port_protocol": "UDP",
    }
    assert found["1.1.1.1:15000"]["pod_container_init"] == "true"


def test_other_ports_of_a_pod_come_once_however_many_addresses_it_has():
    backing = pod("p", container("main", ("http", 80), ("spare", 90)), ip="1.1.1.1")
    item = endpoints(
        "web",
        {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")},
        {"ip": "1.1.1.2", "targetRef": reference("Pod", "p"), "notReady": True},
        ports=(("http", 80),),
    )
    addresses = [t["__address__"] for t in targets(made("endpoints", item, pod=[backing]))]
    assert sorted(addresses) == ["1.1.1.1:80", "1.1.1.1:90", "1.1.1.2:80"]


def test_an_address_whose_pod_is_not_known_is_a_target_all_the_same():
    item = endpoints("web", {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")}, ports=(("http", 80),))
    (target,) = targets(made("endpoints", item))
    assert target["endpoint_address_target_name"] == "p"
    assert "pod_name" not in target


def test_a_pod_that_has_lost_its_address_adds_no_other_ports():
    backing = pod("p", container("main", ("http", 80), ("spare", 90)), ip="")
    item = endpoints("web", {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")}, ports=(("http", 80),))
    assert [t["__address__"] for t in targets(made("endpoints", item, pod=[backing]))] == ["1.1.1.1:80"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ({"nodeName": "node-a"}, "node-a"),
        ({"targetRef": reference("Node", "node-b")}, "node-b"),
        ({"nodeName": "node-a", "targetRef": reference("Node", "node-b")}, "node-a"),
        ({}, None),
    ],
)
def test_the_node_of_an_endpoint_is_attached(address, shown):
    item = endpoints("web", {"ip": "1.1.1.1", **address}, ports=(("http", 80),))
    (target,) = targets(made("endpoints", item, attach=("node",), node=[node("node-a"), node("node-b")]))
    assert target.get("node_name") == shown


SLICE_PORT = {"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http2"}


def test_an_endpointslice_shows_ports_conditions_place_and_topology():
    member = {
        "addresses": ["1.1.1.1", "1.1.1.2"],
        "conditions": {"ready": True, "serving": False, "terminating": None},
        "hostname": "one",
        "nodeName": "node-a",
        "zone": "z1",
        "targetRef": reference("Service", "x"),
        "deprecatedTopology": {"kubernetes.io/hostname": "node-a"},
        "hints": {"forZones": [{"name": "z2"}]},
    }
    item = endpoint_slice("web-1", member, ports=(SLICE_PORT,), service="web", annotations={"a": "1"})
    group = made("endpointslice", item, service=[service("web", ("http", 80), labels={"app": "web"})])
    assert group.source == "endpointslice/default/web-1"
    assert short(group.labels) == {
        "namespace": "default",
        "endpointslice_name": "web-1",
        "endpointslice_address_type": "IPv4",
        "endpointslice_label_kubernetes_io_service_name": "web",
        "endpointslice_labelpresent_kubernetes_io_service_name": "true",
        "endpointslice_annotation_a": "1",
        "endpointslice_annotationpresent_a": "true",
        "service_name": "web",
        "service_label_app": "web",
        "service_labelpresent_app": "true",
    }
    found = by_address(group)
    assert sorted(found) == ["1.1.1.1:80", "1.1.1.2:80"]
    assert found["1.1.1.1:80"] == {
        "endpointslice_port": "80",
        "endpointslice_port_name": "http",
        "endpointslice_port_protocol": "TCP",
        "endpointslice_port_app_protocol": "http2",
        "endpointslice_endpoint_conditions_ready": "true",
        "endpointslice_endpoint_conditions_serving": "false",
        "endpointslice_endpoint_hostname": "one",
        "endpointslice_endpoint_node_name": "node-a",
        "endpointslice_endpoint_zone": "z1",
        "endpointslice_address_target_kind": "Service",
        "endpointslice_address_target_name": "x",
        "endpointslice_endpoint_topology_kubernetes_io_hostname": "node-a",
        "endpointslice_endpoint_topology_present_kubernetes_io_hostname": "true",
    }


def test_a_port_without_a_number_is_left_out_of_the_address():
    item = endpoint_slice("s", {"addresses": ["1.1.1.1"]}, ports=({"name": "any"},))
    assert targets(made("endpointslice", item)) == [{"__address__": "1.1.1.1", "endpointslice_port_name": "any"}]


def test_a_slice_without_ports_has_no_targets():
    assert targets(made("endpointslice", endpoint_slice("s", {"addresses": ["1.1.1.1"]}, ports=()))) == []


def test_a_slice_of_pods_shows_the_container_ports_protocol_and_the_pods_other_ports():
    backing = pod("p", container("main", ("http", 80), protocol="SCTP"), container("b", ("b", 90)), ip="1.1.1.1")
    member = {"addresses": ["1.1.1.1"], "targetRef": reference("Pod", "p")}
    found = by_address(made("endpointslice", endpoint_slice("s", member, ports=(SLICE_PORT,)), pod=[backing]))
    assert sorted(found) == ["1.1.1.1:80", "1.1.1.1:90"]
    assert found["1.1.1.1:80"]["pod_container_port_protocol"] == "SCTP"
    assert found["1.1.1.1:80"]["endpointslice_port_protocol"] == "TCP"
    assert found["1.1.1.1:90"]["pod_name"] == "p"


@pytest.mark.parametrize(
    ("policy", "family", "count"),
    [
        ("PreferDualStack", "IPv4", 1),
        ("PreferDualStack", "IPv6", 0),
        ("RequireDualStack", "IPv6", 0),
        ("SingleStack", "IPv6", 1),
    ],
)
def test_of_a_service_with_two_families_only_the_slices_of_the_first_count(policy, family, count):
    item = endpoint_slice("s", {"addresses": ["1.1.1.1"]}, ports=(SLICE_PORT,), service="web", family=family)
    spec = {"ipFamilyPolicy": policy, "ipFamilies": ["IPv4", "IPv6"]}
    assert len(targets(made("endpointslice", item, service=[service("web", ("http", 80), spec=spec)]))) == count


def test_the_node_of_a_slices_endpoint_is_the_one_it_refers_to_before_the_one_it_is_on():
    member = {"addresses": ["1.1.1.1"], "nodeName": "node-a", "targetRef": reference("Node", "node-b")}
    item = endpoint_slice("s", member, ports=(SLICE_PORT,))
    (target,) = targets(made("endpointslice", item, attach=("node",), node=[node("node-a"), node("node-b")]))
    assert target["node_name"] == "node-b"


@pytest.mark.parametrize("role", ["endpoints", "endpointslice"])
def test_what_is_attached_to_pods_and_namespaces_comes_with_endpoints_too(role):
    backing = pod(
        "p", container("c", ("http", 80), ("b", 90)), ip="1.1.1.1", ownerReferences=owner("ReplicaSet", "w-1")
    )
    if role == "endpoints":
        item = endpoints("w", {"ip": "1.1.1.1", "targetRef": reference("Pod", "p")}, ports=(("http", 80),))
    else:
        member = {"addresses": ["1.1.1.1"], "targetRef": reference("Pod", "p")}
        item = endpoint_slice("w", member, ports=(SLICE_PORT,))
    group = made(
        role,
        item,
        attach=("deployment", "namespace"),
        pod=[backing],
        replicaset=[{"metadata": metadata("w-1", ownerReferences=owner("Deployment", "w"))}],
        namespace=[{"metadata": metadata("default", "", labels={"team": "ml"})}],
    )
    assert [t["pod_deployment_name"] for t in targets(group)] == ["w", "w"]
    assert short(group.labels)["namespace_label_team"] == "ml"
