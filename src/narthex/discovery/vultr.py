"""Discovery of Vultr instances."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import VultrSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup

URL = "https://api.vultr.com/v2"
PER_PAGE = 100


class Links(Payload):
    next: str = ""


class Meta(Payload):
    links: Links = Links()


class Instance(Payload):
    id: str = ""
    label: str = ""
    os: str = ""
    os_id: int = 0
    region: str = ""
    plan: str = ""
    main_ip: str = ""
    v6_main_ip: str = ""
    internal_ip: str = ""
    hostname: str = ""
    server_status: str = ""
    vcpu_count: int = 0
    ram: int = 0
    allowed_bandwidth: int = 0
    disk: int = 0
    features: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)


class Page(Payload):
    instances: list[Instance] = Field(default_factory=list)
    meta: Meta = Meta()


class VultrProvider(HttpApiProvider):
    def __init__(
        self, config: VultrSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock, *, url: str = URL
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._url = config, url

    async def refresh(self) -> Sequence[TargetGroup]:
        return [TargetGroup("Vultr", tuple(self._labels(one) for one in await all_pages(self._page)))]

    async def _page(self, cursor: str) -> tuple[Sequence[Instance], str]:
        query = urlencode({"per_page": PER_PAGE, **({"cursor": cursor} if cursor else {})})
        page = decode(Page, await self.ask(f"{self._url}/instances?{query}"))
        return page.instances, page.meta.links.next

    def _labels(self, instance: Instance) -> dict[str, str]:
        meta = "__meta_vultr_instance_"
        labels = {
            "__address__": host_port(instance.main_ip, self._config.port),
            f"{meta}id": instance.id,
            f"{meta}label": instance.label,
            f"{meta}os": instance.os,
            f"{meta}os_id": str(instance.os_id),
            f"{meta}region": instance.region,
            f"{meta}plan": instance.plan,
            f"{meta}main_ip": instance.main_ip,
            f"{meta}main_ipv6": instance.v6_main_ip,
            f"{meta}internal_ip": instance.internal_ip,
            f"{meta}hostname": instance.hostname,
            f"{meta}server_status": instance.server_status,
            f"{meta}vcpu_count": str(instance.vcpu_count),
            f"{meta}ram_mb": str(instance.ram),
            f"{meta}allowed_bandwidth_gb": str(instance.allowed_bandwidth),
            f"{meta}disk_gb": str(instance.disk),
        }
        if instance.features:
            labels[f"{meta}features"] = surrounded(instance.features)
        if instance.tags:
            labels[f"{meta}tags"] = surrounded(instance.tags)
        return labels
