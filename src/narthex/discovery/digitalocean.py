"""Discovery of DigitalOcean: droplets or, with role databases, managed database clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import DigitalOceanSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import numbered_pages
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup

URL = "https://api.digitalocean.com/v2"
PER_PAGE = 100
T = TypeVar("T")


class Pages(Payload):
    next: str = ""


class Links(Payload):
    pages: Pages = Pages()


class Slug(Payload):
    slug: str = ""
    name: str = ""


class Address(Payload):
    ip_address: str = ""
    type: str = ""


class Networks(Payload):
    v4: list[Address] = Field(default_factory=list)
    v6: list[Address] = Field(default_factory=list)


class Droplet(Payload):
    id: int = 0
    name: str = ""
    status: str = ""
    image: Slug = Slug()
    region: Slug = Slug()
    size_slug: str = ""
    vpc_uuid: str = ""
    networks: Networks = Networks()
    features: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)


class Connection(Payload):
    host: str = ""


class Database(Payload):
    id: str = ""
    name: str = ""
    engine: str = ""
    version: str = ""
    status: str = ""
    region: str = ""
    size: str = ""
    num_nodes: int = 0
    connection: Connection | None = None
    private_connection: Connection | None = None
    tags: list[str] = Field(default_factory=list)


class Page(Payload):
    droplets: list[Droplet] = Field(default_factory=list)
    databases: list[Database] = Field(default_factory=list)
    links: Links = Links()


class DigitalOceanProvider(HttpApiProvider):
    def __init__(
        self,
        config: DigitalOceanSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        url: str = URL,
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._url = config, url

    async def refresh(self) -> Sequence[TargetGroup]:
        if self._config.role == "databases":
            databases = await self._all("databases", lambda page: page.databases)
            return [TargetGroup("DigitalOcean Databases", tuple(self._database(one) for one in databases))]
        droplets = await self._all("droplets", lambda page: page.droplets)
        return [TargetGroup("DigitalOcean", tuple(self._droplet(one) for one in droplets if one.networks.v4))]

    async def _all(self, kind: str, items: Callable[[Page], list[T]]) -> list[T]:
        async def ask(number: int) -> tuple[list[T], bool]:
            page = decode(Page, await self.ask(f"{self._url}/{kind}?page={number}&per_page={PER_PAGE}"))
            return items(page), bool(page.links.pages.next)

        return await numbered_pages(ask)

    def _droplet(self, droplet: Droplet) -> dict[str, str]:
        meta = "__meta_digitalocean_"
        public = _first(droplet.networks.v4, "public")
        labels = {
            "__address__": host_port(public, self._config.port),
            f"{meta}droplet_id": str(droplet.id),
            f"{meta}droplet_name": droplet.name,
            f"{meta}image": droplet.image.slug,
            f"{meta}image_name": droplet.image.name,
            f"{meta}private_ipv4": _first(droplet.networks.v4, "private"),
            f"{meta}public_ipv4": public,
            f"{meta}public_ipv6": _first(droplet.networks.v6, "public"),
            f"{meta}region": droplet.region.slug,
            f"{meta}size": droplet.size_slug,
            f"{meta}status": droplet.status,
            f"{meta}vpc": droplet.vpc_uuid,
        }
        if droplet.features:
            labels[f"{meta}features"] = surrounded(droplet.features)
        if droplet.tags:
            labels[f"{meta}tags"] = surrounded(droplet.tags)
        return labels

    def _database(self, database: Database) -> dict[str, str]:
        meta = "__meta_digitalocean_db_"
        labels = {
            f"{meta}id": database.id,
            f"{meta}name": database.name,
            f"{meta}engine": database.engine,
            f"{meta}version": database.version,
            f"{meta}status": database.status,
            f"{meta}region": database.region,
            f"{meta}size": database.size,
            f"{meta}num_nodes": str(database.num_nodes),
        }
        host = ""
        if database.private_connection is not None:
            host = labels[f"{meta}private_host"] = database.private_connection.host
        if database.connection is not None:
            labels[f"{meta}host"] = database.connection.host
            host = host or database.connection.host
        if host:
            labels["__address__"] = host_port(host, self._config.port)
        return labels | {f"{meta}tag_{tag}": "true" for tag in database.tags}


def _first(addresses: Sequence[Address], kind: str) -> str:
    return next((one.ip_address for one in addresses if one.type == kind), "")
