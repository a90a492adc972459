from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from narthex.config.sd.hosters import ScalewaySDConfig
from narthex.config.strict import load
from narthex.discovery.scaleway import provider
from narthex.discovery.scaleway_instance import region_of
from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

SERVERS = "/instance/v1/zones/fr-par-1/servers"
DUAL_STACK = {
    "__address__": "51.158.183.115:80",
    "__meta_scaleway_instance_boot_type": "local",
    "__meta_scaleway_instance_hostname": "routed-dualstack",
    "__meta_scaleway_instance_id": "4904366a-7e26-4b65-b97b-6392c761247a",
    "__meta_scaleway_instance_image_arch": "x86_64",
    "__meta_scaleway_instance_image_id": "3e0a5b84-1d69-4993-8fa4-0d7df52d5160",
    "__meta_scaleway_instance_image_name": "Ubuntu 22.04 Jammy Jellyfish",
    "__meta_scaleway_instance_location_cluster_id": "19",
    "__meta_scaleway_instance_location_hypervisor_id": "1201",
    "__meta_scaleway_instance_location_node_id": "24",
    "__meta_scaleway_instance_name": "routed-dualstack",
    "__meta_scaleway_instance_organization_id": "20b3d507-96ac-454c-a795-bc731b46b12f",
    "__meta_scaleway_instance_project_id": "20b3d507-96ac-454c-a795-bc731b46b12f",
    "__meta_scaleway_instance_public_ipv4": "51.158.183.115",
    "__meta_scaleway_instance_public_ipv4_addresses": ",51.158.183.115,",
    "__meta_scaleway_instance_public_ipv6_addresses": ",2001:bc8:1640:1568:dc00:ff:fe21:91b,",
    "__meta_scaleway_instance_region": "nl-ams",
    "__meta_scaleway_instance_security_group_id": "984414da-9fc2-49c0-a925-fed6266fe092",
    "__meta_scaleway_instance_security_group_name": "Default security group",
    "__meta_scaleway_instance_status": "running",
    "__meta_scaleway_instance_type": "DEV1-S",
    "__meta_scaleway_instance_zone": "nl-ams-1",
}


def make(text: str, api: FakeApi) -> MakeProvider:
    base = f"project_id: p, access_key: SCWXXXXXXXXXXXXXXXXX, api_url: '{api.url}', "
    section = load(ScalewaySDConfig, f"{{{base}{text}}}", "f.yml")
    return lambda metrics, clock: provider(section, "job", metrics, clock)


async def test_instances_have_the_labels_of_peers(conformance: Path) -> None:
    folder = conformance / "discovery/scaleway/testdata"
    async with fake_api() as api:
        api.routes = {SERVERS: (folder / "instance.json").read_bytes()}
        text = f"role: instance, secret_key_file: {folder}/secret_key, name_filter: n, tags_filter: [a, b]"
        async with Life(make(text, api)) as life:
            targets = {t["__meta_scaleway_instance_hostname"]: t for t in life.targets()}
        assert targets["routed-dualstack"] == DUAL_STACK
        assert {name: t["__address__"] for name, t in targets.items()} == {
            "scw-nervous-shirley": "10.70.60.57:80",
            "scw-quizzical-feistel": "10.193.162.9:80",
            "routed-dualstack": "51.158.183.115:80",
            "multiple-ips": "163.172.136.10:80",
        }
        first, many = targets["scw-nervous-shirley"], targets["multiple-ips"]
        assert first["__meta_scaleway_instance_public_ipv6"] == "2001:bc8:630:1e1c::1"
        assert first["__meta_scaleway_instance_private_ipv4"] == "10.70.60.57"
        assert "__meta_scaleway_instance_public_ipv4" not in first
        assert (
            many["__meta_scaleway_instance_public_ipv6_addresses"]
            == ",2001:bc8:710:4a69:dc00:ff:fe58:40c1,2001:bc8:710:d::,2001:bc8:710:5417::,"
        )
        request = api.requests[0][0]
        assert request.headers["X-Auth-Token"] == (folder / "secret_key").read_text().strip()
        assert (request.query["name"], request.query["tags"]) == ("n", "a,b")


async def test_instances_live(conformance: Path) -> None:
    one = {"id": "1", "zone": "fr-par-1", "private_ip": "10.0.0.1", "tags": ["x"]}
    labels = {
        "__address__": "10.0.0.1:80",
        "__meta_scaleway_instance_private_ipv4": "10.0.0.1",
        "__meta_scaleway_instance_id": "1",
        "__meta_scaleway_instance_zone": "fr-par-1",
        "__meta_scaleway_instance_region": "fr-par",
        "__meta_scaleway_instance_tags": ",x,",
    } | {
        f"__meta_scaleway_instance_{name}": ""
        for name in ("boot_type", "hostname", "name", "organization_id", "project_id", "status", "type")
    }
    async with fake_api() as api:
        api.routes = {SERVERS: {"servers": [one]}}
        changed = {"servers": [{**one, "state": "stopped"}, {"id": "no address", "zone": "fr-par-1"}]}
        await live(
            make("role: instance, secret_key: s", api),
            api,
            lambda: api.routes.update({SERVERS: changed}),
            [labels],
            [{**labels, "__meta_scaleway_instance_status": "stopped"}],
        )


async def test_an_instance_in_private_networks_alone_is_looked_up_there() -> None:
    nics = [{"id": "nic-1"}]
    ips = [
        {"address": "fd00::7/64", "is_ipv6": True, "resource": {"id": "nic-1"}},
        {"address": "10.0.0.7/32", "is_ipv6": False, "resource": {"id": "nic-1"}},
    ]
    async with fake_api() as api:
        api.routes = {
            SERVERS: {"servers": [{"id": "1", "zone": "fr-par-1", "private_nics": nics}]},
            "/ipam/v1/regions/fr-par/ips": {"ips": ips},
        }
        async with Life(make("role: instance, secret_key: s", api)) as life:
            (labels,) = life.targets()
        assert labels["__address__"] == "10.0.0.7:80"
        assert labels["__meta_scaleway_instance_private_ipv4"] == "10.0.0.7"
        query = api.requests[-1][0].query
        assert (query["resource_ids"], query["resource_types"]) == ("nic-1", "instance_private_nic")


async def test_all_pages_are_read() -> None:
    all_servers = [{"id": str(i), "private_ip": f"10.0.{i // 256}.{i % 256}"} for i in range(250)]

    async def servers(request: web.BaseRequest) -> Any:
        page, size = int(request.query["page"]), int(request.query["per_page"])
        return {"servers": all_servers[(page - 1) * size : page * size]}

    async with fake_api() as api:
        api.routes = {SERVERS: servers}
        async with Life(make("role: instance, secret_key: s", api)) as life:
            assert len(life.targets()) == 250
        assert len(api.requests) == 3


async def test_bare_metal_servers_live() -> None:
    base = "/baremetal/v1/zones/fr-par-2"
    server: dict[str, Any] = {
        "id": "b1",
        "name": "metal",
        "zone": "fr-par-2",
        "status": "ready",
        "project_id": "p",
        "offer_id": "o1",
        "install": {"os_id": "os1"},
        "tags": ["db"],
        "ips": [{"address": "2001:bc8::1", "version": "IPv6"}, {"address": "51.159.0.1", "version": "IPv4"}],
    }
    labels = {
        "__address__": "51.159.0.1:9100",
        "__meta_scaleway_baremetal_id": "b1",
        "__meta_scaleway_baremetal_name": "metal",
        "__meta_scaleway_baremetal_zone": "fr-par-2",
        "__meta_scaleway_baremetal_status": "ready",
        "__meta_scaleway_baremetal_project_id": "p",
        "__meta_scaleway_baremetal_type": "EM-A210R",
        "__meta_scaleway_baremetal_os_name": "Ubuntu",
        "__meta_scaleway_baremetal_os_version": "22.04",
        "__meta_scaleway_baremetal_tags": ",db,",
        "__meta_scaleway_baremetal_public_ipv4": "51.159.0.1",
        "__meta_scaleway_baremetal_public_ipv6": "2001:bc8::1",
    }
    changed = {k: v for k, v in labels.items() if not k.endswith("public_ipv4")}
    changed["__address__"] = "[2001:bc8::1]:9100"
    async with fake_api() as api:
        api.routes = {
            f"{base}/servers": {"servers": [server]},
            f"{base}/offers": {"offers": [{"id": "o1", "name": "EM-A210R"}]},
            f"{base}/os": {"os": [{"id": "os1", "name": "Ubuntu", "version": "22.04"}]},
        }

        def change() -> None:
            api.routes[f"{base}/servers"] = {"servers": [{**server, "ips": server["ips"][:1]}]}

        text = "role: baremetal, secret_key: s, zone: fr-par-2, port: 9100"
        await live(make(text, api), api, change, [labels], [changed])


async def test_a_secret_file_that_is_not_there_is_told_at_once() -> None:
    async with fake_api() as api:
        with pytest.raises(HTTPClientError, match="unable to read scaleway secret key file"):
            Life(make("role: instance, secret_key_file: /nowhere", api))


@pytest.mark.parametrize(("zone", "region"), [("fr-par-1", "fr-par"), ("nl-ams-3", "nl-ams"), ("", ""), ("a-b", "")])
def test_a_region_is_a_zone_without_its_number(zone: str, region: str) -> None:
    assert region_of(zone) == region
