"""Samples for chunks: floats and native histograms with start times, as Hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from reference.chunk_bits import STALE, float_of
from reference.chunk_histogram import GAUGE, UNKNOWN, Histogram, Layout, Span, indices

STALE_NAN = float_of(STALE)
BOUNDS = (-1.0, 0.0, 0.005, 0.01, 0.25, 1 / 3, 1.0, 2.5, 10.0, 33554.43, 33554.431, 1e9)

any_float = st.floats(allow_nan=False) | st.just(STALE_NAN) | st.just(float("nan"))
steps = st.sampled_from([15_000] * 6 + [15_001, 14_000, 1, 40_000, 10**6, 10**12])


@st.composite
def times(draw: st.DrawFn, size: int) -> list[int]:
    t = draw(st.sampled_from([0, -5, 1_700_000_000_000]))
    out = []
    for step in draw(st.lists(steps, min_size=size, max_size=size)):
        t += step
        out.append(t)
    return out


@st.composite
def start_times(draw: st.DrawFn, ts: list[int]) -> list[int]:
    """None at all, or ones that stay for a while, creep along or jump."""
    if draw(st.booleans()):
        return [0] * len(ts)
    start, out = 0, []
    for t in ts:
        change = draw(st.sampled_from(["stay"] * 4 + ["creep", "jump", "none"]))
        start = {"stay": start, "creep": t - 15_000, "none": 0}.get(change, t - 2**40)
        out.append(start)
    return out


@st.composite
def float_samples(draw: st.DrawFn, max_size: int = 140) -> list[tuple[int, int, float]]:
    size = draw(st.integers(1, 12) | st.integers(1, max_size))
    ts = draw(times(size))
    values = st.lists(any_float, min_size=1, max_size=8).flatmap(
        lambda few: st.lists(st.sampled_from(few), min_size=size, max_size=size)
    )
    return list(zip(ts, draw(start_times(ts)), draw(values), strict=True))


@st.composite
def spans(draw: st.DrawFn, end: int | None = None) -> tuple[Span, ...]:
    """`end` is the number of custom buckets; without it the first index may be negative."""
    first = st.integers(-20, 20) if end is None else st.integers(0, 3)
    out: list[Span] = []
    for k in range(draw(st.integers(0, 3))):
        span = (draw(st.integers(0, 3) if k else first), draw(st.sampled_from([0, 1, 2, 5])))
        if end is None or sum(map(sum, out)) + sum(span) <= end:
            out.append(span)
    return tuple(out)


@st.composite
def layouts(draw: st.DrawFn, top: int = 8) -> Layout:
    schema = draw(st.sampled_from([-53, -9, -4, 0, 3, top]))
    if schema == -53:
        bounds = tuple(sorted(draw(st.sets(st.sampled_from(BOUNDS)))))
        return Layout(-53, 0.0, draw(spans(len(bounds) + 1)), (), bounds)
    threshold = draw(st.sampled_from([0.0, 2.0**-128, 0.001, 2.0**10, 2.0**-243, 2.0**11, 2.0**-244]))
    return Layout(schema, threshold, draw(spans()), draw(spans()))


@st.composite
def one_histogram(draw: st.DrawFn, layout: Layout, floats: bool, hint: int) -> Histogram:
    number = st.sampled_from([0, 0, 1, 7, 1000, 2**40]).map(float if floats else int)
    if floats:
        number |= st.floats(0, 1e9)
    return Histogram(
        layout,
        draw(number),
        draw(number) if layout.schema != -53 else 0,
        draw(st.floats(allow_nan=False)),
        {i: draw(number) for i in indices(layout.positive)},
        {i: draw(number) for i in indices(layout.negative)},
        hint,
    )


def added(a: Histogram, b: Histogram) -> Histogram:
    """A counter's next value; same layout."""
    return replace(
        b,
        count=a.count + b.count,
        zero_count=a.zero_count + b.zero_count,
        positive={i: n + a.positive[i] for i, n in b.positive.items()},
        negative={i: n + a.negative[i] for i, n in b.negative.items()},
    )


@st.composite
def one_chunk(draw: st.DrawFn, floats: bool, top: int = 8, max_size: int = 40) -> list[tuple[int, int, Histogram]]:
    """Samples that one chunk can hold: one layout, counters only growing, stale markers at the end."""
    layout, hint = draw(layouts(top)), draw(st.sampled_from([UNKNOWN, GAUGE]))
    size = draw(st.integers(1, 6) | st.integers(1, max_size))
    few = draw(st.lists(one_histogram(layout, floats, hint), min_size=1, max_size=4))
    out: list[Histogram] = []
    for k in range(size):
        h = few[k % len(few)]
        out.append(added(out[-1], h) if out and hint != GAUGE else h)
    stale = draw(st.sampled_from([0, 0, 1, 2]))
    for k in range(size - min(stale, size), size):
        out[k] = Histogram(Layout(), 0, 0, STALE_NAN)
    ts = draw(times(size))
    return list(zip(ts, draw(start_times(ts)), out, strict=True))


@st.composite
def any_histograms(draw: st.DrawFn, floats: bool, max_size: int = 30) -> list[tuple[int, int, Histogram]]:
    """A wild mixture of few layouts, counters that go back, gauges and stale markers."""
    few = draw(st.lists(layouts(), min_size=1, max_size=2))
    wider = [replace(x, positive=((0, 2), (1, 1)), negative=()) for x in few if x.schema != -53]
    values = st.sampled_from(few + wider).flatmap(
        lambda layout: one_histogram(layout, floats, draw(st.sampled_from([UNKNOWN] * 5 + [GAUGE])))
    )
    size = draw(st.integers(1, max_size))
    out: list[Histogram] = []
    for _ in range(size):
        h = draw(values)
        if out and not out[-1].stale and out[-1].layout == h.layout and draw(st.integers(0, 4)):
            h = added(out[-1], h)
        out.append(h if draw(st.integers(0, 9)) else Histogram(Layout(), 0, 0, STALE_NAN))
    ts = draw(times(size))
    return list(zip(ts, draw(start_times(ts)), out, strict=True))
