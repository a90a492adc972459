"""The engine and Debian's Prometheus 2.42 answer the same over the same random series, wherever the language agrees.

Samples stand off the grid of steps, so that windows with and without their left edge hold the same samples: that edge
was open only from Prometheus 3 on.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from narthex.errors import NarthexError
from narthex.instrument.registry import Registry
from narthex.model.number import STALE_NAN
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions, parse_expr
from support.memory_series import MemorySeries
from support.prometheus import Prometheus

END = 1_780_000_000_000 // 7_200_000 * 7_200_000
HOURS = 3
SPAN = HOURS * 3_600_000

# Expressions that mean the same in both versions. C is a counter, G a gauge, B classic buckets, O odd values.
WINDOWS = ("rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv")
OVER_TIME = ("sum", "avg", "min", "max", "count", "last", "present", "stddev", "stdvar")
EXPRESSIONS = [
    *(f"{f}(C_total[{w}])" for f in WINDOWS for w in ("3m", "47m")),
    *(f"{f}(G[10m])" for f in ("delta", "idelta", "changes", "deriv")),
    *(f"{f}_over_time(G[{w}])" for f in OVER_TIME for w in ("4m", "1h")),
    # 2.42 lost its way where squares overflow.
    *(f"{f}_over_time(O[10m])" for f in OVER_TIME if not f.startswith("std")),
    "quantile_over_time(0.9, G[30m])",
    "quantile_over_time(0.25, O[30m])",
    "quantile_over_time(scalar(count(G)) / 100, G[7m])",
    "predict_linear(G[20m], 3600)",
    "holt_winters(G[20m], 0.4, 0.3)",
    "G",
    "G offset 10m",
    "G offset -5m",
    "G @ end()",
    "rate(C_total[5m] @ start())",
    "timestamp(G)",
    "timestamp(-G)",
    "O",
    "-O",
    *(f"{op}(C_total)" for op in ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    *(f"{op} by (a) (G)" for op in ("sum", "avg", "min", "max", "count", "stddev", "stdvar")),
    *(f"{op} without (a) (O)" for op in ("sum", "avg", "min", "max", "count")),
    *(f"{op} by (b) (rate(C_total[4m]))" for op in ("sum", "avg", "min", "max", "count", "stddev")),
    "topk(3, G)",
    "bottomk by (a) (2, G)",
    "topk(2, rate(C_total[5m]))",
    "quantile(0.8, G)",
    "quantile by (b) (0.1, O)",
    'count_values("v", round(G, 10))',
    'count_values by (a) ("v", C_total > bool 500)',
    "histogram_quantile(0.9, rate(B_bucket[5m]))",
    "histogram_quantile(0.5, sum by (le, a) (rate(B_bucket[5m])))",
    "histogram_quantile(1.5, B_bucket)",
    "histogram_quantile(time() / 3560000000, sum by (le) (B_bucket))",
    *(f"G {op} 30" for op in ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")),
    *(f"30 {op} bool G" for op in ("==", "!=", ">", "<", ">=", "<=")),
    "30 > G",
    *(f"G {op} on (a, b) C_total" for op in ("+", "-", "*", "/", "%", "atan2", ">", "<=", "and", "or", "unless")),
    "G / ignoring (b) group_left sum without (b) (G)",
    "sum by (a) (G) * on (a) group_right () G",
    "G * on (b) group_left (c) label_replace(max by (b) (G), 'c', 'got-$1', 'b', '(.*)')",
    "G or on (a) vector(1)",
    "G and on () (vector(1) > 0)",
    "C_total - C_total offset 10m",
    "O / O",
    "max_over_time(rate(C_total[5m])[20m:1m] offset 500ms)",
    "avg_over_time(sum by (a) (G)[30m:90s] offset 3m100ms)",
    "rate(sum(C_total)[10m:15s] offset 1m1ms)",
    "min_over_time((G - G offset 1m)[10m:] offset 10ms)",
    "absent(nothing{a='1'})",
    "absent(G)",
    "absent(G > 1e9)",
    "absent_over_time(G[1m])",
    "scalar(sum(G)) + G",
    "vector(time())",
    "abs(G - 50) + ceil(G) + floor(G) + sqrt(G) + exp(G / 100) + ln(G) + log2(G) + log10(G) + sgn(G - 40)",
    "sin(G) + cos(G) + tan(G) + atan(G) + sinh(G / 50) + cosh(G / 50) + tanh(G) + asinh(G) + deg(G) + rad(G)",
    "clamp(G, 20, 60) + clamp_min(G, 30) + clamp_max(G, 40) + round(G) + round(G, 7)",
    "minute(C_total) + hour(G * 1e6) + day_of_week(G * 1e6) + day_of_month(G * 1e7) + month(G * 1e7) + year(G * 1e8)",
    "day_of_year(G * 1e7) + days_in_month(G * 1e7)",
    "hour() + minute()",
    'label_replace(G, "c", "$1-x", "a", "(.).*")',
    'label_join(G, "c", "/", "a", "b", "none")',
    "sort_desc(G)",
    "sort(O)",
    "1 + 2 * 3 ^ 2 ^ 0.5 - -4 % 3",
    "pi()",
    '{__name__=~"G|O", a!="1"}',
    'G{a=~"1|2", b!~"y.*"}',
    "sum(rate(C_total[5m])) / sum(rate(C_total[10m]))",
    "G % on (a, b) (C_total * 0)",
]

# These fail in both, in the same words.
FAILING = [
    "C_total + on (a) G",
    "G * on (a) group_left C_total",
    'label_replace(G, "a", "", "", "")',
    '-{__name__=~"G|C_total"}',
    'label_replace(G, "c", "$1", "a", "(")',
]


class Peers(NamedTuple):
    engine: Engine
    series: MemorySeries
    prometheus: Prometheus


def made_series() -> MemorySeries:
    rnd = random.Random(20_261_124)
    data = MemorySeries()

    def times(step: int) -> list[int]:
        t, out = END - SPAN + rnd.randrange(100, step), []
        while t < END + 600_000:
            if t % 1000:
                out.append(t)
            t += (
                step + rnd.choice([0, 0, 0, rnd.randrange(-900, 900)])
                if rnd.random() < 0.98
                else rnd.randrange(400_000)
            )
        return out

    def add(name: str, labels: dict[str, str], when: list[int], values: list[float]) -> None:
        kept = [STALE_NAN if rnd.random() < 0.01 else v for v in values]
        data.add({"__name__": name, **labels}, when, kept)

    for a in "123":
        for b in ("x", "y1", "y2"):
            labels = {"a": a, "b": b}
            when = times(15_000)
            total, counts = float(rnd.randrange(1000)), []
            for _ in when:
                total = 0.0 if rnd.random() < 0.01 else total + rnd.randrange(30)
                counts.append(total)
            add("C_total", labels, when, counts)
            when = times(20_000)
            add("G", labels, when, [round(50 + 30 * math.sin(t / 1e6) + rnd.gauss(0, 8), 3) for t in when])
            when = times(30_000)
            odd = [math.nan, math.inf, -math.inf, 0.0, 1e300, 1e-300, 5.0]
            add("O", labels, when, [rnd.choice(odd) if rnd.random() < 0.1 else rnd.random() for _ in when])
            when = times(15_000)
            rows: dict[str, list[float]] = {le: [] for le in ("0.1", "0.5", "1", "2.5", "+Inf")}
            state = [0.0] * len(rows)
            for _ in when:
                grown = sorted(rnd.randrange(20) for _ in rows)
                state = [s + g for s, g in zip(state, grown, strict=True)]
                for le, value in zip(rows, state, strict=True):
                    rows[le].append(value)
            for le, column in rows.items():
                data.add({"__name__": "B_bucket", "le": le, **labels}, when, column)
    return data


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    series = made_series()
    engine = Engine(EngineOptions(), Registry())
    directory = tmp_path_factory.mktemp("promql") / "data"
    directory.mkdir()
    flags = ("--storage.tsdb.retention.time=100y", "--enable-feature=promql-per-step-stats")
    with Prometheus(directory, *flags) as prometheus:
        prometheus.write(((labels.as_dict(), samples) for labels, samples in series.data.items()))
        yield Peers(engine, series, prometheus)
    engine.close()


def ask(peers: Peers, expr: str, start: int, end: int, step: int) -> Any:
    """Prometheus' result; a range query when step is not 0."""
    if step == 0:
        return peers.prometheus.api("query", query=expr, time=str(start / 1000))
    params = {"start": str(start / 1000), "end": str(end / 1000), "step": str(step / 1000)}
    return peers.prometheus.api("query_range", query=expr, **params)


def answer(peers: Peers, expr: str, start: int, end: int, step: int) -> Any:
    tree = parse_expr(expr.replace("holt_winters", "double_exponential_smoothing"), ParserOptions.everything())
    if step == 0:
        return json.loads(peers.engine.instant(peers.series, tree, start).json())
    return json.loads(peers.engine.range(peers.series, tree, start, end, step).json())


def points(data: Any) -> dict[Any, dict[float, float]]:
    if data["resultType"] == "scalar":
        return {(): {data["result"][0]: float(data["result"][1])}}
    out: dict[Any, dict[float, float]] = {}
    for row in data["result"]:
        values = row["values"] if "values" in row else [row["value"]]
        out[tuple(sorted(row["metric"].items()))] = {t: float(v) for t, v in values}
    return out


def close(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def compare(expr: str, ours: Any, theirs: Any) -> None:
    assert ours["resultType"] == theirs["resultType"]
    mine, reference = points(ours), points(theirs)
    assert mine.keys() == reference.keys(), expr
    for labels, expected in reference.items():
        got = mine[labels]
        assert got.keys() == expected.keys(), f"{expr} {labels}"
        wrong = [(t, got[t], expected[t]) for t in expected if not close(got[t], expected[t])]
        assert not wrong, f"{expr} {labels}: {len(wrong)} of {len(expected)} differ: {wrong[:3]}"


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_each_step_reads_as_many_samples_as_in_prometheus(peers: Peers, expr: str) -> None:
    start, end, step = END - SPAN + 1_800_000, END - 600_000, 600_000
    theirs = peers.prometheus.api(
        "query_range", query=expr, start=str(start / 1000), end=str(end / 1000), step=str(step / 1000), stats="all"
    )["stats"]["samples"]
    tree = parse_expr(expr.replace("holt_winters", "double_exponential_smoothing"), ParserOptions.everything())
    ours = peers.engine.range(peers.series, tree, start, end, step, count_reads=True).stats
    samples = ours.fields(per_step=True)["samples"]
    assert samples["totalQueryableSamplesPerStep"] == theirs["totalQueryableSamplesPerStep"]
    assert samples["totalQueryableSamples"] == theirs["totalQueryableSamples"]


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_answers_are_equal(peers: Peers, expr: str) -> None:
    start, end = END - SPAN + 1_800_000, END - 600_000
    compare(expr, answer(peers, expr, end, end, 0), ask(peers, expr, end, end, 0))
    for step in (60_000, 7_000):
        last = end if step == 60_000 else start + 100 * step
        ours, theirs = answer(peers, expr, start, last, step), ask(peers, expr, start, last, step)
        compare(expr, ours, theirs)
        names = [row["metric"] for row in ours["result"]]
        assert names == [row["metric"] for row in theirs["result"]], f"order of {expr}"


def test_sorted_answers_have_the_same_order(peers: Peers) -> None:
    for expr in ("sort(G)", "sort_desc(G)", "topk(4, G)", "bottomk(3, G)"):
        ours, theirs = answer(peers, expr, END - 600_000, 0, 0), ask(peers, expr, END - 600_000, 0, 0)
        assert [r["metric"] for r in ours["result"]] == [r["metric"] for r in theirs["result"]], expr


@pytest.mark.parametrize("expr", FAILING)
def test_failures_are_told_alike(peers: Peers, expr: str) -> None:
    time = (END - 600_000) / 1000
    said = json.loads(peers.prometheus.request("/api/v1/query", query=expr, time=time)[1])["error"]
    with pytest.raises(NarthexError) as ours:
        answer(peers, expr, END - 600_000, 0, 0)
    mine = str(ours.value)
    if "found duplicate series" in said:
        # Which two of several series are named is chance.
        assert mine.split("[")[0] == said.split("[")[0]
    else:
        assert mine == said
