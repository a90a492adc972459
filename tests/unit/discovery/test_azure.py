from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from narthex.config.sd.cloud import AzureSDConfig
from narthex.config.strict import load
from narthex.discovery.azure import AzureProvider
from narthex.discovery.azure_payloads import group_and_name
from narthex.errors import HTTPClientError
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

COMPUTE = "/subscriptions/sub/providers/Microsoft.Compute"
GROUP = "/subscriptions/sub/resourceGroups/rg"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic1"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/set1"
SET_NIC = f"{SET}/virtualMachines/7/networkInterfaces/nic2"


def machine(name: str, nic: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}",
        "name": name,
        "location": "westeurope",
        "type": "Microsoft.Compute/virtualMachines",
        "tags": {"a b": "c"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s"},
            "osProfile": {"computerName": f"{name}-host"},
            "storageProfile": {"osDisk": {"osType": "Linux"}},
            "networkProfile": {"networkInterfaces": [{"id": nic}]},
        },
        **more,
    }


def interface(private: str, public: str | None = None, **properties: Any) -> dict[str, Any]:
    ip: dict[str, Any] = {"privateIPAddress": private}
    if public:
        ip["publicIPAddress"] = {"properties": {"ipAddress": public}}
    return {"properties": {"primary": True, "ipConfigurations": [{"properties": ip}], **properties}}


def labels(name: str, private: str, **more: str) -> dict[str, str]:
    return {
        "__address__": f"{private}:80",
        "__meta_azure_subscription_id": "sub",
        "__meta_azure_tenant_id": "tenant",
        "__meta_azure_machine_id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}",
        "__meta_azure_machine_name": name,
        "__meta_azure_machine_computer_name": f"{name}-host",
        "__meta_azure_machine_os_type": "Linux",
        "__meta_azure_machine_location": "westeurope",
        "__meta_azure_machine_resource_group": "rg",
        "__meta_azure_machine_size": "Standard_D2s",
        "__meta_azure_machine_private_ip": private,
        "__meta_azure_machine_tag_a_b": "c",
        **{f"__meta_azure_machine_{key}": value for key, value in more.items()},
    }


ONE = labels("vm1", "10.0.0.4", public_ip="52.1.1.1")
OF_SET = labels("set1_7", "10.0.0.5", scale_set="set1")


def make(api: FakeApi, text: str = "") -> MakeProvider:
    common = "subscription_id: sub, tenant_id: tenant, client_id: any id, client_secret: s, refresh_interval: 1m"
    section = load(AzureSDConfig, f"{{{common}{text}}}", "f.yml")
    environment = {"AZURE_AUTHORITY_HOST": api.url}
    return lambda metrics, clock: AzureProvider(section, "job", metrics, clock, url=api.url, environment=environment)


def cloud(api: FakeApi) -> None:
    async def token(request: web.BaseRequest) -> Any:
        form = await request.read()
        assert b"client_id=any+id&scope=https%3A%2F%2Fmanagement.azure.com%2F.default" in form
        return {"access_token": "t", "expires_in": 3600}

    api.routes = {
        "/tenant/oauth2/v2.0/token": token,
        f"{COMPUTE}/virtualMachines": {"value": [machine("vm1", NIC)]},
        f"{COMPUTE}/virtualMachineScaleSets": {"value": [{"id": SET, "name": "set1"}]},
        f"{SET}/virtualMachines": {"value": [machine("set1_7", f"{GROUP}/x/y/z/nic2", instanceId="7")]},
        NIC: interface("10.0.0.4", "52.1.1.1"),
        SET_NIC: interface("10.0.0.5"),
    }


async def test_machines_and_those_of_scale_sets_live() -> None:
    async with fake_api() as api:
        cloud(api)
        change = {f"{COMPUTE}/virtualMachineScaleSets": {"value": []}}
        await live(make(api), api, lambda: api.routes.update(change), [ONE, OF_SET], [ONE])
        asked = next(r for r, _ in api.requests if r.path == NIC)
        assert asked.query["$expand"] == "IPConfigurations/PublicIPAddress"
        assert asked.headers["Authorization"] == "Bearer t"


async def test_pages_are_followed_on_the_same_host_alone() -> None:
    async with fake_api() as api:
        cloud(api)
        path = f"{COMPUTE}/virtualMachines"
        api.routes[path] = {"value": [machine("vm1", NIC)], "nextLink": f"{api.url}/next?$skiptoken=a%20b"}
        api.routes["/next"] = {"value": [machine("vm2", NIC)]}
        async with Life(make(api)) as life:
            assert len(life.targets()) == 3
            api.routes["/next"] = {"value": [], "nextLink": "http://127.0.0.2:1/steal"}
            await life.next()
            assert (life.published, life.failures) == (1, 1)
            assert "prometheus_sd_azure_failures_total 1\n" in life.registry.expose().decode()


async def test_network_interfaces_are_remembered_for_a_while() -> None:
    async with fake_api() as api:
        cloud(api)
        async with Life(make(api)) as life:
            for _ in range(9):
                await life.next()
            assert sum(1 for path in api.asked() if path.startswith(NIC)) == 1
            assert "prometheus_sd_azure_cache_hit_total 18\n" in life.registry.expose().decode()
            for _ in range(5):
                await life.next()
            assert sum(1 for path in api.asked() if path.startswith(NIC)) == 2


async def test_machines_that_are_deallocated_or_whose_interface_has_gone_are_left_out() -> None:
    async with fake_api() as api:
        cloud(api)
        api.routes[NIC] = interface("10.0.0.4", primary=None)
        del api.routes[SET_NIC]
        async with Life(make(api)) as life:
            assert (life.published, life.failures, life.targets()) == (1, 0, [])


async def test_a_resource_group_bounds_what_is_asked_for() -> None:
    async with fake_api() as api:
        cloud(api)
        base = f"{GROUP}/providers/Microsoft.Compute"
        api.routes |= {f"{base}/virtualMachines": {"value": []}, f"{base}/virtualMachineScaleSets": {"value": []}}
        async with Life(make(api, ", resource_group: rg")) as life:
            assert (life.published, life.targets()) == (1, [])


def test_a_resource_id_has_a_group_and_a_name() -> None:
    assert group_and_name(NIC) == ("rg", "nic1")
    with pytest.raises(HTTPClientError, match="is not the id of a resource"):
        group_and_name("/providers/x")
