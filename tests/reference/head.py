"""The head as one would write it without caring for speed: dictionaries and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.storage.contract import AppendStatus
from reference.chunk_bits import STALE, bits_of, float_of
from reference.chunk_histogram import Histogram, Layout
from reference.histogram_values import fault, plain

MIN_TIME = -(2**63)
Value = float | Histogram
Stored = tuple[int, Value]


def same(a: Value, b: Value) -> bool:
    if isinstance(a, Histogram) and isinstance(b, Histogram):
        return plain(a) == plain(b)
    if isinstance(a, Histogram) or isinstance(b, Histogram):
        return is_stale(a) and is_stale(b) and isinstance(b, Histogram)
    return bits_of(a) == bits_of(b)


def is_stale(v: Value) -> bool:
    return v.stale if isinstance(v, Histogram) else bits_of(v) == STALE


def of_kind(v: Value, before: Value | None) -> Value:
    """A stale marker among floats that follows a histogram is one of histograms."""
    if isinstance(v, Histogram) or not is_stale(v) or not isinstance(before, Histogram):
        return v
    none = 0.0 if isinstance(before.count, float) else 0
    return Histogram(Layout(), none, none, float_of(STALE))


@dataclass
class TwinTransaction:
    head: TwinHead
    appendable_from: int
    samples: list[tuple[Labels, int, Value]] = field(default_factory=list)

    def append(self, labels: Labels, t: int, v: Value) -> AppendStatus:
        if isinstance(v, Histogram) and (wrong := fault(v)):
            return AppendStatus[wrong]
        if labels not in self.head.series:
            return AppendStatus.UNKNOWN_REF
        mine = [(u, w) for other, u, w in self.samples if other == labels]
        status = judge(mine or self.head.series[labels], t, v, self.appendable_from)
        if status == AppendStatus.OK:
            before = mine or self.head.series[labels]
            self.samples.append((labels, t, of_kind(v, before[-1][1] if before else None)))
            self.head.asked.add(labels)
        return status

    def commit(self) -> None:
        floor = max(self.appendable_from, self.head.min_valid)
        for labels, t, v in self.samples:
            stored = self.head.series.get(labels)
            if stored is not None and judge(stored, t, v, floor) == AppendStatus.OK:
                stored.append((t, of_kind(v, stored[-1][1] if stored else None)))
                self.head.max_time = max(self.head.max_time, t)


def judge(stored: Sequence[Stored], t: int, v: Value, appendable_from: int) -> AppendStatus:
    if t < appendable_from:
        return AppendStatus.OUT_OF_BOUNDS
    if not stored or t > stored[-1][0]:
        return AppendStatus.OK
    if t < stored[-1][0]:
        return AppendStatus.OUT_OF_ORDER
    return AppendStatus.DUPLICATE_SAME if same(v, stored[-1][1]) else AppendStatus.DUPLICATE


@dataclass
class TwinHead:
    """Chunks are not modelled: after a truncation, samples before `min_valid` may or may not still be there."""

    chunk_range: int
    series: dict[Labels, list[Stored]] = field(default_factory=dict)
    asked: set[Labels] = field(default_factory=set)
    max_time: int = MIN_TIME
    min_valid: int = MIN_TIME

    def create(self, labels: Labels) -> None:
        self.series.setdefault(labels, [])
        self.asked.add(labels)

    def transaction(self) -> TwinTransaction:
        newest = self.max_time - self.chunk_range // 2 if self.max_time != MIN_TIME else MIN_TIME
        return TwinTransaction(self, max(self.min_valid, newest))

    def truncate(self, mint: int) -> None:
        self.min_valid = max(self.min_valid, mint)
        for labels, samples in list(self.series.items()):
            kept = [s for s in samples if s[0] >= mint]
            if kept or labels in self.asked:
                self.series[labels] = kept
            else:
                del self.series[labels]
        self.asked.clear()

    def stale_series(self) -> int:
        return sum(1 for samples in self.series.values() if samples and is_stale(samples[-1][1]))

    def histogram_series(self) -> int:
        return sum(1 for samples in self.series.values() if samples and isinstance(samples[-1][1], Histogram))

    def select(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> dict[Labels, list[Stored]]:
        out = {}
        for labels, samples in self.series.items():
            inside = [s for s in samples if mint <= s[0] <= maxt]
            if inside and all(m.matches(labels.get(m.name, "")) for m in matchers):
                out[labels] = inside
        return out
