"""Target groups that stand in the configuration, and the common step from a written group to a TargetGroup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narthex.config.sd.plain import StaticConfig
from narthex.model.labels import Labels
from narthex.model.target_group import TargetGroup


def target_group(config: StaticConfig, source: str, extra: Mapping[str, str] | None = None) -> TargetGroup:
    """A written group under its source name; `extra` labels win over written ones."""
    return TargetGroup(
        source=source,
        targets=tuple(Labels({"__address__": target}) for target in config.targets),
        labels=Labels({**config.labels, **(extra or {})}),
    )


def static_groups(configs: Sequence[StaticConfig]) -> list[TargetGroup]:
    return [target_group(config, str(i)) for i, config in enumerate(configs)]
