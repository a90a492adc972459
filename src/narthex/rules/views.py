"""What the HTTP API shows of rules: immutable copies, safe to keep. Times are Unix seconds, durations seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AlertView:
    """`state` is pending, firing or inactive (resolved a short while ago)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    active_at: float | None
    keep_firing_since: float | None
    value: float


@dataclass(frozen=True)
class RuleView:
    """`kind` is "alerting" or "recording"; `state` (alerting only) is unknown before the first evaluation."""

    kind: str
    name: str
    query: str
    labels: Mapping[str, str]
    health: str
    last_error: str
    evaluation_time: float
    last_evaluation: float | None
    state: str = ""
    duration: float = 0.0
    keep_firing_for: float = 0.0
    annotations: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[AlertView] = ()


@dataclass(frozen=True)
class GroupView:
    name: str
    file: str
    interval: float
    limit: int
    evaluation_time: float
    last_evaluation: float | None
    rules: Sequence[RuleView]
