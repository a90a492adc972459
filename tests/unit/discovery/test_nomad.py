from __future__ import annotations

from typing import Any

from narthex.config.sd.cluster import NomadSDConfig
from narthex.config.strict import load
from narthex.discovery.nomad import NomadProvider
from unit.discovery.api import FakeApi, Life, fake_api, live

INSTANCE: dict[str, Any] = {
    "ID": "_nomad-task-6a1d",
    "ServiceName": "hello-world",
    "Namespace": "default",
    "NodeID": "d92fdc3c",
    "Datacenter": "dc1",
    "JobID": "hello",
    "Tags": ["a", "b"],
    "Address": "127.0.0.1",
    "Port": 30456,
}
LABELS = {
    "__address__": "127.0.0.1:30456",
    "__meta_nomad_address": "127.0.0.1",
    "__meta_nomad_dc": "dc1",
    "__meta_nomad_namespace": "default",
    "__meta_nomad_node_id": "d92fdc3c",
    "__meta_nomad_service": "hello-world",
    "__meta_nomad_service_address": "127.0.0.1",
    "__meta_nomad_service_id": "_nomad-task-6a1d",
    "__meta_nomad_service_port": "30456",
    "__meta_nomad_tags": ",a,b,",
}


def config(api: FakeApi, more: str = "") -> NomadSDConfig:
    return load(NomadSDConfig, f"{{server: '{api.url}'{more}}}", "f.yml")


async def test_services_live_and_each_is_asked_for_by_name() -> None:
    async with fake_api() as api:
        api.routes = {
            "/v1/services": [{"Namespace": "default", "Services": [{"ServiceName": "hello-world", "Tags": ["a"]}]}],
            "/v1/service/hello-world": [INSTANCE],
        }
        ipv6 = {**INSTANCE, "Address": "fd00::1", "Tags": []}
        then = {k: v for k, v in LABELS.items() if k != "__meta_nomad_tags"} | {
            "__address__": "[fd00::1]:30456",
            "__meta_nomad_address": "fd00::1",
            "__meta_nomad_service_address": "fd00::1",
        }
        section = config(api)
        await live(
            lambda metrics, clock: NomadProvider(section, "job", metrics, clock),
            api,
            lambda: api.routes.update({"/v1/service/hello-world": [ipv6]}),
            [LABELS],
            [then],
        )
        assert api.asked()[:2] == [
            "/v1/services?namespace=default&region=global&stale=",
            "/v1/service/hello-world?namespace=default&region=global&stale=",
        ]


async def test_a_service_that_cannot_be_asked_for_fails_the_refresh_and_is_counted() -> None:
    async with fake_api() as api:
        api.routes = {"/v1/services": [{"Services": [{"ServiceName": "a/b"}]}]}
        section = config(api, ", allow_stale: false, namespace: '*', region: ''")
        async with Life(lambda metrics, clock: NomadProvider(section, "job", metrics, clock)) as life:
            assert (life.published, life.failures) == (0, 1)
            assert b"prometheus_sd_nomad_failures_total 1" in life.registry.expose()
        assert api.asked() == ["/v1/services?namespace=%2A", "/v1/service/a%2Fb?namespace=%2A"]
