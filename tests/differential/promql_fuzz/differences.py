"""The table of what is known to differ between Prometheus 2.42 and 3.14. It judges queries that were made small.

A rule proves itself where it can: it asks the peers again or computes what either version must say. What never comes
up, because the generator or the data avoid it, stands in AVOIDED with the place that does so.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from differential.promql_fuzz.compare import Difference, difference, rows
from differential.promql_fuzz.peers import Answer, Pair
from differential.promql_fuzz.queries import Query
from narthex.promql.syntax import (
    AggregateExpr,
    AggregateOp,
    AtBound,
    BinaryExpr,
    Call,
    Cardinality,
    Expr,
    MatrixSelector,
    SubqueryExpr,
    VectorSelector,
    walk,
)


@dataclass(frozen=True)
class Case:
    """A query that the peers answered differently."""

    query: Query
    tree: Expr
    ours: Answer
    theirs: Answer
    found: Difference
    pair: Pair


@dataclass(frozen=True)
class Rule:
    name: str
    reason: str
    explains: Callable[[Case], bool]


AVOIDED = {
    "left edge of windows": "Closed until 2.x, open since 3.0 (also lookback). Samples and steps of subqueries never "
    "stand on an edge: see data.py, and the odd ranges of subqueries in queries.py.",
    "holt_winters": "Now double_exponential_smoothing: the peer is asked with the old name (peers.py).",
    "dot and newline": "The dot of a regular expression matches a newline since 3.0: no label value has one.",
    "atan2 keeps the name": "2.42 forgot it among the operators that drop the name: operands have none (queries.py).",
    "sums and means": "2.42 adds up without compensation and keeps a running mean, 3.14 compensates and divides once: "
    "values on a binary grid have exact sums, means have a tolerance (precision.py).",
    "spread of one infinity": "stddev and stdvar of a single infinity or NaN: 0 in 2.42, NaN since 2.5x: only finite "
    "values are asked for their spread (precision.py).",
    "logarithm of denormals": "Go's assembly on amd64 takes ln(5e-324) for -709: the least number is "
    "a normal one (data.py).",
    "infinite horizon": "predict_linear over infinity is NaN or infinite by the last place of a slope "
    "near 0 (precision.py).",
    "histogram functions": "histogram_fraction knows classic buckets only since 3.x; native histograms "
    "are another matter: not asked.",
}


def first_rule(case: Case) -> Rule | None:
    """The first rule that explains a difference."""
    return next((rule for rule in RULES if rule.explains(case)), None)


def _top(case: Case) -> Expr:
    return case.tree


# Error texts


def _ambiguous_pair(case: Case) -> bool:
    if case.found.kind != "error text":
        return False
    pattern = re.compile(r"match group \{.*\} on the (left|right) hand-side of the operation: \[.*\]")
    return pattern.sub(r"\1", case.ours.error) == pattern.sub(r"\1", case.theirs.error) != case.theirs.error


# topk and bottomk


def _small_k(case: Case) -> bool:
    refused = re.fullmatch(r"Scalar value (NaN|-\S+) overflows int64", case.theirs.error)
    if refused is None:
        return False
    if case.found.kind == "error text":
        return case.ours.error in (
            "Parameter value is NaN",
            case.theirs.error.replace("overflows", "underflows"),
        )
    return case.found.kind == "failure"


def _ties(case: Case) -> bool:
    top = _top(case)
    if not isinstance(top, AggregateExpr) or top.op not in (AggregateOp.TOPK, AggregateOp.BOTTOMK):
        return False
    if case.ours.error or case.theirs.error:
        return False
    kept = [
        Counter((t, float(v)) for points in rows(answer.data).values() for t, v in points.items() if v != "NaN")
        for answer in (case.ours, case.theirs)
    ]
    return kept[0] == kept[1]


# Vector matching


def _match_before_filter(case: Case) -> bool:
    top = _top(case)
    if not isinstance(top, BinaryExpr) or not top.op.is_comparison or top.return_bool or top.matching is None:
        return False
    said = "many-to-one matching must be explicit (group_left/group_right)"
    if top.matching.cardinality is not Cardinality.ONE_TO_ONE:
        said = "grouping labels must ensure unique matches"
    if case.ours.error != f"multiple matches for labels: {said}" or case.theirs.error:
        return False
    # With `bool` nothing is filtered, and 2.42 says the same.
    asked = replace(case.query, expr=str(replace(top, return_bool=True)))
    return case.pair.prometheus.ask(asked).error == case.ours.error


# Range functions


def _zero_point(case: Case) -> bool:
    """Both answers are what their versions must say of the samples."""
    top = _top(case)
    if case.query.step or case.found.kind != "value" or not isinstance(top, Call):
        return False
    if top.func.name not in ("rate", "increase"):
        return False
    window = top.args[0]
    assert isinstance(window, MatrixSelector | SubqueryExpr)
    samples = case.pair.prometheus.ask(replace(case.query, expr=str(window)))
    mine, reference = rows(case.ours.data), rows(case.theirs.data)
    end = _window_end(window, case.query)
    for labels, points in rows(samples.data).items():
        key = tuple(pair for pair in labels if pair[0] != "__name__")
        if len(points) < 2:
            continue
        series = [(round(t * 1000), float(v)) for t, v in points.items()]
        for rows_, limit_first in ((mine, False), (reference, True)):
            want = _extrapolated(series, end, window.range_ms, limit_first)
            want = want / (window.range_ms / 1000) if top.func.name == "rate" else want
            got = [float(v) for v in rows_.get(key, {}).values()]
            if len(got) != 1 or not (math.isclose(got[0], want, rel_tol=1e-12) or math.isnan(want)):
                return False
    return True


def _window_end(window: MatrixSelector | SubqueryExpr, query: Query) -> int:
    modified = window.selector if isinstance(window, MatrixSelector) else window
    at = query.start if modified.at is None or isinstance(modified.at, AtBound) else modified.at
    return at - modified.offset_ms


def _extrapolated(series: list[tuple[int, float]], end: int, size: int, limit_first: bool) -> float:
    """increase() of (milliseconds, value); `limit_first` as 2.42: the zero point is looked at before the threshold."""
    (begin, first), (last, _) = series[0], series[-1]
    grown = series[-1][1] - first
    grown += sum(a for (_, a), (_, b) in pairwise(series) if b < a)
    interval = last - begin
    spacing = interval / (len(series) - 1)
    to_start, to_end = begin - (end - size), end - last
    to_zero = interval * (first / grown) if grown > 0 and first >= 0 else math.inf
    if limit_first:
        to_start = min(to_start, to_zero)
    to_start = to_start if to_start < spacing * 1.1 else spacing / 2
    to_end = to_end if to_end < spacing * 1.1 else spacing / 2
    to_start = min(to_start, to_zero)
    return grown * ((interval + to_start + to_end) / interval)


def _zero_of_a_sum(case: Case) -> bool:
    top = _top(case)
    summed = isinstance(top, AggregateExpr) and top.op in (AggregateOp.SUM, AggregateOp.AVG)
    summed = summed or (isinstance(top, Call) and top.func.name in ("sum_over_time", "avg_over_time"))
    if not summed or case.found.kind != "value":
        return False
    mine, reference = rows(case.ours.data), rows(case.theirs.data)
    pairs = [(mine[labels][t], v) for labels, points in reference.items() for t, v in points.items()]
    return all(a == b or (a, b) == ("0", "-0") for a, b in pairs)


def _time_of_a_fixed_sample(case: Case) -> bool:
    top = _top(case)
    inner = top.args[0] if isinstance(top, Call) and top.func.name == "timestamp" else None
    return isinstance(inner, VectorSelector) and inner.at is not None and inner.offset is not None


def _moving_prediction(case: Case) -> bool:
    top = _top(case)
    if not case.query.step or not isinstance(top, Call) or top.func.name != "predict_linear":
        return False
    if not any(isinstance(e, VectorSelector | SubqueryExpr) and e.at is not None for e in walk(top)):
        return False
    return _agree_a_step_at_a_time(case)


def _moving_parameter(case: Case) -> bool:
    top = _top(case)
    if not case.query.step or not isinstance(top, AggregateExpr) or top.param is None:
        return False
    return _agree_a_step_at_a_time(case)


def _agree_a_step_at_a_time(case: Case) -> bool:
    text = case.query.expr
    for bound, time in (("start", case.query.start), ("end", case.query.end)):
        text = text.replace(f"@ {bound}()", f"@ {time / 1000}")
    return all(_agree(case.pair, Query(text, t, t, 0)) for t in _steps(case.query))


def _steps(query: Query) -> Iterator[int]:
    return iter(range(query.start, query.end + 1, query.step))


def _agree(pair: Pair, query: Query) -> bool:
    return difference(query, pair.narthex.ask(query), pair.prometheus.ask(query)) is None


RULES = (
    Rule(
        "ambiguous match",
        "Which group with several matches and which two of them the error names is chance in 2.42 (hashes).",
        _ambiguous_pair,
    ),
    Rule(
        "k below one",
        "topk and bottomk of k < 1 are empty since 3.x before k is looked at; NaN and too small have their own words.",
        _small_k,
    ),
    Rule(
        "ties", "Which of equal values topk and bottomk keep depends on the order in which storage gives series.", _ties
    ),
    Rule(
        "matches before the filter",
        "2.42 filtered a comparison before it looked for a second match in a group; 3.14 refuses the second match.",
        _match_before_filter,
    ),
    Rule(
        "zero point",
        "2.42 limited extrapolation by the counter's zero point before the threshold was compared, 3.x after it.",
        _zero_point,
    ),
    Rule(
        "zero of a sum",
        "A sum of nothing but -0 is -0 in 2.42; 3.14 adds the compensation, 0, to it.",
        _zero_of_a_sum,
    ),
    Rule(
        "time of a fixed sample",
        "timestamp(x @ t offset d): both versions of Prometheus look for the sample at t, in what they read at "
        "t - d; that is no behaviour to repeat. Narthex gives the time of the sample that x @ t offset d has.",
        _time_of_a_fixed_sample,
    ),
    Rule(
        "prediction from a fixed window",
        "predict_linear with @ in a range query: 2.42 lost the window after the first step; a step at a time agrees.",
        _moving_prediction,
    ),
    Rule(
        "moving parameter of a fixed vector",
        "Prometheus evaluates topk(k, x @ t) once for all steps, with the first step's k; a step at a time agrees.",
        _moving_parameter,
    ),
)
