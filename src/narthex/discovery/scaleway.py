"""Discovery of Scaleway: the provider of the section's role."""

from __future__ import annotations

from narthex.clock import Clock
from narthex.config.sd.hosters import ScalewaySDConfig
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.scaleway_api import ScalewayProvider
from narthex.discovery.scaleway_baremetal import ScalewayBaremetalProvider
from narthex.discovery.scaleway_instance import ScalewayInstanceProvider


def provider(config: ScalewaySDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> ScalewayProvider:
    kind = ScalewayInstanceProvider if config.role == "instance" else ScalewayBaremetalProvider
    return kind(config, config_name, metrics, clock)
