"""The loop: ask, compare, shrink, judge, tell."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from differential.promql_fuzz.compare import difference, rows, tree_of
from differential.promql_fuzz.data import made
from differential.promql_fuzz.differences import Case, Rule, first_rule
from differential.promql_fuzz.peers import Pair, serving
from differential.promql_fuzz.precision import Unstable
from differential.promql_fuzz.queries import Query, random_query
from differential.promql_fuzz.shrink import shrink
from narthex.promql.syntax import MatrixSelector, VectorSelector, walk

DATA_EVERY = 5_000
"""Queries over one set of series."""


@dataclass
class Report:
    """What a run found. `answered` had a result with values, `failed` an error from both sides."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        known = ", ".join(f"{name} {count}" for name, count in self.explained.most_common())
        head = f"{self.asked} queries, {self.answered} with values, {self.failed} refused by both"
        return "\n\n".join(
            [f"{head}\nexplained: {known or 'none'}\nunexplained: {len(self.unexplained)}", *self.unexplained]
        )


def run(seed: int, queries: int, folder: Path) -> Report:
    """Asks queries number seed, seed + 1, ...; query N is always the same and is asked of the same series."""
    report, first, end = Report(), seed, seed + queries
    while first < end:
        data = first // DATA_EVERY
        last = min(end, (data + 1) * DATA_EVERY)
        place = folder / f"data-{data}"
        place.mkdir()
        with serving(made(data), place) as pair:
            for number in range(first, last):
                _ask(pair, number, report)
        first = last
    return report


def _ask(pair: Pair, number: int, report: Report) -> None:
    query = random_query(random.Random(number))
    ours, theirs = pair.narthex.ask(query), pair.prometheus.ask(query)
    report.asked += 1
    report.failed += bool(ours.error and theirs.error)
    report.answered += theirs.data is not None and bool(theirs.data["result"])
    found = difference(query, ours, theirs)
    if found is None:
        return
    case, rule = small_case(Case(query, tree_of(query), ours, theirs, found, pair))
    if rule is not None:
        report.explained[rule.name] += 1
    else:
        report.unexplained.append(described(case, number))


def small_case(case: Case) -> tuple[Case, Rule | None]:
    """The case made small, and the rule that explains it."""
    rule = first_rule(case)
    if rule is not None:
        return case, rule
    smallest = case

    def differs(candidate: Query) -> bool:
        nonlocal smallest
        again = ask_again(case.pair, candidate)
        if again is None or again.found.of_data != case.found.of_data:
            return False
        smallest = again
        return True

    shrink(case.query, differs)
    return smallest, first_rule(smallest)


def ask_again(pair: Pair, query: Query) -> Case | None:
    """None when the answers agree, or when rounding could make them differ."""
    ours, theirs = pair.narthex.ask(query), pair.prometheus.ask(query)
    try:
        found = difference(query, ours, theirs)
    except Unstable:
        return None
    return None if found is None else Case(query, tree_of(query), ours, theirs, found, pair)


def described(case: Case, number: int) -> str:
    """The small query, both answers and the samples behind them, to be pasted into a unit test."""
    lines = [
        f"{case.found.kind} of query {number}: {case.query}",
        case.found.text,
        f"again: PYTHONPATH=tests python -m differential.promql_fuzz --seed {number} --queries 1",
    ]
    for selector in _selectors(case):
        for labels, points in list(rows(case.pair.prometheus.ask(selector).data).items())[:3]:
            shown = [(round(t * 1000), float(v)) for t, v in points.items()]
            lines.append(f"  {dict(labels)}: {shown}")
    return "\n".join(lines)


def _selectors(case: Case) -> list[Query]:
    """Raw samples of what the query selects at its start, windows as they are and the lookback for the rest."""
    nodes = list(walk(case.tree))
    inner = {id(node.selector) for node in nodes if isinstance(node, MatrixSelector)}
    texts = {str(node): node for node in nodes if isinstance(node, MatrixSelector)}
    for node in nodes:
        if isinstance(node, VectorSelector) and id(node) not in inner:
            modifiers = str(node).removeprefix(_bare(node))
            texts[f"{_bare(node)}[5m]{modifiers}"] = node
    return [Query(text, case.query.start, case.query.start, 0) for text in texts]


def _bare(node: VectorSelector) -> str:
    return str(VectorSelector(node.name, node.matchers, node.pos))
