"""What a target's series measure, for the log: once for a new series, and again when its family says something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from narthex.model.labels import METRIC_NAME
from narthex.native import ScrapeCache
from narthex.storage.contract import Appender, Refs, SeriesMetadata

NamedRef = tuple[str, int]
"""A series' name as the target exposes it, and its reference."""

_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("_count", "_sum", "_created"),
    "info": ("_info",),
}
_ALL_SUFFIXES = sorted({suffix for suffixes in _SUFFIXES.values() for suffix in suffixes})


class MetadataRecords:
    """Of one target. A scrape without anything new costs nothing."""

    def __init__(self, cache: ScrapeCache) -> None:
        self._cache = cache
        self._families: dict[str, SeriesMetadata] = {}
        self._lost = False

    def append(
        self, appender: Appender, added: Iterable[NamedRef], new_metadata: bool, present: Callable[[], Refs]
    ) -> None:
        """`added` are the scan's new series; `new_metadata` says whether it has other metadata than the one before;
        `present` gives the references of all its series, asked for only where families changed.
        """
        told = list(added)
        lost, self._lost = self._lost, False
        if new_metadata or lost:
            before = {} if lost else self._families
            self._families = {f: SeriesMetadata(type_, unit, help_) for f, type_, help_, unit in self._cache.metadata()}
            changed = {family for family, metadata in self._families.items() if before.get(family) != metadata}
            if changed:
                told = [(name, ref) for name, ref in self._named(present()) if self._family(name) in changed]
        found = [(ref, self._families[family]) for name, ref in told if (family := self._family(name)) is not None]
        if found:
            refs = np.array([ref for ref, _ in found], dtype=np.uint64)
            appender.append_metadata(refs, [metadata for _, metadata in found])

    def forget(self) -> None:
        """What was appended may be lost: the next scan tells everything again."""
        self._lost = True

    def _named(self, refs: Refs) -> list[NamedRef]:
        ids = self._cache.find_refs(np.unique(refs))
        names = (labels.get(METRIC_NAME, "") for labels in self._cache.labels(ids))
        return list(zip(names, self._cache.refs(ids).tolist(), strict=True))

    def _family(self, name: str) -> str | None:
        """The family that a series of this name belongs to; None where nothing is known about it."""
        if name in self._families:
            return name
        for suffix in _ALL_SUFFIXES:
            if name.endswith(suffix):
                family = self._families.get(stem := name.removesuffix(suffix))
                if family is not None and suffix in _SUFFIXES.get(family.type, ()):
                    return stem
        return None
