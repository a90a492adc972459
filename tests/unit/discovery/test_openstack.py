from __future__ import annotations

from typing import Any

import orjson
import pytest
from aiohttp import web

from narthex.config.sd.cloud import OpenStackSDConfig
from narthex.config.strict import load
from narthex.discovery.openstack import provider
from narthex.discovery.openstack_api import auth_request
from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life, fake_api, live

P = "__meta_openstack_"


WHO = "username: u, password: p, domain_name: d, project_name: pr"


def keystone(api: FakeApi) -> None:
    """Tokens, with a catalogue that has each service in two regions for the public and for inner networks."""

    async def tokens(_: web.BaseRequest) -> web.Response:
        services = {"compute": "/compute/v2.1", "network": "/network/", "load-balancer": "/lb/v2.0"}
        places = {"/other": ("public", "R0"), "": ("public", "R1"), "/inner": ("internal", "R1")}
        catalog = [
            {
                "type": kind,
                "endpoints": [
                    {"interface": interface, "region": region, "url": api.url + place + path}
                    for place, (interface, region) in places.items()
                ],
            }
            for kind, path in services.items()
        ]
        body = orjson.dumps({"token": {"catalog": catalog}})
        return web.Response(status=201, body=body, headers={"X-Subject-Token": "tok"})

    api.routes["/v3/auth/tokens"] = tokens


def cloud(api: FakeApi, role: str, more: str = WHO) -> OpenStackSDConfig:
    keystone(api)
    text = f"{{identity_endpoint: '{api.url}/v3/', role: {role}, region: R1, port: 9100, {more}}}"
    return load(OpenStackSDConfig, text, "f.yml")


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


async def test_load_balancers_with_a_prometheus_listener_are_found_at_its_port() -> None:
    found = {
        "id": "a", "name": "lb", "vip_address": "10.0.0.32", "vip_port_id": "v", "tags": ["x", "y"],
        "operating_status": "ONLINE", "provisioning_status": "ACTIVE", "availability_zone": "az1",
        "provider": "amphora", "project_id": "pr",
    }  # fmt: skip
    listener = {"protocol": "PROMETHEUS", "protocol_port": 9273, "loadbalancers": [{"id": "a"}]}
    labels = {
        "__address__": "10.0.0.32:9273", f"{P}loadbalancer_availability_zone": "az1",
        f"{P}loadbalancer_floating_ip": "1.2.3.4", f"{P}loadbalancer_id": "a", f"{P}loadbalancer_name": "lb",
        f"{P}loadbalancer_operating_status": "ONLINE", f"{P}loadbalancer_provider": "amphora",
        f"{P}loadbalancer_provisioning_status": "ACTIVE", f"{P}loadbalancer_tags": "x,y",
        f"{P}loadbalancer_vip": "10.0.0.32", f"{P}project_id": "pr",
    }  # fmt: skip
    bare = {k: v for k, v in labels.items() if not k.endswith(("_tags", "_floating_ip"))}
    async with fake_api() as api:
        api.routes |= {
            "/lb/v2.0/lbaas/loadbalancers": {"loadbalancers": [found, {"id": "b"}]},
            "/lb/v2.0/lbaas/listeners": {"listeners": [{"protocol": "HTTP", "loadbalancers": [{"id": "b"}]}, listener]},
            "/network/v2.0/floatingips": {"floatingips": [{"floating_ip_address": "1.2.3.4", "port_id": "v"}]},
        }

        def change() -> None:
            api.routes["/lb/v2.0/lbaas/loadbalancers"] = {"loadbalancers": [{**found, "tags": [], "vip_port_id": "w"}]}

        section = cloud(api, "loadbalancer")
        await live(lambda metrics, clock: provider(section, "job", metrics, clock), api, change, [labels], [bare])


async def test_hypervisors_are_found_on_the_network_and_in_the_region_of_the_section() -> None:
    hypervisor = {
        "id": "1f", "host_ip": "172.16.70.14", "hypervisor_hostname": "n1", "hypervisor_type": "QEMU", "state": "up",
        "status": "enabled",
    }  # fmt: skip
    labels = {
        "__address__": "172.16.70.14:9100", f"{P}hypervisor_host_ip": "172.16.70.14",
        f"{P}hypervisor_hostname": "n1", f"{P}hypervisor_id": "1f", f"{P}hypervisor_state": "up",
        f"{P}hypervisor_status": "enabled", f"{P}hypervisor_type": "QEMU",
    }  # fmt: skip
    path = "/inner/compute/v2.1/os-hypervisors/detail"
    async with fake_api() as api:
        api.routes[path] = {"hypervisors": [hypervisor]}
        section = cloud(api, "hypervisor", f"availability: internal, {WHO}")
        await live(
            lambda metrics, clock: provider(section, "job", metrics, clock),
            api,
            lambda: api.routes.update({path: {"hypervisors": [{**hypervisor, "id": 2}]}}),
            [labels],
            [labels | {f"{P}hypervisor_id": "2"}],
        )


async def test_all_tenants_are_asked_for_when_the_section_says_so() -> None:
    async with fake_api() as api:
        api.routes |= {
            "/network/v2.0/ports": {"ports": []},
            "/network/v2.0/floatingips": {"floatingips": []},
            "/compute/v2.1/servers/detail": {"servers": []},
        }
        section = cloud(api, "instance", f"all_tenants: true, {WHO}")
        async with Life(lambda metrics, clock: provider(section, "job", metrics, clock)) as life:
            assert (life.published, life.failures) == (1, 0)
        assert api.asked()[-1] == "/compute/v2.1/servers/detail?all_tenants=true"


async def test_a_region_that_is_not_in_the_catalogue_is_a_failure_that_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with fake_api() as api:
        section = cloud(api, "hypervisor", f"availability: admin, {WHO}")
        async with Life(lambda metrics, clock: provider(section, "job", metrics, clock)) as life:
            assert (life.published, life.failures) == (0, 1)
    assert "the catalogue has no admin compute endpoint in R1" in caplog.text


async def test_without_an_identity_endpoint_the_environment_says_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_api() as api:
        keystone(api)
        api.routes["/compute/v2.1/os-hypervisors/detail"] = {"hypervisors": []}
        environment = {"AUTH_URL": api.url, "USERID": "ui", "PASSWORD": "p", "PROJECT_ID": "pi"}
        for name, value in environment.items():
            monkeypatch.setenv(f"OS_{name}", value)
        section = load(OpenStackSDConfig, "{role: hypervisor, region: R1}", "f.yml")
        async with Life(lambda metrics, clock: provider(section, "job", metrics, clock)) as life:
            assert (life.published, life.failures) == (1, 0)
        asked = orjson.loads(api.requests[0][1])["auth"]
        assert asked["identity"]["password"]["user"] == {"id": "ui", "password": "p"}
        assert asked["scope"] == {"project": {"id": "pi"}}


def test_an_application_credential_by_id_needs_nothing_else() -> None:
    identity = {"methods": ["application_credential"], "application_credential": {"id": "ai", "secret": "s"}}
    who = {"OS_APPLICATION_CREDENTIAL_ID": "ai", "OS_APPLICATION_CREDENTIAL_SECRET": "s", "OS_PROJECT_NAME": "pr"}
    assert auth_request(who) == {"identity": identity}


@pytest.mark.parametrize(
    ("named", "user"),
    [
        ({"OS_USERNAME": "u", "OS_DOMAIN_ID": "di"}, {"name": "u", "domain": {"id": "di"}}),
        ({"OS_USERNAME": "u", "OS_DOMAIN_NAME": "d"}, {"name": "u", "domain": {"name": "d"}}),
        ({"OS_USERID": "ui"}, {"id": "ui"}),
    ],
)
def test_an_application_credential_by_name_is_one_of_a_user(named: dict[str, str], user: dict[str, Any]) -> None:
    who = {"OS_APPLICATION_CREDENTIAL_NAME": "an", "OS_APPLICATION_CREDENTIAL_SECRET": "s", **named}
    credential = auth_request(who)["identity"]["application_credential"]
    assert credential == {"name": "an", "secret": "s", "user": user}


@pytest.mark.parametrize(
    ("project", "scope"),
    [
        ({}, None),
        ({"OS_PROJECT_NAME": "pr"}, {"project": {"name": "pr", "domain": {"id": "di"}}}),
        ({"OS_PROJECT_NAME": "pr", "OS_PROJECT_ID": "pi"}, {"project": {"id": "pi"}}),
        ({"OS_TENANT_ID": "ti"}, {"project": {"id": "ti"}}),
        ({"OS_PROJECT_ID": "pi", "OS_SYSTEM_SCOPE": "all"}, {"system": {"all": True}}),
    ],
)
def test_a_password_is_taken_before_a_credential_with_the_scope_of_a_project(
    project: dict[str, str], scope: dict[str, Any] | None
) -> None:
    credential = {"OS_APPLICATION_CREDENTIAL_ID": "ai", "OS_APPLICATION_CREDENTIAL_SECRET": "s"}
    asked = auth_request({"OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_DOMAIN_ID": "di", **credential, **project})
    user = {"name": "u", "domain": {"id": "di"}, "password": "p"}
    assert asked["identity"] == {"methods": ["password"], "password": {"user": user}}
    assert asked.get("scope") == scope


@pytest.mark.parametrize(
    ("who", "mistake"),
    [
        ({}, "neither a user"),
        ({"USERNAME": "u", "USERID": "ui", "PASSWORD": "p"}, "both the id and the name of a user"),
        ({"USERNAME": "u", "PASSWORD": "p"}, "a user's name needs"),
        ({"USERNAME": "u", "PASSWORD": "p", "DOMAIN_ID": "a", "DOMAIN_NAME": "b"}, "of a domain are given"),
        ({"USERID": "ui", "PASSWORD": "p", "PROJECT_NAME": "pr"}, "a project's name needs"),
        ({"USERID": "ui"}, "the user has no password"),
        ({"APPLICATION_CREDENTIAL_ID": "ai"}, "the application credential has no secret"),
        ({"APPLICATION_CREDENTIAL_NAME": "an", "APPLICATION_CREDENTIAL_SECRET": "s"}, "neither a user"),
    ],
)
def test_credentials_that_keystone_could_not_understand_are_refused_with_the_reason(
    who: dict[str, str], mistake: str
) -> None:
    with pytest.raises(HTTPClientError, match=mistake):
        auth_request({f"OS_{name}": value for name, value in who.items()})
