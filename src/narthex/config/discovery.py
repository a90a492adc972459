"""All discovery keys of a section that finds targets."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from narthex.config.sd.base import SDConfig
from narthex.config.sd.plain import DnsSDConfig, FileSDConfig, HttpSDConfig, StaticConfig
from narthex.config.strict import Section, wrong


class DiscoveryConfigs(Section):
    """`static_configs` and every `<mechanism>_sd_configs`, in the order in which they are printed."""

    dns_sd_configs: list[DnsSDConfig] = Field(default_factory=list)
    file_sd_configs: list[FileSDConfig] = Field(default_factory=list)
    http_sd_configs: list[HttpSDConfig] = Field(default_factory=list)
    static_configs: list[StaticConfig] = Field(default_factory=list)

    def each(self) -> Iterator[SDConfig]:
        """All sections but the static ones."""
        for name in type(self).model_fields:
            if name != "static_configs":
                yield from getattr(self, name)

    def check_targets(self) -> None:
        """Refuses URLs where host:port is meant. Not asked where relabelling may still take a URL apart."""
        for i, group in enumerate(self.static_configs):
            for k, target in enumerate(group.targets):
                if "/" in target:
                    raise wrong(
                        f'"{target}" is not a valid hostname: a target is host:port, without scheme and path',
                        "static_configs",
                        i,
                        "targets",
                        k,
                    )
