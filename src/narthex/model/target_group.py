"""What discovery finds: a group of targets that share labels and come and go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets of one source.

    `source` is unique within its provider: a later group of the same source replaces the earlier one, one without
    targets removes it. Each target is its own labels, `__address__` among them; where a target and `labels` name the
    same label, the target wins.
    """

    source: str
    targets: tuple[Mapping[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
