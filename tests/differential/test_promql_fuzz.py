"""Random queries are answered as Debian's Prometheus answers them; rules for what differs are no wider than that.

A fixed thousand by default; NARTHEX_LONG=1 asks 20,000.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from differential.promql_fuzz.compare import difference
from differential.promql_fuzz.data import END, made
from differential.promql_fuzz.differences import Case, first_rule
from differential.promql_fuzz.fuzz import ask_again, run, small_case
from differential.promql_fuzz.peers import Answer, Pair, serving
from differential.promql_fuzz.queries import Query
from support.process import needs

pytestmark = needs("prometheus")

LONG = bool(os.environ.get("NARTHEX_LONG"))
QUERIES = 20_000 if LONG else 1_000
NOW = END - 600_000


@pytest.mark.timeout(1200 if LONG else 120)
def test_random_queries_are_answered_as_prometheus_answers_them(tmp_path: Path) -> None:
    report = run(0, QUERIES, tmp_path)
    assert not report.unexplained, str(report)
    assert report.asked == QUERIES
    assert report.answered > QUERIES / 2, "too many queries find nothing"
    assert report.failed > QUERIES / 100, "errors are not compared"
    assert report.explained.total() < QUERIES / 10, "rules explain too much"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with serving(made(0), tmp_path_factory.mktemp("rules")) as pair:
        yield pair


def test_a_wrong_value_is_made_small_and_explained_by_no_rule(pair: Pair) -> None:
    """As if narthex added a little to every rate."""

    class Wrong:
        def ask(self, query: Query) -> Answer:
            answer = pair.narthex.ask(query)
            if "rate(" in query.expr and answer.data is not None:
                for row in answer.data["result"]:
                    for point in row.get("values") or [row["value"]]:
                        point[1] = repr(float(point[1]) + 0.5)
            return answer

    wrong = replace(pair, narthex=Wrong())  # type: ignore[arg-type]  # a stand-in for a peer
    expr = 'max by (a) (rate(C_total{a!="3"}[7m]) + G) > -1e6'
    case = ask_again(wrong, Query(expr, NOW - 3_600_000, NOW, 60_000))
    assert case is not None
    small, rule = small_case(case)
    assert rule is None
    assert small.query.expr == "rate(C_total[7m])"
    assert small.query.step == 0


# Queries that differ, with what the rule says, and how they look to a rule when the difference is another one.
KNOWN = [
    ("C_total * on (a) G", "ambiguous match"),
    ("topk(-Inf, G)", "k below one"),
    ("bottomk(NaN, G)", "k below one"),
    ("K > ignoring (a, c) sum by (b) (G)", "matches before the filter"),
]


@pytest.mark.parametrize(("expr", "name"), KNOWN)
def test_rules_explain_what_they_are_for_and_not_a_wrong_answer(pair: Pair, expr: str, name: str) -> None:
    case = ask_again(pair, Query(expr, NOW, NOW, 0))
    assert case is not None, "the peers agree now: the rule can go"
    rule = first_rule(case)
    assert rule is not None
    assert rule.name == name
    for ours in (
        Answer(None, "execution", "something else"),
        Answer({"resultType": "vector", "result": [{"metric": {"x": "y"}, "value": [NOW / 1000, "1"]}]}),
    ):
        found = difference(case.query, ours, case.theirs)
        assert found is not None
        changed = replace(case, ours=ours, found=found)
        if name != "k below one" or ours.error:
            assert first_rule(changed) is None, ours


def test_another_rate_than_that_of_either_version_is_not_explained(pair: Pair) -> None:
    query = next(
        q
        for minutes in range(240)
        for window in ("3m", "15m", "1h")
        if _is_zero_point(pair, q := Query(f"increase(C_total[{window}])", NOW - minutes * 60_000, 0, 0))
    )
    case = ask_again(pair, query)
    assert case is not None
    changed = {
        **case.ours.data,
        "result": [{**row, "value": [row["value"][0], "7"]} for row in case.ours.data["result"]],
    }
    ours = Answer(changed)
    found = difference(query, ours, case.theirs)
    assert found is not None
    assert first_rule(Case(query, case.tree, ours, case.theirs, found, pair)) is None


def _is_zero_point(pair: Pair, query: Query) -> bool:
    case = ask_again(pair, query)
    rule = None if case is None else first_rule(case)
    return rule is not None and rule.name == "zero point"
