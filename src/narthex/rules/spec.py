"""Rules and groups as their files say, validated. Equal specs mean that nothing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from narthex.model.labels import Labels


@dataclass(frozen=True)
class RuleSpec:
    """One rule. Durations are milliseconds; `labels` include the group's. `annotations` keep the order of the file."""

    name: str
    expr: str
    alerting: bool
    labels: Labels = field(default_factory=Labels)
    for_ms: int = 0
    keep_firing_for_ms: int = 0
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> tuple[bool, str, Labels]:
        """What makes it the same rule across a reload."""
        return self.alerting, self.name, self.labels


@dataclass(frozen=True)
class GroupSpec:
    """One group. `interval_ms` and `query_offset_ms` are resolved against the global settings; `limit` 0 is none."""

    file: str
    name: str
    interval_ms: int
    rules: tuple[RuleSpec, ...]
    query_offset_ms: int = 0
    limit: int = 0

    @property
    def key(self) -> str:
        """Unique name over all files; the label rule_group of metrics."""
        return f"{self.file};{self.name}"

    @property
    def offset_ms(self) -> int:
        """Where in its interval the group runs: spread over groups, the same after every restart."""
        digest = hashlib.blake2b(self.key.encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.interval_ms

    def slot(self, now_ms: int) -> int:
        """The newest evaluation time that is not after `now_ms`."""
        return now_ms - (now_ms - self.offset_ms) % self.interval_ms
