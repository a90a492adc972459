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
OUT_OF_ORDER_CAP = 32
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
class TwinSeries:
    """`late` are out-of-order chunks, the last one open: time to value. Samples of `in_order` may be deleted, which
    still says what comes out of order.
    """

    in_order: list[Stored] = field(default_factory=list)
    late: list[dict[int, Value]] = field(default_factory=list)
    deleted: list[tuple[int, int]] = field(default_factory=list)

    def insert(self, t: int, v: Value) -> None:
        if not self.late or len(self.late[-1]) >= OUT_OF_ORDER_CAP:
            self.late.append({})
        self.late[-1].setdefault(t, v)

    def delete(self, mint: int, maxt: int) -> None:
        times = [t for t, _ in (*self.in_order, *self.late_samples())]
        if times:
            self.deleted.append((mint, min(maxt, max(times))))
        self.late = [{t: v for t, v in chunk.items() if not mint <= t <= maxt} for chunk in self.late]

    def late_samples(self) -> list[Stored]:
        return [s for chunk in self.late for s in chunk.items()]

    def samples(self) -> list[Stored]:
        seen = [s for s in self.in_order if not any(mint <= s[0] <= maxt for mint, maxt in self.deleted)]
        return [*seen, *self.late_samples()]

    @property
    def newest(self) -> Value | None:
        return self.in_order[-1][1] if self.in_order else None


@dataclass
class TwinTransaction:
    head: TwinHead
    appendable_from: int
    window: int
    newest: int
    samples: list[tuple[Labels, int, Value, bool]] = field(default_factory=list)

    def append(self, labels: Labels, t: int, v: Value) -> AppendStatus:
        if self.newest == MIN_TIME:
            self.newest = t
        if isinstance(v, Histogram) and (wrong := fault(v)):
            return AppendStatus[wrong]
        if labels not in self.head.series:
            return AppendStatus.UNKNOWN_REF
        before = [(u, w) for other, u, w, late in self.samples if other == labels and not late]
        before = before or self.head.series[labels].in_order
        status, late = self.judge(before, t, v)
        if status == AppendStatus.OK:
            self.samples.append((labels, t, of_kind(v, before[-1][1] if before else None), late))
            self.head.asked.add(labels)
        return status

    def judge(self, stored: Sequence[Stored], t: int, v: Value) -> tuple[AppendStatus, bool]:
        """The status, and whether a sample that is fine is out of order."""
        if t >= self.appendable_from:
            if not stored or t > stored[-1][0]:
                return AppendStatus.OK, False
            if t == stored[-1][0]:
                return AppendStatus.DUPLICATE_SAME if same(v, stored[-1][1]) else AppendStatus.DUPLICATE, False
        if self.window > 0:
            return (AppendStatus.OK if t >= self.newest - self.window else AppendStatus.TOO_OLD), True
        return AppendStatus.OUT_OF_BOUNDS if t < self.appendable_from else AppendStatus.OUT_OF_ORDER, False

    def commit(self) -> None:
        self.appendable_from = max(self.appendable_from, self.head.min_valid)
        for labels, t, v, _ in self.samples:
            stored = self.head.series.get(labels)
            if stored is None:
                continue
            status, late = self.judge(stored.in_order, t, v)
            if status != AppendStatus.OK:
                continue
            value = of_kind(v, stored.newest)
            self.head.log.append((labels, t, value, late))
            if late:
                stored.insert(t, value)
            else:
                stored.in_order.append((t, value))
                self.head.max_time = max(self.head.max_time, t)


@dataclass
class TwinHead:
    """Chunks of samples in order are not modelled: after a truncation, those before `min_valid` may still be there."""

    chunk_range: int
    series: dict[Labels, TwinSeries] = field(default_factory=dict)
    asked: set[Labels] = field(default_factory=set)
    log: list[tuple[Labels, int, Value, bool] | tuple[list[Labels], int, int]] = field(default_factory=list)
    max_time: int = MIN_TIME
    min_valid: int = MIN_TIME
    window: int = 0

    def create(self, labels: Labels) -> None:
        self.series.setdefault(labels, TwinSeries())
        self.asked.add(labels)

    def transaction(self) -> TwinTransaction:
        newest = self.max_time - self.chunk_range // 2 if self.max_time != MIN_TIME else MIN_TIME
        return TwinTransaction(self, max(self.min_valid, newest), self.window, self.max_time)

    def truncate(self, mint: int) -> None:
        self.min_valid = max(self.min_valid, mint)
        for labels, series in list(self.series.items()):
            series.in_order = [s for s in series.in_order if s[0] >= mint]
            if not series.in_order and not series.late_samples() and labels not in self.asked:
                del self.series[labels]
        self.asked.clear()

    def compact(self) -> None:
        """Blocks take over the out-of-order samples."""
        for series in self.series.values():
            series.late.clear()
        self.log = [(*entry[:3], False) if len(entry) == 4 else entry for entry in self.log]

    def delete(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> None:
        found = list(self.select(matchers, mint, maxt))
        self.log.append((found, mint, maxt))
        for labels in found:
            self.series[labels].delete(mint, maxt)

    def restart(self) -> None:
        """What the logs give: a late sample may well be in order when it comes first for its series."""
        self.series = {}
        for entry in self.log:
            if len(entry) == 3:
                for labels in entry[0]:
                    self.series[labels].delete(*entry[1:])
                continue
            labels, t, v, late = entry
            series = self.series.setdefault(labels, TwinSeries())
            if t >= self.min_valid and (not series.in_order or t > series.in_order[-1][0]):
                series.in_order.append((t, of_kind(v, series.newest)))
            if late:
                series.insert(t, v)
        self.series = {k: series for k, series in self.series.items() if series.in_order or series.late_samples()}
        self.asked = set(self.series)

    def stale_series(self) -> int:
        return sum(1 for series in self.series.values() if series.in_order and is_stale(series.in_order[-1][1]))

    def histogram_series(self) -> int:
        return sum(1 for series in self.series.values() if isinstance(series.newest, Histogram))

    def select(self, matchers: Sequence[Matcher], mint: int, maxt: int) -> dict[Labels, dict[int, list[Value]]]:
        """The values that a series may show at a time: samples in order and late ones may differ."""
        out: dict[Labels, dict[int, list[Value]]] = {}
        for labels, series in self.series.items():
            if not all(m.matches(labels.get(m.name, "")) for m in matchers):
                continue
            for t, v in series.samples():
                if mint <= t <= maxt:
                    out.setdefault(labels, {}).setdefault(t, []).append(v)
        return out
