"""What an endpoint of remote write or remote read is called where its configuration does not say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from narthex.config.printing import config_to_yaml
from narthex.config.remote import RemoteReadConfig, RemoteWriteConfig
from narthex.errors import ConfigError, ConfigProblem

C = TypeVar("C", RemoteReadConfig, RemoteWriteConfig)


def by_name(section: str, configs: Sequence[C]) -> dict[str, C]:
    """Endpoints by name, in their order. Raises ConfigError for one that is there twice."""
    found: dict[str, C] = {}
    for i, config in enumerate(configs):
        name = config.name or hashlib.md5(config_to_yaml(config).encode(), usedforsecurity=False).hexdigest()[:6]
        if name in found:
            raise ConfigError([ConfigProblem(section, 0, f"[{i}]", "is the same as one before it")])
        found[name] = config
    return found
