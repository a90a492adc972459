from __future__ import annotations

from typing import Any

from aiohttp import web

from narthex.config.sd.hosters import VultrSDConfig
from narthex.config.strict import load
from narthex.discovery.vultr import VultrProvider
from unit.discovery.api import Life, fake_api, live

INSTANCE: dict[str, Any] = {
    "id": "dbdbd38c",
    "label": "np-1",
    "os": "Ubuntu 20.04 x64",
    "os_id": 387,
    "region": "atl",
    "plan": "vc2-1c-1gb",
    "main_ip": "149.28.234.27",
    "v6_main_ip": "2001:19f0::1",
    "internal_ip": "10.1.96.5",
    "hostname": "np1",
    "server_status": "ok",
    "vcpu_count": 1,
    "ram": 1024,
    "allowed_bandwidth": 1000,
    "disk": 25,
    "features": ["ipv6", "auto_backups"],
    "tags": ["tag1", "tag2"],
}
LABELS = {
    "__address__": "149.28.234.27:80",
    "__meta_vultr_instance_id": "dbdbd38c",
    "__meta_vultr_instance_label": "np-1",
    "__meta_vultr_instance_os": "Ubuntu 20.04 x64",
    "__meta_vultr_instance_os_id": "387",
    "__meta_vultr_instance_region": "atl",
    "__meta_vultr_instance_plan": "vc2-1c-1gb",
    "__meta_vultr_instance_main_ip": "149.28.234.27",
    "__meta_vultr_instance_main_ipv6": "2001:19f0::1",
    "__meta_vultr_instance_internal_ip": "10.1.96.5",
    "__meta_vultr_instance_hostname": "np1",
    "__meta_vultr_instance_server_status": "ok",
    "__meta_vultr_instance_vcpu_count": "1",
    "__meta_vultr_instance_ram_mb": "1024",
    "__meta_vultr_instance_allowed_bandwidth_gb": "1000",
    "__meta_vultr_instance_disk_gb": "25",
    "__meta_vultr_instance_features": ",ipv6,auto_backups,",
    "__meta_vultr_instance_tags": ",tag1,tag2,",
}
SECTION = load(VultrSDConfig, "authorization: {credentials: t}", "f.yml")


async def test_instances_live_and_come_page_by_page() -> None:
    second = {**INSTANCE, "id": "two", "main_ip": "45.63.1.222", "features": [], "tags": []}
    pages: dict[str, Any] = {
        "": {"instances": [INSTANCE], "meta": {"links": {"next": "bmV4dA=="}}},
        "bmV4dA==": {"instances": [second], "meta": {"links": {"next": ""}}},
    }

    async def instances(request: web.BaseRequest) -> Any:
        return pages[request.query.get("cursor", "")]

    then = {**LABELS, "__meta_vultr_instance_id": "two", "__address__": "45.63.1.222:80"}
    then["__meta_vultr_instance_main_ip"] = "45.63.1.222"
    del then["__meta_vultr_instance_features"], then["__meta_vultr_instance_tags"]
    async with fake_api() as api:
        api.routes = {"/instances": instances}
        await live(
            lambda metrics, clock: VultrProvider(SECTION, "job", metrics, clock, url=api.url),
            api,
            lambda: pages.update({"": {"instances": [INSTANCE]}}),
            [LABELS, then],
            [LABELS],
        )


async def test_pages_that_lead_in_a_circle_are_a_failure_that_ends() -> None:
    async def instances(request: web.BaseRequest) -> Any:
        return {"instances": [INSTANCE], "meta": {"links": {"next": "again"}}}

    async with fake_api() as api:
        api.routes = {"/instances": instances}
        async with Life(lambda metrics, clock: VultrProvider(SECTION, "job", metrics, clock, url=api.url)) as life:
            assert (life.published, life.failures, len(api.requests)) == (0, 1, 2)
