"""Native histograms and their chunks (encodings 2, 3, 5 and 6), see docs/formats/chunk-histogram.md. Buckets are
dictionaries from index to count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from reference.chunk_bits import STALE, Bits, StartTimes, Xored, bits_of, float_of, signed

Span = tuple[int, int]
"""(offset, length)"""

UNKNOWN, RESET, NOT_RESET, GAUGE = range(4)
HEADER_BITS = {UNKNOWN: 0b00, RESET: 0b10, NOT_RESET: 0b01, GAUGE: 0b11}
FLOATS = (3, 6)
WITH_STARTS = (5, 6)


@dataclass(frozen=True)
class Layout:
    schema: int = 0
    zero_threshold: float = 0.0
    positive: tuple[Span, ...] = ()
    negative: tuple[Span, ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass
class Histogram:
    """Counts are ints or floats."""

    layout: Layout
    count: float
    zero_count: float
    sum: float
    positive: dict[int, float] = field(default_factory=dict)
    negative: dict[int, float] = field(default_factory=dict)
    hint: int = UNKNOWN

    @property
    def stale(self) -> bool:
        return bits_of(self.sum) == STALE


Sample = tuple[int, int, Histogram]
"""(time, start time, value); milliseconds, start 0 when unknown"""


def indices(spans: Iterable[Span]) -> list[int]:
    out: list[int] = []
    index = 0
    for offset, length in spans:
        index += offset
        out += range(index, index + length)
        index += length
    return out


def spans_of(wanted: Iterable[int]) -> tuple[Span, ...]:
    out: list[Span] = []
    end = 0
    for index in sorted(wanted):
        if out and index == end:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((index - end, 1))
        end = index + 1
    return tuple(out)


def reduced(h: Histogram, schema: int) -> Histogram:
    """At a coarser schema: 2^steps buckets become one."""
    steps = h.layout.schema - schema

    def fold(buckets: dict[int, float]) -> dict[int, float]:
        out: dict[int, float] = {}
        for index, n in buckets.items():
            coarse = math.ceil(index / 2**steps)
            out[coarse] = out.get(coarse, 0) + n
        return out

    positive, negative = fold(h.positive), fold(h.negative)
    layout = replace(h.layout, schema=schema, positive=spans_of(positive), negative=spans_of(negative))
    return replace(h, layout=layout, positive=positive, negative=negative)


# Layouts.


def _take_layout(source: Bits) -> Layout:
    code = source.take(8)
    threshold = source.take_float() if code == 255 else 2.0 ** (code - 244) if code else 0.0
    schema = source.take_varbit_int()
    positive, negative = (
        tuple((source.take_varbit_uint(), source.take_varbit_int())[::-1] for _ in range(source.take_varbit_uint()))
        for _ in range(2)
    )
    bounds: list[float] = []
    if schema == -53:
        for _ in range(source.take_varbit_uint()):
            thousandths = source.take_varbit_uint()
            bounds.append((thousandths - 1) / 1000 if thousandths else source.take_float())
    return Layout(schema, threshold, positive, negative, tuple(bounds))


def _put_layout(target: Bits, layout: Layout) -> None:
    threshold = layout.zero_threshold
    fraction, exponent = math.frexp(threshold)
    if threshold == 0:
        target.put(0, 8)
    elif fraction == 0.5 and -242 <= exponent <= 11:
        target.put(exponent + 243, 8)
    else:
        target.put(255, 8)
        target.put_float(threshold)
    target.put_varbit_int(layout.schema)
    for spans in (layout.positive, layout.negative):
        target.put_varbit_uint(len(spans))
        for offset, length in spans:
            target.put_varbit_uint(length)
            target.put_varbit_int(offset)
    if layout.schema == -53:
        target.put_varbit_uint(len(layout.bounds))
        for bound in layout.bounds:
            if 0 <= bound * 1000 <= 33554430 and round(bound * 1000) / 1000 == bound:
                target.put_varbit_uint(round(bound * 1000) + 1)
            else:
                target.put(0, 1)
                target.put_float(bound)


# Counts: of integer histograms time, counts and buckets (each less the one before it) as differences of differences,
# of float histograms all but the time as XORed floats.


@dataclass
class Doubly:
    value: int = 0
    delta: int = 0

    def take(self, source: Bits) -> int:
        self.delta = signed(self.delta + source.take_varbit_int())
        self.value = signed(self.value + self.delta)
        return self.value

    def put(self, target: Bits, value: int) -> None:
        delta = signed(value - self.value)
        target.put_varbit_int(delta - self.delta)
        self.value, self.delta = value, delta


def _sums(deltas: Sequence[int]) -> list[int]:
    out: list[int] = []
    for delta in deltas:
        out.append(signed((out[-1] if out else 0) + delta))
    return out


def _differences(values: Sequence[int]) -> list[int]:
    return [signed(v - u) for u, v in zip([0, *values], values, strict=False)]


class _Integers:
    def __init__(self, positive: int, negative: int) -> None:
        self.time, self.count, self.zero = Doubly(), Doubly(), Doubly()
        self.sides = [[Doubly() for _ in range(positive)], [Doubly() for _ in range(negative)]]

    def take_counts(self, source: Bits, first: bool) -> tuple[int, int]:
        for state in (self.count, self.zero):
            if first:
                state.value = source.take_varbit_uint()
            else:
                state.take(source)
        return self.count.value % 2**64, self.zero.value % 2**64

    def take_buckets(self, source: Bits, first: bool) -> list[list[float]]:
        for state in (s for side in self.sides for s in side):
            state.take(source)
            if first:
                state.delta = 0
        return [list(_sums([s.value for s in side])) for side in self.sides]

    def put_counts(self, target: Bits, first: bool, h: Histogram) -> None:
        for state, value in ((self.count, int(h.count)), (self.zero, int(h.zero_count))):
            if first:
                state.value = 0 if h.stale else value
                target.put_varbit_uint(state.value)
            elif h.stale:
                target.put_varbit_int(0)
            else:
                state.put(target, value)

    def put_buckets(self, target: Bits, first: bool, sides: Sequence[Sequence[float]]) -> None:
        for states, values in zip(self.sides, sides, strict=True):
            for state, value in zip(states, _differences([int(v) for v in values]), strict=True):
                state.put(target, value)
                if first:
                    state.delta = 0


class _Floats:
    def __init__(self, positive: int, negative: int) -> None:
        self.time, self.count, self.zero = Doubly(), Xored(), Xored()
        self.sides = [[Xored() for _ in range(positive)], [Xored() for _ in range(negative)]]

    @staticmethod
    def _take(state: Xored, source: Bits, first: bool) -> float:
        if first:
            state.bits = source.take(64)
        else:
            state.take(source)
        return float_of(state.bits)

    @staticmethod
    def _put(state: Xored, target: Bits, first: bool, value: float) -> None:
        if first:
            state.bits = bits_of(value)
            target.put(state.bits, 64)
        else:
            state.put(target, bits_of(value))

    def take_counts(self, source: Bits, first: bool) -> tuple[float, float]:
        return self._take(self.count, source, first), self._take(self.zero, source, first)

    def take_buckets(self, source: Bits, first: bool) -> list[list[float]]:
        return [[self._take(s, source, first) for s in side] for side in self.sides]

    def put_counts(self, target: Bits, first: bool, h: Histogram) -> None:
        self._put(self.count, target, first, 0.0 if h.stale else h.count)
        self._put(self.zero, target, first, 0.0 if h.stale else h.zero_count)

    def put_buckets(self, target: Bits, first: bool, sides: Sequence[Sequence[float]]) -> None:
        for states, values in zip(self.sides, sides, strict=True):
            for state, value in zip(states, values, strict=True):
                self._put(state, target, first, value)


def read_histograms(encoding: int, data: bytes) -> list[Sample]:
    """Schemas above 8 are reduced to 8. A stale marker has the empty layout and no counts."""
    count = int.from_bytes(data[:2], "big")
    flags, starts = data[2] >> 6, StartTimes()
    if encoding in WITH_STARTS:
        flags, count, starts.header = count >> 14, count & 0x3FFF, data[2]
    if count == 0:
        return []
    source = Bits(data[3:])
    layout = _take_layout(source)
    sides = indices(layout.positive), indices(layout.negative)
    state = (_Floats if encoding in FLOATS else _Integers)(len(sides[0]), len(sides[1]))
    total = Xored()
    out: list[Sample] = []
    for k in range(count):
        before = state.time.value
        t = state.time.take(source)
        if k == 0:
            state.time.delta = 0
        n, zeros = state.take_counts(source, k == 0)
        if k == 0:
            total.bits = source.take(64)
        else:
            total.take(source)
        h = Histogram(Layout(), 0, 0, float_of(total.bits))
        if k == 0 or not h.stale:
            buckets = state.take_buckets(source, k == 0)
        if not h.stale:
            positive, negative = (dict(zip(i, b, strict=True)) for i, b in zip(sides, buckets, strict=True))
            hint = GAUGE if flags == HEADER_BITS[GAUGE] else NOT_RESET if k else UNKNOWN
            h = Histogram(layout, n, zeros, h.sum, positive, negative, hint)
            if layout.schema > 8:
                h = reduced(h, 8)
        out.append((t, starts.take(source, k, t, before), h))
    return out


def write_histograms(encoding: int, samples: Sequence[Sample], header: int = UNKNOWN) -> bytes:
    """All samples have the first one's layout or are stale markers at the end."""
    first = samples[0][2]
    layout = Layout() if first.stale else first.layout
    sides = indices(layout.positive), indices(layout.negative)
    target, starts, total = Bits(), StartTimes(), Xored()
    state = (_Floats if encoding in FLOATS else _Integers)(len(sides[0]), len(sides[1]))
    _put_layout(target, layout)
    for k, (t, start, h) in enumerate(samples):
        before = state.time.value
        state.time.put(target, t)
        if k == 0:
            state.time.delta = 0
        state.put_counts(target, k == 0, h)
        if k == 0:
            total.bits = bits_of(h.sum)
            target.put(total.bits, 64)
        else:
            total.put(target, bits_of(h.sum))
        if not h.stale:
            buckets = [[side[i] for i in wanted] for side, wanted in zip((h.positive, h.negative), sides, strict=True)]
            state.put_buckets(target, k == 0, buckets)
        if encoding in WITH_STARTS:
            starts.put(target, k, t, before, start)
    flags = HEADER_BITS[header]
    if encoding in WITH_STARTS:
        head = (flags << 14 | len(samples)).to_bytes(2, "big") + bytes([starts.header])
    else:
        head = len(samples).to_bytes(2, "big") + bytes([flags << 6])
    return head + target.packed()


# Cutting.


@dataclass
class Part:
    encoding: int
    header: int
    samples: list[Sample]

    def written(self) -> bytes:
        """The chunk: all samples get the layout that has the buckets of all."""
        layout = self.samples[0][2].layout
        for _, _, h in self.samples:
            if not h.stale:
                layout = replace(
                    layout,
                    positive=_united(layout.positive, h.layout.positive),
                    negative=_united(layout.negative, h.layout.negative),
                )
        wide = [(t, start, h if h.stale else _widened(h, layout)) for t, start, h in self.samples]
        return write_histograms(self.encoding, wide, self.header)


def _united(a: tuple[Span, ...], b: tuple[Span, ...]) -> tuple[Span, ...]:
    both = {*indices(a), *indices(b)}
    return a if both == {*indices(a)} else b if both == {*indices(b)} else spans_of(both)


def _widened(h: Histogram, layout: Layout) -> Histogram:
    positive = {i: h.positive.get(i, 0) for i in indices(layout.positive)}
    negative = {i: h.negative.get(i, 0) for i in indices(layout.negative)}
    return replace(h, layout=layout, positive=positive, negative=negative)


def is_reset(before: Histogram, now: Histogram) -> bool:
    """Whether a counter went back, as far as Prometheus looks for it when it cuts chunks."""
    a, b = before.layout, now.layout
    if now.count < before.count:
        return True
    if (a.schema, a.zero_threshold) != (b.schema, b.zero_threshold):
        return False
    if a.bounds != b.bounds or now.zero_count < before.zero_count:
        return True
    sides = ((before.positive, now.positive), (before.negative, now.negative))
    return any(now_side.get(i, 0) < n for side, now_side in sides for i, n in side.items())


def cut(samples: Sequence[Sample], floats: bool, most: int = 120) -> list[Part]:
    """The chunks that samples of one kind go into."""
    parts: list[Part] = []
    for t, start, h in samples:
        encoding = (6 if floats else 5) if start else (3 if floats else 2)
        part = parts[-1] if parts and len(parts[-1].samples) < most else None
        if h.stale and part is not None and not start:
            encoding = part.encoding
        header = h.hint if h.hint in (RESET, GAUGE) else UNKNOWN
        fits = part is not None and part.encoding == encoding
        if part is not None and fits and not h.stale:
            before = part.samples[-1][2]
            grids = [(x.layout.schema, x.layout.zero_threshold, x.layout.bounds) for x in (before, h)]
            if before.stale or (h.hint == GAUGE) != (part.header == GAUGE) or h.hint == RESET:
                fits = False
            elif h.hint != GAUGE and is_reset(before, h):
                fits, header = False, RESET
            else:
                fits = grids[0] == grids[1]
        if part is None or not fits:
            part = Part(encoding, header, [])
            parts.append(part)
        part.samples.append((t, start, h))
    return parts
