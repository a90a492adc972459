"""One alert as senders post it, its identity and how a newer post of the same alert is merged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from narthex.model.labels import Labels

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = (1 << 64) - 1


def fingerprint(labels: Mapping[str, str]) -> str:
    """Identity of a label set, 16 hex digits: FNV-1a 64 over sorted name 0xff value 0xff (Prometheus' common/model)."""
    h = _FNV_OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            h = (h ^ byte) * _FNV_PRIME & _MASK
    return f"{h:016x}"


@dataclass(frozen=True)
class Alert:
    """Times are seconds since the epoch. `timeout` tells that `ends_at` was assumed from resolve_timeout."""

    labels: Labels
    annotations: Labels
    starts_at: float
    ends_at: float
    updated_at: float
    generator_url: str = ""
    timeout: bool = False

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    def resolved_at(self, now: float) -> bool:
        """Whether the alert is over at `now`. An `ends_at` of 0 means that no end is known."""
        return self.ends_at != 0 and self.ends_at <= now


def merge(old: Alert, new: Alert, now: float) -> Alert:
    """What is kept when `new` has the labels of `old`.

    Overlapping activity is one alert with the earliest start; otherwise the new one replaces the old one.
    """
    overlaps = old.starts_at < new.ends_at < old.ends_at or old.starts_at < new.starts_at < old.ends_at
    if not overlaps:
        return new
    if new.updated_at < old.updated_at:
        old, new = new, old
    ends_at, timeout = new.ends_at, new.timeout
    if new.resolved_at(now):
        if old.resolved_at(now):
            ends_at = max(old.ends_at, new.ends_at)
    elif old.ends_at > new.ends_at and not old.timeout:
        ends_at, timeout = old.ends_at, old.timeout
    return replace(new, starts_at=min(old.starts_at, new.starts_at), ends_at=ends_at, timeout=timeout)
