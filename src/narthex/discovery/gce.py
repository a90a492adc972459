"""Discovery of the instances of one zone of a Google Cloud project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig, ProxyConfig
from narthex.config.sd.cloud import GCESDConfig
from narthex.discovery.http_api import HttpApiProvider, label_name, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import all_pages
from narthex.discovery.payload import Payload, decode
from narthex.model.target_group import TargetGroup
from narthex.net.google_auth import GoogleSigner

URL = "https://compute.googleapis.com/compute/v1"
SCOPE = "https://www.googleapis.com/auth/compute.readonly"
META = "__meta_gce_"


class AccessConfig(Payload):
    type: str = ""
    natIP: str = ""


class Interface(Payload):
    name: str = ""
    network: str = ""
    subnetwork: str = ""
    networkIP: str = ""
    accessConfigs: list[AccessConfig] = Field(default_factory=list)


class Tags(Payload):
    items: list[str] = Field(default_factory=list)


class Entry(Payload):
    key: str = ""
    value: str | None = None


class Metadata(Payload):
    items: list[Entry] = Field(default_factory=list)


class Instance(Payload):
    id: str = ""
    name: str = ""
    zone: str = ""
    status: str = ""
    machineType: str = ""
    networkInterfaces: list[Interface] = Field(default_factory=list)
    tags: Tags = Tags()
    metadata: Metadata = Metadata()
    labels: dict[str, str] = Field(default_factory=dict)


class Page(Payload):
    items: list[Instance] = Field(default_factory=list)
    nextPageToken: str = ""


class GCEProvider(HttpApiProvider):
    """Uses the default credentials of Google Cloud. Instances without a network interface are no targets."""

    def __init__(
        self,
        config: GCESDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        url: str = URL,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        http = HTTPClientConfig(proxy_settings=ProxyConfig(proxy_from_environment=True))
        signer = GoogleSigner(clock, scope=SCOPE, environment=environment, config=http)
        super().__init__(config, config_name, metrics, clock, http=http, signer=signer)
        self._config = config
        project, zone = quote(config.project, safe=":"), quote(config.zone, safe="")
        self._url = f"{url}/projects/{project}/zones/{zone}/instances"

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        instances = await all_pages(self._page)
        targets = tuple(self._labels(instance) for instance in instances if instance.networkInterfaces)
        return [TargetGroup(f"GCE_{config.project}_{config.zone}", targets)]

    async def _page(self, token: str) -> tuple[Sequence[Instance], str]:
        query = urlencode({k: v for k, v in (("filter", self._config.filter), ("pageToken", token)) if v})
        page = decode(Page, await self.ask(f"{self._url}?{query}" if query else self._url))
        return page.items, page.nextPageToken

    def _labels(self, instance: Instance) -> dict[str, str]:
        first = instance.networkInterfaces[0]
        labels = {
            "__address__": f"{first.networkIP}:{self._config.port}",
            f"{META}project": self._config.project,
            f"{META}zone": instance.zone,
            f"{META}instance_id": instance.id,
            f"{META}instance_name": instance.name,
            f"{META}instance_status": instance.status,
            f"{META}machine_type": instance.machineType,
            f"{META}network": first.network,
            f"{META}subnetwork": first.subnetwork,
            f"{META}private_ip": first.networkIP,
        }
        labels |= {f"{META}interface_ipv4_{label_name(i.name)}": i.networkIP for i in instance.networkInterfaces}
        if instance.tags.items:
            labels[f"{META}tags"] = surrounded(instance.tags.items, self._config.tag_separator)
        for entry in instance.metadata.items:
            if entry.value is not None:
                labels[f"{META}metadata_{label_name(entry.key)}"] = entry.value
        labels |= {f"{META}label_{label_name(name)}": value for name, value in instance.labels.items()}
        if first.accessConfigs and first.accessConfigs[0].type == "ONE_TO_ONE_NAT":
            labels[f"{META}public_ip"] = first.accessConfigs[0].natIP
        return labels
