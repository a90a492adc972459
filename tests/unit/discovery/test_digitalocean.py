from __future__ import annotations

from typing import Any

from aiohttp import web

from narthex.config.sd.hosters import DigitalOceanSDConfig
from narthex.config.strict import load
from narthex.discovery.digitalocean import DigitalOceanProvider
from unit.discovery.api import FakeApi, MakeProvider, fake_api, live

DROPLET: dict[str, Any] = {
    "id": 3164444,
    "name": "example.com",
    "status": "active",
    "image": {"slug": "ubuntu-16-04-x64", "name": "16.04 x64"},
    "region": {"slug": "nyc3", "name": "New York 3"},
    "size_slug": "s-1vcpu-1gb",
    "vpc_uuid": "f9b0769c-e118-42fb-a0c4-fed15ef69662",
    "networks": {
        "v4": [{"ip_address": "10.0.0.5", "type": "private"}, {"ip_address": "104.236.32.182", "type": "public"}],
        "v6": [{"ip_address": "2604:a880:0:1010::18a:a001", "type": "public"}],
    },
    "features": ["backups", "ipv6"],
    "tags": ["one", "two"],
}
LABELS = {
    "__address__": "104.236.32.182:80",
    "__meta_digitalocean_droplet_id": "3164444",
    "__meta_digitalocean_droplet_name": "example.com",
    "__meta_digitalocean_image": "ubuntu-16-04-x64",
    "__meta_digitalocean_image_name": "16.04 x64",
    "__meta_digitalocean_private_ipv4": "10.0.0.5",
    "__meta_digitalocean_public_ipv4": "104.236.32.182",
    "__meta_digitalocean_public_ipv6": "2604:a880:0:1010::18a:a001",
    "__meta_digitalocean_region": "nyc3",
    "__meta_digitalocean_size": "s-1vcpu-1gb",
    "__meta_digitalocean_status": "active",
    "__meta_digitalocean_vpc": "f9b0769c-e118-42fb-a0c4-fed15ef69662",
    "__meta_digitalocean_features": ",backups,ipv6,",
    "__meta_digitalocean_tags": ",one,two,",
}
PLAIN = {
    **{name: value for name, value in LABELS.items() if name.rpartition("_")[2] not in ("features", "tags")},
    "__address__": "104.236.32.183:80",
    "__meta_digitalocean_public_ipv4": "104.236.32.183",
    "__meta_digitalocean_public_ipv6": "",
    "__meta_digitalocean_private_ipv4": "",
}


def make(text: str, api: FakeApi) -> MakeProvider:
    section = load(DigitalOceanSDConfig, text, "f.yml")
    return lambda metrics, clock: DigitalOceanProvider(section, "job", metrics, clock, url=api.url)


async def test_droplets_live_and_come_page_by_page() -> None:
    plain = {**DROPLET, "features": [], "tags": None}
    plain["networks"] = {"v4": [{"ip_address": "104.236.32.183", "type": "public"}]}
    pages = [[DROPLET, {**DROPLET, "networks": {"v4": []}}], [plain]]

    async def droplets(request: web.BaseRequest) -> Any:
        page = int(request.query["page"])
        more = {"pages": {"next": "https://elsewhere/?page=2"}} if page < len(pages) else {}
        return {"droplets": pages[page - 1], "links": more}

    async with fake_api() as api:
        api.routes = {"/droplets": droplets}
        await live(make("authorization: {credentials: t}", api), api, lambda: pages.pop(), [LABELS, PLAIN], [LABELS])
        assert api.requests[0][0].headers["Authorization"] == "Bearer t"


async def test_databases_live_and_one_without_a_host_has_no_address() -> None:
    database: dict[str, Any] = {
        "id": "9cc10173",
        "name": "backend",
        "engine": "pg",
        "version": "16",
        "status": "online",
        "region": "nyc3",
        "size": "db-s-2vcpu-4gb",
        "num_nodes": 2,
        "connection": {"host": "backend.db", "port": 25060},
        "private_connection": {"host": "private.db"},
        "tags": ["production"],
    }
    labels = {
        "__address__": "private.db:25060",
        "__meta_digitalocean_db_id": "9cc10173",
        "__meta_digitalocean_db_name": "backend",
        "__meta_digitalocean_db_engine": "pg",
        "__meta_digitalocean_db_version": "16",
        "__meta_digitalocean_db_status": "online",
        "__meta_digitalocean_db_region": "nyc3",
        "__meta_digitalocean_db_size": "db-s-2vcpu-4gb",
        "__meta_digitalocean_db_num_nodes": "2",
        "__meta_digitalocean_db_host": "backend.db",
        "__meta_digitalocean_db_private_host": "private.db",
        "__meta_digitalocean_db_tag_production": "true",
    }
    without = {k: v for k, v in labels.items() if k != "__address__" and not k.endswith("host")}
    async with fake_api() as api:
        api.routes = {"/databases": {"databases": [database]}}

        def change() -> None:
            api.routes["/databases"] = {"databases": [{**database, "connection": None, "private_connection": None}]}

        await live(make("{role: databases, port: 25060}", api), api, change, [labels], [without])
