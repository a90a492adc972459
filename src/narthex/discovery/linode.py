"""Discovery of Linode instances. Between full lists only the account's events are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import LinodeSDConfig
from narthex.discovery.http_api import AnswerError, HttpApiProvider, host_port, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import numbered_pages
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup

URL = "https://api.linode.com/v4"
PAGE_SIZE = 500
EVENTS_PAGE_SIZE = 25
MOST_POLLS = 10
"""Refreshes that may do with events alone: what happens outside the API causes none."""


class Specs(Payload):
    disk: int = 0
    memory: int = 0
    vcpus: int = 0
    gpus: int = 0
    transfer: int = 0


class Backups(Payload):
    enabled: bool = False


class Instance(Payload):
    id: int = 0
    label: str = ""
    image: str = ""
    region: str = ""
    type: str = ""
    status: str = ""
    group: str = ""
    hypervisor: str = ""
    ipv4: list[str] = Field(default_factory=list)
    ipv6: str = ""
    tags: list[str] = Field(default_factory=list)
    specs: Specs = Specs()
    backups: Backups = Backups()


class Address(Payload):
    address: str = ""
    public: bool = False
    rdns: str = ""


class Range(Payload):
    range: str = ""
    prefix: int = 0
    route_target: str = ""


class Event(Payload):
    id: int = 0


P = TypeVar("P", bound=Payload)


class Page(Payload, Generic[P]):
    data: list[P] = Field(default_factory=list)
    pages: int = 1


@dataclass
class _Addresses:
    """Those of one instance, by what they are used for; further ones in `extra`."""

    public: str = ""
    public_rdns: str = ""
    private: str = ""
    private_rdns: str = ""
    ipv6: str = ""
    ipv6_rdns: str = ""
    extra: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)


class LinodeProvider(HttpApiProvider):
    def __init__(
        self, config: LinodeSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock, *, url: str = URL
    ) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._url, self._failed = config, url, metrics.linode_failures
        self._last: TargetGroup | None = None
        self._asked, self._polls, self._may_poll = clock.now(), 0, True

    async def refresh(self) -> Sequence[TargetGroup]:
        now = self._clock.now()
        if self._last is None or await self._changed():
            try:
                self._last = await self._all()
            except Exception:
                self._failed.inc()
                raise
            self._polls = 0
        self._asked = now
        return [self._last]

    async def _changed(self) -> bool:
        """Whether there may be something new. A token without the right to see events is not asked again."""
        if not self._may_poll:
            return True
        since = datetime.fromtimestamp(self._asked, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        try:
            url = f"{self._url}/account/events?page=1&page_size={EVENTS_PAGE_SIZE}"
            body = await self.ask(url, headers=_filter({"created": {"+gte": since}}))
        except AnswerError as e:
            if e.status != 401:
                raise
            self._may_poll = False
            return True
        self._polls += 1
        return bool(decode(Page[Event], body).data) or self._polls >= MOST_POLLS

    async def _all(self) -> TargetGroup:
        instances = await self._pages("linode/instances", Instance)
        addresses = {one.address: one for one in await self._pages("networking/ips", Address)}
        ranges: dict[str, list[str]] = {}
        for one in await self._pages("networking/ipv6/ranges", Range):
            ranges.setdefault(one.route_target, []).append(f"{one.range}/{one.prefix}")
        targets = [self._labels(one, addresses, ranges) for one in instances if one.ipv4]
        return TargetGroup("Linode", tuple(targets))

    async def _pages(self, path: str, kind: type[P]) -> list[P]:
        headers = _filter({"region": self._config.region}) if self._config.region else {}

        async def ask(number: int) -> tuple[list[P], bool]:
            query = urlencode({"page": number, "page_size": PAGE_SIZE})
            page = decode(Page[kind], await self.ask(f"{self._url}/{path}?{query}", headers=headers))  # type: ignore[valid-type]  # a generic model takes its parameter at run time
            return page.data, number < page.pages

        return await numbered_pages(ask)

    def _labels(
        self, instance: Instance, addresses: dict[str, Address], ranges: dict[str, list[str]]
    ) -> dict[str, str]:
        meta, specs = "__meta_linode_", instance.specs
        own = _addresses(instance, addresses, ranges)
        labels = {
            "__address__": host_port(own.public, self._config.port),
            f"{meta}instance_id": str(instance.id),
            f"{meta}instance_label": instance.label,
            f"{meta}image": instance.image,
            f"{meta}private_ipv4": own.private,
            f"{meta}public_ipv4": own.public,
            f"{meta}public_ipv6": own.ipv6,
            f"{meta}private_ipv4_rdns": own.private_rdns,
            f"{meta}public_ipv4_rdns": own.public_rdns,
            f"{meta}public_ipv6_rdns": own.ipv6_rdns,
            f"{meta}region": instance.region,
            f"{meta}type": instance.type,
            f"{meta}status": instance.status,
            f"{meta}group": instance.group,
            f"{meta}gpus": str(specs.gpus),
            f"{meta}hypervisor": instance.hypervisor,
            f"{meta}backups": "enabled" if instance.backups.enabled else "disabled",
            f"{meta}specs_disk_bytes": str(specs.disk << 20),
            f"{meta}specs_memory_bytes": str(specs.memory << 20),
            f"{meta}specs_vcpus": str(specs.vcpus),
            f"{meta}specs_transfer_bytes": str(specs.transfer << 20),
        }
        for name, values in (("tags", instance.tags), ("extra_ips", own.extra), ("ipv6_ranges", own.ranges)):
            if values:
                labels[f"{meta}{name}"] = surrounded(values, self._config.tag_separator)
        return labels


def _addresses(instance: Instance, known: dict[str, Address], ranges: dict[str, list[str]]) -> _Addresses:
    own = _Addresses()
    for address in (known[ip] for ip in instance.ipv4 if ip in known):
        if address.public and not own.public:
            own.public, own.public_rdns = address.address, _rdns(address)
        elif not address.public and not own.private:
            own.private, own.private_rdns = address.address, _rdns(address)
        else:
            own.extra.append(address.address)
    slaac = instance.ipv6.partition("/")[0]
    if slaac:
        if slaac in known:
            own.ipv6, own.ipv6_rdns = slaac, _rdns(known[slaac])
        own.ranges = ranges.get(slaac, [])
    return own


def _rdns(address: Address) -> str:
    return "" if address.rdns == "null" else address.rdns


def _filter(condition: object) -> dict[str, str]:
    return {"X-Filter": orjson.dumps(condition).decode()}
