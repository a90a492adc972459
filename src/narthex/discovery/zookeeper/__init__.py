"""Members of serversets and nerve services in ZooKeeper: the nodes below some paths, kept up to date by watches.

First file to open: provider.py, then tree.py (what is known) and session.py (kazoo, which works in threads of its own).
"""

from __future__ import annotations

from narthex.clock import Clock
from narthex.config.sd.cluster import NerveSDConfig, ServersetSDConfig
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import Provider
from narthex.discovery.zookeeper.members import nerve_labels, serverset_labels
from narthex.errors import HTTPClientError


def provider_of(
    config: ServersetSDConfig | NerveSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock
) -> Provider:
    """kazoo is an extra, and only imported here. Raises HTTPClientError without it."""
    try:
        from narthex.discovery.zookeeper.provider import ZooKeeperProvider
    except ModuleNotFoundError as e:
        if e.name is None or not e.name.startswith("kazoo"):
            raise
        raise HTTPClientError("ZooKeeper needs the library kazoo: install narthex[zookeeper]") from None
    parse = nerve_labels if isinstance(config, NerveSDConfig) else serverset_labels
    return ZooKeeperProvider(config, config_name, metrics, clock, parse)
