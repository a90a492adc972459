from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from narthex.config.sd.cluster import ConsulSDConfig
from narthex.config.strict import load
from narthex.discovery.consul import Check, ConsulProvider, health
from unit.discovery.api import FakeApi, Life, fake_api

INSTANCE: dict[str, Any] = {
    "Node": {
        "Node": "node1",
        "Address": "10.0.0.1",
        "Meta": {"rack-name": "2304"},
        "TaggedAddresses": {"lan": "192.168.10.10", "wan_ipv4": "10.0.10.10"},
    },
    "Service": {
        "ID": "web-1",
        "Service": "web",
        "Address": "",
        "Port": 3341,
        "Tags": ["tag1", "tag2"],
        "Meta": {"version": "1.0.0"},
        "Namespace": "ns",
        "Partition": "p",
    },
    "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "http", "Status": "warning"}],
}
LABELS = {
    "__address__": "10.0.0.1:3341",
    "__meta_consul_address": "10.0.0.1",
    "__meta_consul_dc": "dc1",
    "__meta_consul_health": "warning",
    "__meta_consul_metadata_rack_name": "2304",
    "__meta_consul_namespace": "ns",
    "__meta_consul_node": "node1",
    "__meta_consul_partition": "p",
    "__meta_consul_service": "web",
    "__meta_consul_service_address": "",
    "__meta_consul_service_id": "web-1",
    "__meta_consul_service_metadata_version": "1.0.0",
    "__meta_consul_service_port": "3341",
    "__meta_consul_tagged_address_lan": "192.168.10.10",
    "__meta_consul_tagged_address_wan_ipv4": "10.0.10.10",
    "__meta_consul_tags": ",tag1,tag2,",
}
FAR = {**INSTANCE, "Service": {**INSTANCE["Service"], "ID": "web-2", "Address": "fd00::2"}}


class Consul:
    """An agent whose blocking queries wait until the index of their list is another one."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self._lists: dict[str, tuple[int, Any]] = {}
        self._changed = asyncio.Condition()
        api.routes["/v1/agent/self"] = {"Config": {"Datacenter": "dc1"}}

    async def set(self, path: str, index: int, answer: Any) -> None:
        async with self._changed:
            self._lists[path] = (index, answer)
            self.api.routes[f"/v1/{path}"] = self._answer
            self._changed.notify_all()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        path = request.path.removeprefix("/v1/")
        known = int(request.query.get("index", "0"))
        async with self._changed:
            await self._changed.wait_for(lambda: self._lists[path][0] != known)
        index, answer = self._lists[path]
        return web.Response(body=orjson.dumps(answer), headers={"X-Consul-Index": str(index)})


@asynccontextmanager
async def consul(more: str = "") -> AsyncIterator[tuple[Consul, Life]]:
    async with fake_api() as api:
        server = api.url.removeprefix("http://")
        section = load(ConsulSDConfig, f"{{server: '{server}', refresh_interval: 10s{more}}}", "f.yml")
        agent = Consul(api)
        await agent.set("catalog/services", 5, {"web": ["tag1"], "db": [], "none": None})
        await agent.set("health/service/web", 7, [INSTANCE])
        await agent.set("health/service/db", 8, [])
        await agent.set("health/service/none", 9, [])
        async with Life(lambda metrics, clock: ConsulProvider(section, "job", metrics, clock)) as life:
            yield agent, life


async def until(life: Life, holds: Callable[[], bool]) -> None:
    """Lets requests end and time pass."""
    async with asyncio.timeout(10):
        while not holds():
            await life.clock.advance(1)
            await asyncio.sleep(0.002)


def addresses(life: Life) -> list[str]:
    return [labels["__address__"] for labels in life.targets()]


async def test_services_are_watched_through_changes_errors_and_an_index_that_goes_back() -> None:
    async with consul() as (agent, life):
        await until(life, lambda: bool(life.targets()))
        assert life.targets() == [LABELS]
        await agent.set("health/service/web", 11, [INSTANCE, FAR])
        await until(life, lambda: addresses(life) == ["10.0.0.1:3341", "[fd00::2]:3341"])
        agent.api.status = 500
        await agent.set("health/service/web", 12, [])
        await until(life, lambda: "rpc_failures_total 0" not in life.registry.expose().decode())
        assert len(life.targets()) == 2
        agent.api.status = 200
        await agent.set("health/service/web", 3, [FAR])
        await until(life, lambda: addresses(life) == ["[fd00::2]:3341"])
        await agent.set("catalog/services", 6, {"db": []})
        await until(life, lambda: life.targets() == [])
        asked = [request for request, _ in agent.api.requests if request.path == "/v1/catalog/services"]
        assert "index" not in asked[0].query
        assert (asked[1].query["index"], asked[1].query["wait"]) == ("5", "120s")
        assert "stale" in asked[0].query
        metrics = life.registry.expose().decode()
        assert 'prometheus_sd_consul_rpc_duration_seconds_count{endpoint="catalog",call="services"}' in metrics


async def test_named_services_are_watched_without_the_catalogue_and_with_the_settings_of_the_section() -> None:
    more = (
        ", services: [web], datacenter: dc2, namespace: n, partition: p, node_meta: {k: v}, health_filter: 'f == 1'"
        ", allow_stale: false, token: secret, username: u, password: p"
    )
    async with consul(more) as (agent, life):
        await until(life, lambda: bool(life.targets()))
        assert life.targets() == [LABELS | {"__meta_consul_dc": "dc2"}]
        (request,) = {request.path: request for request, _ in agent.api.requests}.values()
        assert dict(request.query) == {
            "dc": "dc2",
            "ns": "n",
            "partition": "p",
            "node-meta": "k:v",
            "filter": "f == 1",
        }
        assert request.headers["X-Consul-Token"] == "secret"
        assert request.headers["Authorization"] == "Basic dTpw"


async def test_only_services_with_all_tags_are_watched() -> None:
    async with consul(", tags: [tag1], filter: 'x'") as (agent, life):
        await until(life, lambda: bool(life.targets()))
        health_queries = {r.path: r.query.getall("tag") for r, _ in agent.api.requests if "/health/" in r.path}
        assert health_queries == {"/v1/health/service/web": ["tag1"]}
        catalogue = next(r for r, _ in agent.api.requests if r.path.endswith("catalog/services"))
        assert catalogue.query["filter"] == "x"


async def test_the_datacenter_is_asked_for_until_an_agent_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_api() as api:
        section = load(ConsulSDConfig, f"{{server: '{api.url}', path_prefix: /consul/}}", "f.yml")
        async with Life(lambda metrics, clock: ConsulProvider(section, "job", metrics, clock)) as life:
            assert api.asked() == ["/consul/v1/agent/self"]
            assert life.published == 0
            api.routes["/consul/v1/agent/self"] = {"Config": {"Datacenter": "dc1"}}
            await until(life, lambda: any("catalog/services" in path for path in api.asked()))
    assert "unable to ask for the datacenter" in caplog.text


@pytest.mark.parametrize(
    ("checks", "worst"),
    [
        ([], "passing"),
        ([("a", "passing"), ("b", "critical"), ("c", "warning")], "critical"),
        ([("a", "critical"), ("_service_maintenance:x", "critical")], "maintenance"),
        ([("_node_maintenance", "critical"), ("b", "odd")], ""),
    ],
)
def test_health_is_the_worst_check(checks: list[tuple[str, str]], worst: str) -> None:
    assert health([Check(check_id=name, status=status) for name, status in checks]) == worst
