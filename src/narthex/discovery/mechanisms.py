"""Which discovery sections there are providers for."""

from __future__ import annotations

from collections.abc import Iterable

from narthex.clock import Clock
from narthex.config.discovery import DiscoveryConfigs
from narthex.config.sd.base import SDConfig
from narthex.config.sd.cluster import KubernetesSDConfig
from narthex.config.sd.plain import DnsSDConfig, FileSDConfig, HttpSDConfig
from narthex.discovery.dns import DnsProvider
from narthex.discovery.file import FileProvider
from narthex.discovery.http import HttpProvider
from narthex.discovery.kubernetes.provider import KubernetesProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import Provider
from narthex.discovery.watch import DirectoryWatch

AVAILABLE = ("static", "file", "http", "dns", "kubernetes")


def make_provider(
    config: SDConfig, config_name: str, watch: DirectoryWatch, metrics: DiscoveryMetrics, clock: Clock
) -> Provider | None:
    """The provider of a section; None when this mechanism is not available. Raises HTTPClientError."""
    match config:
        case FileSDConfig():
            return FileProvider(config, watch, metrics, clock)
        case HttpSDConfig():
            return HttpProvider(config, config_name, metrics, clock)
        case DnsSDConfig():
            return DnsProvider(config, config_name, metrics, clock)
        case KubernetesSDConfig():
            return KubernetesProvider(config, metrics.kubernetes, clock)
        case _:
            return None


def unavailable(sections: Iterable[DiscoveryConfigs]) -> list[str]:
    """Sorted keys of sections that load but find no targets yet, such as "consul_sd_configs"."""
    return sorted(
        {f"{c.mechanism}_sd_configs" for section in sections for c in section.each() if c.mechanism not in AVAILABLE}
    )
