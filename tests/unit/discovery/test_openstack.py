from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from narthex.config.sd.cloud import OpenStackSDConfig
from narthex.config.strict import load
from narthex.discovery.openstack import provider
from unit.discovery.api import FakeApi, Life, fake_api, live

P = "__meta_openstack_"


def cloud(api: FakeApi, role: str) -> OpenStackSDConfig:
    async def tokens(_: web.BaseRequest) -> web.Response:
        services = {"compute": "/compute/v2.1", "network": "/network/", "load-balancer": "/lb/v2.0"}
        catalog = [
            {"type": kind, "endpoints": [{"interface": "public", "region": "R1", "url": api.url + path}]}
            for kind, path in services.items()
        ]
        body = orjson.dumps({"token": {"catalog": catalog}})
        return web.Response(status=201, body=body, headers={"X-Subject-Token": "tok"})

    api.routes["/v3/auth/tokens"] = tokens
    who = "username: u, password: p, domain_name: d, project_name: pr"
    return load(
        OpenStackSDConfig,
        f"{{identity_endpoint: '{api.url}/v3/', role: {role}, region: R1, port: 9100, {who}}}",
        "f.yml",
    )


async def test_instances_live_page_by_page_with_floating_addresses_as_labels() -> None:
    server: dict[str, Any] = {
        "id": "s1", "name": "web", "status": "ACTIVE", "tenant_id": "t", "user_id": "u", "flavor": {"id": "1"},
        "image": "", "metadata": {"env-name": "prod"},
        "addresses": {"private": [{"addr": "10.0.0.31", "version": 4}, {"addr": "172.24.4.1", "version": 4}]},
    }  # fmt: skip
    named = {
        **server,
        "id": "s2",
        "flavor": {"original_name": "m1"},
        "image": {"id": "i"},
        "addresses": {"p": [{"addr": "fd00::1"}]},
    }
    first = {
        "__address__": "10.0.0.31:9100", f"{P}address_pool": "private", f"{P}instance_flavor": "1",
        f"{P}instance_id": "s1",
        f"{P}instance_name": "web", f"{P}instance_status": "ACTIVE", f"{P}private_ip": "10.0.0.31",
        f"{P}project_id": "t",
        f"{P}public_ip": "172.24.4.1", f"{P}tag_env_name": "prod", f"{P}user_id": "u",
    }  # fmt: skip
    second = {k: v for k, v in first.items() if k != f"{P}public_ip"} | {
        "__address__": "[fd00::1]:9100", f"{P}address_pool": "p", f"{P}instance_flavor": "m1", f"{P}instance_id": "s2",
        f"{P}instance_image": "i", f"{P}private_ip": "fd00::1",
    }  # fmt: skip
    async with fake_api() as api:
        section = cloud(api, "instance")
        ip = {"floating_ip_address": "172.24.4.1", "fixed_ip_address": "10.0.0.31", "port_id": "p1"}
        api.routes |= {
            "/network/v2.0/ports": {"ports": [{"id": "p1", "device_id": "s1"}]},
            "/network/v2.0/floatingips": {"floatingips": [ip, {"floating_ip_address": "172.24.4.9", "port_id": None}]},
            "/compute/v2.1/servers/detail": {
                "servers": [server], "servers_links": [{"rel": "next", "href": f"{api.url}/compute/more"}],
            },
            "/compute/more": {"servers": [named]},
        }  # fmt: skip
        await live(
            lambda metrics, clock: provider(section, "job", metrics, clock),
            api,
            lambda: api.routes.update({"/compute/v2.1/servers/detail": {"servers": [server]}}),
            [first, second],
            [first],
        )
        asked = orjson.loads(api.requests[0][1])["auth"]
        assert asked["scope"] == {"project": {"name": "pr", "domain": {"name": "d"}}}
        assert api.requests[1][0].headers["X-Auth-Token"] == "tok"


async def test_load_balancers_with_a_prometheus_listener_and_hypervisors_are_found() -> None:
    async with fake_api() as api:
        balancers = [{"id": "a", "vip_address": "10.0.0.32", "vip_port_id": "v", "tags": ["x", "y"]}, {"id": "b"}]
        listener = {"protocol": "PROMETHEUS", "protocol_port": 9273, "loadbalancers": [{"id": "a"}]}
        api.routes |= {
            "/lb/v2.0/lbaas/loadbalancers": {"loadbalancers": balancers},
            "/lb/v2.0/lbaas/listeners": {"listeners": [{"protocol": "HTTP", "loadbalancers": [{"id": "b"}]}, listener]},
            "/network/v2.0/floatingips": {"floatingips": [{"floating_ip_address": "1.2.3.4", "port_id": "v"}]},
            "/compute/v2.1/os-hypervisors/detail": {"hypervisors": [{"id": 1, "host_ip": "172.16.70.14"}]},
        }
        section = cloud(api, "loadbalancer")
        async with Life(lambda metrics, clock: provider(section, "job", metrics, clock)) as life:
            (labels,) = life.targets()
            assert (labels["__address__"], labels[f"{P}loadbalancer_tags"]) == ("10.0.0.32:9273", "x,y")
            assert labels[f"{P}loadbalancer_floating_ip"] == "1.2.3.4"
        hypervisors = cloud(api, "hypervisor")
        async with Life(lambda metrics, clock: provider(hypervisors, "job", metrics, clock)) as life:
            (labels,) = life.targets()
            assert (labels["__address__"], labels[f"{P}hypervisor_id"]) == ("172.16.70.14:9100", "1")
