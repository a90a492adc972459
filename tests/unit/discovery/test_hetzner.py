from __future__ import annotations

from typing import Any

from aiohttp import web

from narthex.config.sd.hosters import HetznerSDConfig
from narthex.config.strict import load
from narthex.discovery.hetzner import HetznerCloudProvider, HetznerRobotProvider
from unit.discovery.api import Life, fake_api, live

CLOUD: dict[str, Any] = {
    "id": 42,
    "name": "my-server",
    "status": "running",
    "public_net": {"ipv4": {"ip": "1.2.3.4"}, "ipv6": {"ip": "2001:db8::/64"}, "floating_ips": []},
    "private_net": [{"network": 4711, "ip": "10.0.0.2"}, {"network": 1, "ip": "10.1.0.2"}],
    "server_type": {"name": "cx11", "cores": 1, "cpu_type": "shared", "memory": 1.9, "disk": 25},
    "location": {"name": "fsn1", "network_zone": "eu-central"},
    "image": {"name": "ubuntu-20.04", "description": "Ubuntu", "os_flavor": "ubuntu", "os_version": "20.04"},
    "labels": {"my-key": "my-value", "empty": ""},
}
LABELS = {
    "__address__": "1.2.3.4:80",
    "__meta_hetzner_role": "hcloud",
    "__meta_hetzner_server_id": "42",
    "__meta_hetzner_server_name": "my-server",
    "__meta_hetzner_server_status": "running",
    "__meta_hetzner_public_ipv4": "1.2.3.4",
    "__meta_hetzner_public_ipv6_network": "2001:db8::/64",
    "__meta_hetzner_hcloud_location": "fsn1",
    "__meta_hetzner_hcloud_location_network_zone": "eu-central",
    "__meta_hetzner_hcloud_datacenter_location": "fsn1",
    "__meta_hetzner_hcloud_datacenter_location_network_zone": "eu-central",
    "__meta_hetzner_hcloud_server_type": "cx11",
    "__meta_hetzner_hcloud_cpu_cores": "1",
    "__meta_hetzner_hcloud_cpu_type": "shared",
    "__meta_hetzner_hcloud_memory_size_gb": "1",
    "__meta_hetzner_hcloud_disk_size_gb": "25",
    "__meta_hetzner_hcloud_image_name": "ubuntu-20.04",
    "__meta_hetzner_hcloud_image_description": "Ubuntu",
    "__meta_hetzner_hcloud_image_os_flavor": "ubuntu",
    "__meta_hetzner_hcloud_image_os_version": "20.04",
    "__meta_hetzner_hcloud_private_ipv4_my_network": "10.0.0.2",
    "__meta_hetzner_hcloud_label_my_key": "my-value",
    "__meta_hetzner_hcloud_labelpresent_my_key": "true",
    "__meta_hetzner_hcloud_label_empty": "",
    "__meta_hetzner_hcloud_labelpresent_empty": "true",
}


def config(text: str) -> HetznerSDConfig:
    return load(HetznerSDConfig, text, "f.yml")


async def test_cloud_servers_live_and_come_page_by_page() -> None:
    pages = [[CLOUD], [{**CLOUD, "name": "second", "public_net": {"ipv4": {"ip": "1.2.3.5"}}, "image": None}]]

    async def servers(request: web.BaseRequest) -> Any:
        page = int(request.query["page"])
        following = page + 1 if page < len(pages) else None
        return {"servers": pages[page - 1], "meta": {"pagination": {"page": page, "next_page": following}}}

    second = {k: v for k, v in LABELS.items() if "image" not in k} | {
        "__address__": "1.2.3.5:80",
        "__meta_hetzner_server_name": "second",
        "__meta_hetzner_public_ipv4": "1.2.3.5",
        "__meta_hetzner_public_ipv6_network": "<nil>",
    }
    async with fake_api() as api:
        api.routes = {"/servers": servers, "/networks": {"networks": [{"id": 4711, "name": "my network"}], "meta": {}}}
        section = config("{role: hcloud, label_selector: 'env=a,b', authorization: {credentials: tok}}")
        await live(
            lambda metrics, clock: HetznerCloudProvider(section, "job", metrics, clock, url=api.url),
            api,
            lambda: pages.pop(),
            [LABELS, second],
            [LABELS],
        )
        request = api.requests[0][0]
        assert request.query["label_selector"] == "env=a,b"
        assert request.headers["Authorization"] == "Bearer tok"


async def test_a_cloud_server_without_public_addresses_is_written_as_peers_write_it() -> None:
    async with fake_api() as api:
        api.routes = {"/servers": {"servers": [{"id": 1, "public_net": {"ipv4": None}}]}, "/networks": {}}
        section = config("{role: hcloud}")
        async with Life(
            lambda metrics, clock: HetznerCloudProvider(section, "job", metrics, clock, url=api.url)
        ) as life:
            (labels,) = life.targets()
    assert (labels["__address__"], labels["__meta_hetzner_public_ipv4"]) == ("<nil>:80", "<nil>")


async def test_robot_servers_live() -> None:
    server = {
        "server_ip": "123.123.123.123",
        "server_number": 321,
        "server_name": "server1",
        "product": "DS 3000",
        "dc": "NBG1-DC1",
        "status": "ready",
        "cancelled": False,
        "subnet": [{"ip": "1.2.3.4", "mask": "24"}, {"ip": "2a01:4f8:111:4221::", "mask": "64"}],
    }
    labels = {
        "__address__": "123.123.123.123:9100",
        "__meta_hetzner_role": "robot",
        "__meta_hetzner_server_id": "321",
        "__meta_hetzner_server_name": "server1",
        "__meta_hetzner_server_status": "ready",
        "__meta_hetzner_datacenter": "nbg1-dc1",
        "__meta_hetzner_public_ipv4": "123.123.123.123",
        "__meta_hetzner_public_ipv6_network": "2a01:4f8:111:4221::/64",
        "__meta_hetzner_robot_datacenter": "nbg1-dc1",
        "__meta_hetzner_robot_product": "DS 3000",
        "__meta_hetzner_robot_cancelled": "false",
    }
    changed = {**labels, "__meta_hetzner_robot_cancelled": "true"}
    async with fake_api() as api:
        api.routes = {"/server": [{"server": server}]}

        def change() -> None:
            api.routes["/server"] = [{"server": {**server, "cancelled": True}}]

        section = config("{role: robot, port: 9100, basic_auth: {username: u, password: p}}")
        await live(
            lambda metrics, clock: HetznerRobotProvider(section, "job", metrics, clock, url=api.url),
            api,
            change,
            [labels],
            [changed],
        )
        assert api.requests[0][0].headers["Authorization"].startswith("Basic ")
