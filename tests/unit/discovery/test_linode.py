from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from narthex.config.sd.hosters import LinodeSDConfig
from narthex.config.strict import load
from narthex.discovery.linode import LinodeProvider
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api

US_EAST = {
    "__address__": "45.33.82.151:80",
    "__meta_linode_instance_id": "26838044",
    "__meta_linode_instance_label": "prometheus-linode-sd-exporter-1",
    "__meta_linode_image": "linode/arch",
    "__meta_linode_private_ipv4": "192.168.170.51",
    "__meta_linode_public_ipv4": "45.33.82.151",
    "__meta_linode_public_ipv6": "2600:3c03::f03c:92ff:fe1a:1382",
    "__meta_linode_private_ipv4_rdns": "",
    "__meta_linode_public_ipv4_rdns": "li1028-151.members.linode.com",
    "__meta_linode_public_ipv6_rdns": "",
    "__meta_linode_region": "us-east",
    "__meta_linode_type": "g6-standard-2",
    "__meta_linode_status": "running",
    "__meta_linode_tags": ",monitoring,",
    "__meta_linode_group": "",
    "__meta_linode_gpus": "0",
    "__meta_linode_hypervisor": "kvm",
    "__meta_linode_backups": "disabled",
    "__meta_linode_specs_disk_bytes": "85899345920",
    "__meta_linode_specs_memory_bytes": "4294967296",
    "__meta_linode_specs_vcpus": "2",
    "__meta_linode_specs_transfer_bytes": "4194304000",
    "__meta_linode_extra_ips": ",96.126.108.16,192.168.201.25,",
}


def make(text: str, api: FakeApi) -> MakeProvider:
    section = load(LinodeSDConfig, text, "f.yml")
    return lambda metrics, clock: LinodeProvider(section, "job", metrics, clock, url=f"{api.url}/v4")


def load_files(api: FakeApi, folder: Path) -> None:
    api.routes = {f"/{p.relative_to(folder).with_suffix('')}": p.read_bytes() for p in folder.rglob("*.json")}


async def test_instances_of_a_region_have_the_labels_of_peers(conformance: Path) -> None:
    async with fake_api() as api:
        load_files(api, conformance / "discovery/linode/testdata/us-east")
        async with Life(make("{region: us-east, authorization: {credentials: t}}", api)) as life:
            targets = life.targets()
        assert len(targets) == len(orjson.loads(api.routes["/v4/linode/instances"])["data"])
        assert targets[0] == US_EAST
        assert api.requests[0][0].headers["X-Filter"] == '{"region":"us-east"}'


async def test_only_events_are_asked_for_until_there_is_one_or_ten_polls_are_over(conformance: Path) -> None:
    async with fake_api() as api:
        load_files(api, conformance / "discovery/linode/testdata/us-east")
        async with Life(make("{}", api)) as life:
            before = life.targets()
            listings = sum(1 for path in api.asked() if "/linode/instances" in path)
            empty = orjson.loads(api.routes["/v4/linode/instances"]) | {"data": []}
            api.routes["/v4/linode/instances"] = empty
            await life.next()
            assert life.targets() == before
            assert sum(1 for path in api.asked() if "/linode/instances" in path) == listings
            request = api.requests[-1][0]
            assert request.path == "/v4/account/events"
            assert request.headers["X-Filter"] == '{"created":{"+gte":"2023-11-14T22:13:20"}}'
            api.routes["/v4/account/events"] = {"data": [{"id": 1}]}
            await life.next()
            assert life.targets() == []
            load_files(api, conformance / "discovery/linode/testdata/us-east")
            for _ in range(9):
                await life.next()
            assert life.targets() == []
            await life.next()
            assert life.targets() == before


async def test_a_token_without_the_right_to_events_gets_a_full_list_each_time(conformance: Path) -> None:
    async with fake_api() as api:
        load_files(api, conformance / "discovery/linode/testdata/us-east")

        async def refused(request: web.BaseRequest) -> Any:
            return web.Response(status=401)

        api.routes["/v4/account/events"] = refused
        async with Life(make("{}", api)) as life:
            await life.next()
            await life.next()
            assert (life.published, life.failures) == (3, 0)
        assert sum(1 for path in api.asked() if "/account/events" in path) == 1


async def test_an_error_keeps_the_list_and_is_counted_and_all_pages_are_read() -> None:
    pages = [[{"id": 1, "ipv4": ["1.1.1.1"]}], [{"id": 2, "ipv4": ["1.1.1.2"]}, {"id": 3, "ipv4": []}]]

    async def instances(request: web.BaseRequest) -> Any:
        return {"data": pages[int(request.query["page"]) - 1], "pages": len(pages)}

    ips = [{"address": f"1.1.1.{i}", "public": True, "rdns": None} for i in (1, 2)]
    async with fake_api() as api:
        api.routes = {
            "/v4/linode/instances": instances,
            "/v4/networking/ips": {"data": ips},
            "/v4/networking/ipv6/ranges": {},
            "/v4/account/events": {"data": [{"id": 1}]},
        }
        async with Life(make("{}", api)) as life:
            assert [t["__address__"] for t in life.targets()] == ["1.1.1.1:80", "1.1.1.2:80"]
            del api.routes["/v4/networking/ips"]
            await life.next()
            assert (len(life.targets()), life.failures) == (2, 1)
            assert "prometheus_sd_linode_failures_total 1\n" in life.registry.expose().decode()
            api.routes["/v4/networking/ips"] = {"data": ips}
            pages.pop()
            await life.next()
            assert [t["__meta_linode_instance_id"] for t in life.targets()] == ["1"]
