"""An alert as Alertmanagers take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from narthex.model.labels import Labels
from narthex.model.rfc3339 import format_rfc3339


@dataclass(frozen=True)
class Alert:
    """Times are Unix seconds. An `ends_at` in the past says that the alert is resolved."""

    labels: Labels
    annotations: Mapping[str, str]
    starts_at: float
    ends_at: float
    generator_url: str

    def as_json(self, labels: Labels) -> dict[str, Any]:
        """One element of the body of POST /api/v2/alerts, with the given labels in place of its own."""
        return {
            "labels": labels.as_dict(),
            "annotations": dict(self.annotations),
            "startsAt": format_rfc3339(self.starts_at),
            "endsAt": format_rfc3339(self.ends_at),
            "generatorURL": self.generator_url,
        }
