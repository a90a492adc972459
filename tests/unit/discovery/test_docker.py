from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from narthex.config.sd.cluster import DockerSDConfig, DockerSwarmSDConfig
from narthex.config.strict import load
from narthex.discovery.docker import DockerProvider
from narthex.discovery.dockerswarm import DockerSwarmProvider
from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life, Targets, fake_api, live

D = "__meta_docker_"
S = "__meta_dockerswarm_"


def daemon(api: FakeApi, payloads: Path, version: str = "1.40") -> None:
    """Answers as the daemon did whose payloads these are."""

    async def ping(_: web.BaseRequest) -> web.Response:
        return web.Response(text="OK", headers={"Api-Version": version} if version else {})

    lists = [path for path in payloads.rglob("*.json*") if path.name.endswith(".json") and path.name != "_ping.json"]
    prefix = f"/v{version or '1.24'}/"
    api.routes = {f"{prefix}{p.relative_to(payloads).with_suffix('')}": p.read_bytes() for p in lists}
    api.routes["/_ping"] = ping


def docker(api: FakeApi, more: str = "") -> Callable[..., DockerProvider]:
    section = load(DockerSDConfig, f"{{host: '{api.url}', port: 9090{more}}}", "f.yml")
    return lambda metrics, clock: DockerProvider(section, "job", metrics, clock)


def swarm(api: FakeApi, role: str, more: str = "") -> Callable[..., DockerSwarmProvider]:
    section = load(DockerSwarmSDConfig, f"{{host: '{api.url}', role: {role}, port: 80{more}}}", "f.yml")
    return lambda metrics, clock: DockerSwarmProvider(section, "job", metrics, clock)


@pytest.fixture
def moby(conformance: Path) -> Path:
    return conformance / "discovery" / "moby" / "testdata"


def by_address(targets: Targets, name: str) -> list[tuple[str, str]]:
    return [(labels["__address__"], labels[name]) for labels in targets]


class TestContainers:
    async def test_all_labels_of_a_container_are_those_of_its_payload(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "dockerprom")
            async with Life(docker(api)) as life:
                found = {labels["__address__"]: labels for labels in life.targets()}
        compose = f"{D}container_label_com_docker_compose_"
        network = f"{D}network_label_com_docker_compose_"
        node = found["172.19.0.2:9100"]
        assert {
            k: v
            for k, v in node.items()
            if not k.startswith((compose, network, f"{D}container_image", f"{D}container_label_maintainer"))
        } == {
            "__address__": "172.19.0.2:9100",
            f"{D}container_id": "c301b928faceb1a18fe379f6bc178727ef920bb30b0f9b8592b32b36255a0eca",
            f"{D}container_label_prometheus_job": "node",
            f"{D}container_name": "/dockersd_node_1",
            f"{D}container_network_mode": "dockersd_default",
            f"{D}network_id": "7189986ab399e144e52a71b7451b4e04e2158c044b4cd2f3ae26fc3a285d3798",
            f"{D}network_ingress": "false",
            f"{D}network_internal": "false",
            f"{D}network_ip": "172.19.0.2",
            f"{D}network_name": "dockersd_default",
            f"{D}network_scope": "local",
            f"{D}port_private": "9100",
        }

    async def test_networks_and_ports_make_the_targets(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "dockerprom")
            async with Life(docker(api)) as life:
                assert by_address(life.targets(), f"{D}container_name") == [
                    ("172.19.0.2:9100", "/dockersd_node_1"),
                    ("172.19.0.3:9090", "/dockersd_noport_1"),  # no port: the one of the section
                    ("172.20.0.2:3306", "/dockersd_mysql"),
                    ("172.20.0.2:33060", "/dockersd_mysql"),
                    ("172.20.0.2:9104", "/dockersd_mysql_exporter"),  # in the network of the container before
                    ("172.20.0.3:3306", "/dockersd_multi_networks"),
                    ("172.20.0.3:33060", "/dockersd_multi_networks"),
                    ("localhost", "/dockersd_host_networking_1"),
                ]
            async with Life(docker(api, ", match_first_network: false, host_networking_host: h:1")) as life:
                addresses = [labels["__address__"] for labels in life.targets()]
                assert {"172.21.0.2:3306", "172.21.0.2:9104", "172.21.0.3:33060", "h:1"} < set(addresses)
                assert len(addresses) == 13

    async def test_a_network_with_ipv6_alone_gives_such_addresses(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "dockeripv6")
            async with Life(docker(api)) as life:
                (labels,) = life.targets()
        assert (labels["__address__"], labels[f"{D}network_ip"]) == ("[fc00::2]:80", "fc00::2")

    async def test_containers_live_and_filters_are_sent(self) -> None:
        container: dict[str, Any] = {
            "Id": "1",
            "Names": ["/a"],
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {"Networks": {"b": {"NetworkID": "n", "IPAddress": "10.0.0.1"}, "a": None}},
            "Ports": [
                {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"PrivatePort": 53, "Type": "udp"},
            ],
        }
        first = {
            "__address__": "10.0.0.1:80",
            f"{D}container_id": "1",
            f"{D}container_name": "/a",
            f"{D}container_network_mode": "bridge",
            f"{D}network_ip": "10.0.0.1",
            f"{D}port_private": "80",
            f"{D}port_public": "8080",
            f"{D}port_public_ip": "0.0.0.0",
        }
        udp = {**container, "Ports": container["Ports"][1:]}
        then = {k: v for k, v in first.items() if "port" not in k} | {"__address__": "10.0.0.1:9090"}
        async with fake_api() as api:
            daemon(api, Path("/nonexistent"), version="")
            lists = {"/v1.24/containers/json": [container, {"Id": "2"}], "/v1.24/networks": []}
            api.routes |= lists
            await live(
                docker(api, ", filters: [{name: label, values: [a=b, c]}, {name: status, values: [running]}]"),
                api,
                lambda: api.routes.update({"/v1.24/containers/json": [udp]}),
                [first],
                [then],
            )
            query = next(r.query for r, _ in api.requests if r.path.endswith("containers/json"))
            assert orjson.loads(query["filters"]) == {"label": {"a=b": True, "c": True}, "status": {"running": True}}

    async def test_containers_that_share_networks_in_a_circle_have_no_targets(self) -> None:
        circle = [
            {"Id": a, "Names": [a], "HostConfig": {"NetworkMode": f"container:{b}"}} for a, b in ("ab", "ba", "cx")
        ]
        async with fake_api() as api:
            daemon(api, Path("/nonexistent"))
            api.routes |= {"/v1.40/containers/json": circle, "/v1.40/networks": []}
            async with Life(docker(api)) as life:
                assert (life.published, life.targets()) == (1, [])

    async def test_a_daemon_behind_a_unix_socket_is_asked_without_http_settings(
        self, tmp_path: Path, moby: Path
    ) -> None:
        api = FakeApi()
        daemon(api, moby / "dockeripv6")
        async with unix_server(api, tmp_path / "docker.sock"):
            api.url = f"unix://{tmp_path}/docker.sock"
            async with Life(docker(api, ", authorization: {credentials: x}")) as life:
                assert len(life.targets()) == 1
        assert all("Authorization" not in request.headers for request, _ in api.requests)

    async def test_a_host_of_another_scheme_cannot_start(self) -> None:
        api = FakeApi()
        api.url = "ssh://host"
        with pytest.raises(HTTPClientError, match="ssh://host"):
            async with Life(docker(api)):
                pass


@asynccontextmanager
async def unix_server(api: FakeApi, path: Path) -> Any:
    runner = web.ServerRunner(web.Server(api.handle), shutdown_timeout=0.05)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()


class TestSwarm:
    async def test_services_live_with_an_address_for_each_network(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "swarmprom")
            async with Life(swarm(api, "services")) as life:
                first = life.targets()
                node_exporter = next(t for t in first if t["__address__"] == "10.0.0.7:9100")
                assert {k: v for k, v in node_exporter.items() if "image" not in k} == {
                    "__address__": "10.0.0.7:9100",
                    f"{S}network_id": "qvwhwd6p61k4o0ulsknqb066z",
                    f"{S}network_ingress": "true",
                    f"{S}network_internal": "false",
                    f"{S}network_name": "ingress",
                    f"{S}network_scope": "swarm",
                    f"{S}service_endpoint_port_name": "",
                    f"{S}service_endpoint_port_publish_mode": "ingress",
                    f"{S}service_id": "3qvd7bwfptmoht16t1f7jllb6",
                    f"{S}service_label_com_docker_stack_namespace": "mon",
                    f"{S}service_mode": "global",
                    f"{S}service_name": "mon_node-exporter",
                    f"{S}service_task_container_hostname": "",
                }
                assert len(first) == 15
                assert ("10.0.1.34:80", "mon_unsee") in by_address(first, f"{S}service_name")
                api.status = 500
                await life.next()
                assert (life.targets(), life.failures) == (first, 1)
                api.status = 200
                api.routes["/v1.40/services"] = []
                await life.next()
                assert life.targets() == []

    async def test_services_of_plugins_have_no_container_labels(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "swarmprom-plugin")
            async with Life(swarm(api, "services")) as life:
                plugin = next(t for t in life.targets() if t["__address__"] == "10.0.1.30:80")
        assert not [name for name in plugin if "container" in name]
        assert plugin[f"{S}service_mode"] == "global"

    async def test_nodes_carry_what_managers_know_of_each_other(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "swarmprom")
            async with Life(swarm(api, "nodes", ", filters: [{name: role, values: [manager]}]")) as life:
                nodes = {t[f"{S}node_hostname"]: t for t in life.targets()}
            assert api.asked()[1] == "/v1.40/nodes?filters=%7B%22role%22%3A%7B%22manager%22%3Atrue%7D%7D"
        payload = orjson.loads((moby / "swarmprom" / "nodes.json").read_bytes())
        assert len(nodes) == len(payload)
        for node in payload:
            labels = nodes[node["Description"]["Hostname"]]
            assert labels["__address__"] == f"{node['Status']['Addr']}:80"
            assert labels[f"{S}node_engine_version"] == node["Description"]["Engine"]["EngineVersion"]
            manager = node.get("ManagerStatus")
            assert labels.get(f"{S}node_manager_address") == (manager and manager["Addr"])
            assert labels.get(f"{S}node_manager_leader") == (manager and ("true" if manager.get("Leader") else "false"))

    async def test_tasks_carry_their_service_node_and_network(self, moby: Path) -> None:
        async with fake_api() as api:
            daemon(api, moby / "swarmprom")
            async with Life(swarm(api, "tasks")) as life:
                found = [t for t in life.targets() if t[f"{S}task_id"] == "40wy6ekgchzz38dqjv07qt79w"]
        assert len(found) == 2
        for labels in found:
            assert labels["__address__"].endswith(":9100")
            assert labels[f"{S}service_name"] == "mon_node-exporter"
            assert labels[f"{S}task_port_publish_mode"] == "ingress"
            assert labels[f"{S}container_label_com_docker_stack_namespace"] == "mon"
            assert labels[f"{S}task_container_id"].startswith("a137690f7070c5")
            assert labels[f"{S}task_slot"] == "0"
            assert labels[f"{S}node_id"] == "ldawcom10uqi6owysgi28n4ve"
            assert f"{S}node_engine_version" not in labels
        assert {labels[f"{S}network_name"] for labels in found} == {"ingress", "mon_net"}
