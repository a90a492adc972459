"""The route tree: which receivers an alert goes to, and with which grouping and timing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from narthex.model.labels import Labels, quote
from narthex.model.matcher import Matcher


@dataclass(frozen=True)
class Route:
    """A node with everything inherited already filled in. Durations are seconds.

    `group_by` is None for "by all labels". `key` joins the matchers from the root down; `id` also tells twins apart.
    """

    receiver: str
    matchers: tuple[Matcher, ...]
    group_by: frozenset[str] | None
    group_wait: float
    group_interval: float
    repeat_interval: float
    continue_: bool
    key: str
    id: str
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    routes: tuple[Route, ...] = field(default=())

    def match(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes an alert takes, in order of visit.

        Depth first; a matching child ends the scan of its siblings unless it continues; a node is a result itself
        only when no child matched.
        """
        if not all(m.matches(labels.get(m.name, "")) for m in self.matchers):
            return []
        found: list[Route] = []
        for child in self.routes:
            matched = child.match(labels)
            found += matched
            if matched and not child.continue_:
                break
        return found or [self]

    def walk(self) -> Iterator[Route]:
        yield self
        for child in self.routes:
            yield from child.walk()

    def group_labels(self, labels: Labels) -> Labels:
        """The labels by which an alert is grouped: those of group_by that it has."""
        if self.group_by is None:
            return labels
        return Labels({n: v for n, v in labels.items() if n in self.group_by})

    def group_key(self, group_labels: Labels) -> str:
        """Identity of a group in the notification log and towards receivers."""
        pairs = ", ".join(f"{n}={quote(v)}" for n, v in group_labels.items())
        return f"{self.key}:{{{pairs}}}"
