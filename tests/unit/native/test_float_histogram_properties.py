"""`core/histogram` against its plain twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from narthex.native import FloatHistogram
from reference import promql_histogram_estimates as estimates
from reference import promql_histograms as twin
from reference.promql_histograms import CUSTOM, Value

COUNTS = st.one_of(st.just(0.0), st.integers(0, 50).map(float), st.floats(0.001, 1000))
THRESHOLDS = st.one_of(st.just(0.0), st.integers(-8, 8).map(lambda e: 2.0**e), st.floats(0.001, 20))
SUMS = st.floats(-1000, 1000).map(lambda x: round(x, 6))
BOUNDS = st.lists(st.sampled_from([-10.0, -1.0, 0.0, 0.5, 1.0, 2.5, 5.0, 10.0]), unique=True, max_size=6)
POINTS = st.one_of(st.sampled_from([-math.inf, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, math.inf]), st.floats(-40, 40))


def _of_total(value: Value) -> Value:
    """With the count that its buckets make."""
    sides = (*value.positive.values(), *value.negative.values())
    return replace(value, count=math.fsum((value.zero_count, *sides)))


@st.composite
def exponential(draw: st.DrawFn) -> Value:
    schema = draw(st.sampled_from([-9, -4, -2, -1, 0, 1, 2, 3, 8]))
    reach = min(40, math.floor(8 * 2**schema) + 2, 1022 // 2 ** max(-schema, 0))
    side = st.dictionaries(st.integers(1 - reach, reach), COUNTS, max_size=6)
    positive, negative = (dict(sorted(draw(side).items())) for _ in range(2))
    return _of_total(
        Value(
            schema=schema,
            zero_threshold=draw(THRESHOLDS),
            zero_count=draw(COUNTS),
            sum=draw(SUMS),
            hint=draw(st.integers(0, 3)),
            positive=positive,
            negative=negative,
        )
    )


@st.composite
def custom(draw: st.DrawFn) -> Value:
    bounds = tuple(sorted(draw(BOUNDS)))
    side = draw(st.dictionaries(st.integers(0, len(bounds)), COUNTS))
    return _of_total(
        Value(CUSTOM, sum=draw(SUMS), hint=draw(st.integers(0, 3)), positive=dict(sorted(side.items())), bounds=bounds)
    )


VALUES = st.one_of(exponential(), custom())


@st.composite
def of_one_kind(draw: st.DrawFn, least: int, most: int) -> list[Value]:
    kind = draw(st.sampled_from([exponential(), custom()]))
    return draw(st.lists(kind, min_size=least, max_size=most))


def native(v: Value) -> FloatHistogram:
    return FloatHistogram(
        schema=v.schema,
        zero_threshold=v.zero_threshold,
        zero_count=v.zero_count,
        count=v.count,
        sum=v.sum,
        hint=v.hint,
        positive=sorted(v.positive.items()),
        negative=sorted(v.negative.items()),
        bounds=v.bounds,
    )


def plain(h: FloatHistogram) -> Value:
    p = h.plain()
    return Value(
        p["schema"],
        p["zero_threshold"],
        p["zero_count"],
        p["count"],
        p["sum"],
        p["hint"],
        dict(p["positive"]),
        dict(p["negative"]),
        tuple(p["bounds"]),
    )


def assert_close(got: Value, want: Value, scale: float, tolerance: float = 1e-12) -> None:
    """Layouts are equal, numbers within a share of `scale`."""
    assert (got.schema, got.hint, got.bounds) == (want.schema, want.hint, want.bounds)
    assert math.isclose(got.zero_threshold, want.zero_threshold, rel_tol=1e-12)
    assert list(got.positive) == list(want.positive)
    assert list(got.negative) == list(want.negative)
    for a, b in zip(numbers(got), numbers(want), strict=True):
        assert math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * scale), (got, want)


def numbers(v: Value) -> tuple[float, ...]:
    return (v.zero_count, v.count, v.sum, *v.positive.values(), *v.negative.values())


def scale_of(values: Sequence[Value]) -> float:
    return sum(sum(map(abs, numbers(v))) for v in values)


@given(VALUES)
def test_a_value_survives_the_way_into_the_core_and_back(v: Value) -> None:
    assert plain(native(v)) == v
    assert native(v).equals(native(replace(v, hint=(v.hint + 1) % 4)))
    compacted = native(v)
    compacted.compact()
    assert plain(compacted) == v.compact()


@given(VALUES)
def test_buckets_come_in_order_with_their_bounds(v: Value) -> None:
    got, want = native(v).buckets(), [b for b in twin.buckets(v) if b.count]
    assert [(e, n) for e, _, _, n in got] == [(b.ends, b.count) for b in want]
    for (_, lower, upper, _), b in zip(got, want, strict=True):
        assert math.isclose(lower, b.lower, rel_tol=1e-14)
        assert math.isclose(upper, b.upper, rel_tol=1e-14)


@settings(max_examples=400)
@given(VALUES, VALUES, st.booleans())
@example(
    Value(-1, zero_threshold=2.0, positive={3: 1.0}, count=1.0), Value(0, positive={1: 3.0, 2: 4.0}, count=7.0), False
)
def test_two_values_are_added_and_subtracted(a: Value, b: Value, subtract: bool) -> None:
    h = native(a)
    told = h.subtract(native(b)) if subtract else h.add(native(b))
    want = twin.add(a, b, -1.0 if subtract else 1.0)
    if want is None:
        assert told == (True, False, False)
        assert plain(h) == a
        return
    assert told == (False, want.collision, want.reconciled)
    got = plain(h)
    if want.reconciled:
        # Rounding decides whether what cancels is exactly 0 and so left out.
        got, expected = drop_tiny(got), drop_tiny(want.value)
        assert_close(got, expected, scale_of([a, b]))
    else:
        assert_close(got, want.value, scale_of([a, b]))


def drop_tiny(v: Value) -> Value:
    return v.sides(lambda side: {i: n for i, n in side.items() if abs(n) > 1e-9})


@settings(max_examples=200)
@given(of_one_kind(1, 6))
def test_sums_and_means_lose_nothing(values: list[Value]) -> None:
    h, told = FloatHistogram.sum([native(v) for v in values])
    total = values[0]
    reconciled = False
    for v in values[1:]:
        step = twin.add(total, v)
        assert step is not None
        total, reconciled = step.value, reconciled or step.reconciled
    hints = {v.hint for v in values}
    assert told == (False, {twin.RESET, twin.NOT_RESET} <= hints, reconciled)
    h.compact()
    assert_close(plain(h), total.compact(), scale_of(values))
    exact = float(sum((Fraction(v.sum) for v in values), Fraction(0)))
    assert math.isclose(h.plain()["sum"], exact, rel_tol=1e-15, abs_tol=1e-25)

    mean, _ = FloatHistogram.mean([native(v) for v in values])
    mean.compact()
    n = len(values)
    shared = total.compact().sides(lambda side: {i: c / n for i, c in side.items()})
    shared = replace(shared, zero_count=total.zero_count / n, count=total.count / n, sum=total.sum / n)
    assert_close(plain(mean), shared, scale_of(values))


@given(of_one_kind(2, 5))
def test_a_mean_does_not_overflow_where_its_sum_would(values: list[Value]) -> None:
    huge = [scaled(v, 2.0**1000) for v in values]
    small, _ = FloatHistogram.mean([native(v) for v in values])
    large, _ = FloatHistogram.mean([native(v) for v in huge])
    for h in (small, large):
        h.compact()
    assert_close(plain(large), scaled(plain(small), 2.0**1000), scale_of(values) * 2.0**1000)


def scaled(v: Value, factor: float) -> Value:
    """Numbers that are a power of two apart, hence no difference by rounding. None is tiny."""
    grown = v.sides(lambda side: {i: n * factor for i, n in side.items()})
    return replace(grown, zero_count=v.zero_count * factor, count=v.count * factor, sum=v.sum * factor)


def in_halves(v: Value) -> Value:
    """Halves are added without rounding, in whatever order."""
    whole = v.sides(lambda side: {i: math.ceil(n) / 2 for i, n in side.items()})
    return _of_total(replace(whole, zero_count=math.ceil(v.zero_count) / 2))


@settings(max_examples=300)
@given(VALUES.map(in_halves), VALUES.map(in_halves), st.booleans())
@example(Value(zero_count=2.0, count=2.0), Value(zero_count=1.5, count=2.0), False)
def test_resets_are_found(a: Value, b: Value, follows: bool) -> None:
    if follows:  # the second value holds all of the first
        grown = twin.add(replace(b, hint=twin.UNKNOWN), a)
        assume(grown is not None)
        assert grown is not None
        b = replace(grown.value, hint=b.hint)
    assert native(b).reset_since(native(a)) == twin.reset(a, b)


@settings(max_examples=300)
@given(VALUES, st.one_of(st.sampled_from([-0.1, 0.0, 0.5, 1.0, 1.1]), st.floats(0, 1)))
def test_quantiles_agree(v: Value, q: float) -> None:
    assume(v.count > 0)
    got, nans = native(v).quantile(q)
    assert not nans
    want = estimates.quantile(v, q)
    width = 10 if v.custom else v.zero_threshold  # of buckets that reach over 0
    assert math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9 * width) or (math.isnan(got) and math.isnan(want))


@settings(max_examples=300)
@given(VALUES.map(Value.compact), st.floats(0, 1), st.integers(0, 20))
def test_quantiles_with_observations_of_nan_agree(v: Value, q: float, nans: int) -> None:
    assume(v.count > 0)
    v = in_halves(v)  # so that no observation gets lost on the way
    v = replace(v, sum=math.nan, count=v.count + nans)
    got, want = native(v).quantile(q), estimates.quantile_with_nans(v, q)
    width = 10 if v.custom else v.zero_threshold
    same = math.isclose(got[0], want[0], rel_tol=1e-6, abs_tol=1e-9 * width)
    assert same or (math.isnan(got[0]) and math.isnan(want[0])), (got, want)
    assert got[1] == want[1]


@settings(max_examples=300)
@given(VALUES, POINTS, POINTS)
def test_fractions_agree(v: Value, lower: float, upper: float) -> None:
    assume(v.count > 0)
    got, nans = native(v).fraction(lower, upper)
    assert not nans
    assert math.isclose(got, estimates.fraction(v, lower, upper), rel_tol=1e-9, abs_tol=1e-9)


@given(VALUES)
def test_variances_agree(v: Value) -> None:
    assume(v.count > 0)
    got, want = native(v).variance(), estimates.variance(v)
    assert math.isclose(got, want, rel_tol=1e-9) or (math.isnan(got) and not math.isfinite(want))


@settings(max_examples=300)
@given(VALUES, POINTS, st.booleans())
def test_trimmed_values_agree(v: Value, at: float, below: bool) -> None:
    h = native(v)
    h.trim(at, below)
    assert_close(plain(h), estimates.trim(v, at, below), 50 * scale_of([v]) + abs(at), 1e-9)
