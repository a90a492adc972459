"""Discovery of instances of apps that are registered with Eureka."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.clock import Clock
from narthex.config.sd.cluster import EurekaSDConfig
from narthex.discovery.http_api import HttpApiProvider, host_port, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.xml_tree import Element, parse_tree
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

SOURCE = "eureka"
DEFAULT_PORT = 80
PREFIX = "__meta_eureka_app_instance_"
TEXTS = {
    "hostname": "hostName",
    "homepage_url": "homePageUrl",
    "statuspage_url": "statusPageUrl",
    "healthcheck_url": "healthCheckUrl",
    "ip_addr": "ipAddr",
    "vip_address": "vipAddress",
    "secure_vip_address": "secureVipAddress",
    "status": "status",
    "id": "instanceId",
}
"""Label -> element of an instance."""
TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("", "0", "f", "F", "false", "FALSE", "False")


class EurekaProvider(HttpApiProvider):
    def __init__(self, config: EurekaSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._url = f"{config.server.text}/apps"

    async def refresh(self) -> Sequence[TargetGroup]:
        applications = parse_tree(await self.ask(self._url)).all("application")
        targets = [_labels(app.text_of("name"), instance) for app in applications for instance in app.all("instance")]
        return [TargetGroup(SOURCE, tuple(targets))]


def _labels(app_name: str, instance: Element) -> dict[str, str]:
    port, secure_port = instance.last("port"), instance.last("securePort")
    number = DEFAULT_PORT if port is None else _integer(port.text)
    labels = {
        "__address__": host_port(instance.text_of("hostName"), number),
        "instance": instance.text_of("instanceId"),
        "__meta_eureka_app_name": app_name,
        f"{PREFIX}country_id": str(_integer(instance.text_of("countryId"))),
    }
    labels |= {f"{PREFIX}{label}": instance.text_of(element) for label, element in TEXTS.items()}
    if port is not None:
        labels |= {f"{PREFIX}port": str(number), f"{PREFIX}port_enabled": _enabled(port)}
    if secure_port is not None:
        labels[f"{PREFIX}secure_port"] = str(_integer(secure_port.text))
        labels[f"{PREFIX}secure_port_enabled"] = _enabled(secure_port)
    datacenter = instance.last("dataCenterInfo")
    if datacenter is not None:
        labels[f"{PREFIX}datacenterinfo_name"] = datacenter.text_of("name")
        labels |= _metadata(f"{PREFIX}datacenterinfo_metadata_", datacenter)
    return labels | _metadata(f"{PREFIX}metadata_", instance)


def _metadata(prefix: str, parent: Element) -> dict[str, str]:
    """Each child of <metadata>, with what stands in it as it was written."""
    return {
        f"{prefix}{label_name(item.name)}": item.inner
        for metadata in parent.all("metadata")
        for item in metadata.children
    }


def _integer(text: str) -> int:
    try:
        return int(text.strip() or "0")
    except ValueError:
        raise HTTPClientError(f'the answer cannot be used: "{text[:100]}" is not a whole number') from None


def _enabled(port: Element) -> str:
    text = port.attributes.get("enabled", "").strip()
    if text not in TRUE and text not in FALSE:
        raise HTTPClientError(f'the answer cannot be used: enabled="{text[:100]}" is neither true nor false')
    return "true" if text in TRUE else "false"
