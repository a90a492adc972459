"""What all `*_sd_configs` have in common."""

from __future__ import annotations

from typing import ClassVar

from narthex.config.scalars import Milliseconds
from narthex.config.strict import Section


class SDConfig(Section):
    """One discovery section. Equal sections share one provider, so sections compare by value."""

    mechanism: ClassVar[str]

    @property
    def refresh_seconds(self) -> float:
        """How often the mechanism asks again; 0 when it does not refresh."""
        interval: Milliseconds = getattr(self, "refresh_interval", 0)
        return interval / 1000
