"""Parts of an expression that occur more than once are evaluated once, and nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.promql_text import PromQLText
from narthex.errors import PromQLError, QueryError
from narthex.instrument import Registry
from narthex.promql.engine import Engine
from narthex.promql.evaluator import Evaluator
from narthex.promql.options import EngineOptions
from narthex.promql.sharing import Sharing
from narthex.promql.syntax import Expr, ParserOptions, children, parse_expr
from support.memory_series import MemorySeries

SHARED = {
    "x": set(),
    "x + y": set(),
    "x + x": {"x"},
    "x + (x)": {"x"},
    "x + x offset 1m": set(),
    "x[1m] offset 1m": set(),
    "rate(x[1m]) / rate(x[2m])": set(),
    "sum(rate(x[1m])) / sum(rate(x[1m]))": {"sum(rate(x[1m]))"},
    "sum(rate(x[1m])) / (sum(rate(x[1m])) + max(rate(x[1m])))": {"sum(rate(x[1m]))", "rate(x[1m])"},
    "sum by (a) (x) / sum by (b) (x)": {"x"},
    "x / 0 + x / -0": {"x"},
    "(x + fill(0) y) + (x + fill(-0) y)": {"x", "y"},
    "x * NaN + x * NaN": {"x * NaN"},
    "topk(1, x) or topk(2, x)": {"x"},
    "x @ 1 + x @ 2": set(),
    "max_over_time((x + 1)[5m:1m]) - min_over_time((x + 1)[5m:1m])": {"x + 1"},
    '(x == bool 1) + (x == 1) + label_replace(x, "a", "", "", "") + label_replace(x, "b", "", "", "")': {"x"},
}


def nodes(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in children(expr):
        yield from nodes(child)


@pytest.mark.parametrize("text", SHARED)
def test_the_largest_parts_that_repeat_are_shared(text: str) -> None:
    tree = parse_expr(text, ParserOptions.everything())
    sharing = Sharing(tree)
    assert {str(node) for node in nodes(tree) if node in sharing} == SHARED[text]


@pytest.fixture
def data() -> MemorySeries:
    series = MemorySeries()
    for i in range(4):
        for name in ("x", "y"):
            series.add_every({"__name__": name, "i": str(i)}, 15_000, [float(k * (i + 1) % 37) for k in range(400)])
    return series


QUERIES = [
    "x + x",
    "sum(rate(x[1m])) / (sum(rate(x[1m])) + max(rate(x[1m])))",
    "max_over_time((x + 1)[5m:1m]) - min_over_time((x + 1)[5m:1m]) + (x + 1)",
    "x / 0 + x / -0",
    "(x > 10 or y) and on (i) (x > 10)",
    "quantile(2, x) + quantile(2, x)",
    "abs(x @ 600) + abs(x @ 600) * x",
    "sort(x) + sort_desc(x)",
]


@pytest.mark.parametrize("text", QUERIES)
def test_sharing_changes_neither_values_nor_notes(data: MemorySeries, text: str) -> None:
    engine = Engine(EngineOptions(), Registry())
    shared = engine.range(data, text, 600_000, 3_000_000, 60_000)
    with patch.object(Sharing, "__contains__", lambda *_: False):
        alone = engine.range(data, text, 600_000, 3_000_000, 60_000)
    engine.close()
    assert shared.rows > 0
    assert shared.json() == alone.json()
    assert (shared.warnings, shared.infos) == (alone.warnings, alone.infos)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_sharing_changes_nothing_of_random_expressions(seed: int) -> None:
    """Errors are the same as well."""
    rng = random.Random(seed)
    language = PromQLText(rng)
    part, other = language.vector(2), language.vector(2)
    text = rng.choice(
        [
            f"({part}) or ({part}) or ({other})",
            f"({part}) and ({other}) unless ({part}) == 1",
            f"sum({part}) / on () (sum({part}) + on () max({part}))",
            f"max_over_time(({part})[5m:1m]) or ({part}) or max_over_time(({part})[5m:1m])",
        ]
    )
    engine = Engine(EngineOptions(parser=ParserOptions.everything(), threads=1), Registry())
    try:
        shared = _answer(engine, text)
        with patch.object(Sharing, "__contains__", lambda *_: False):
            assert _answer(engine, text) == shared
    finally:
        engine.close()


def _answer(engine: Engine, text: str) -> object:
    series = MemorySeries()
    for i, name in enumerate(("foo", "up", "http_requests_total", "node_load1")):
        for job in ("must", "api"):
            values = [float((k * (i + 3)) % 17) for k in range(80)]
            series.add_every({"__name__": name, "job": job, "le": str(i)}, 15_000, values)
    try:
        result = engine.range(series, text, 300_000, 900_000, 60_000)
    except (PromQLError, QueryError) as e:
        return str(e)
    return result.json(), result.warnings, result.infos


def test_a_repeated_part_is_evaluated_once(data: MemorySeries) -> None:
    engine = Engine(EngineOptions(), Registry())
    evaluated: list[str] = []
    real = Evaluator._eval

    def count(self: Evaluator, expr: Expr, *rest: object) -> object:
        evaluated.append(str(expr))
        return real(self, expr, *rest)  # type: ignore[arg-type]  # passed on as it came

    with patch.object(Evaluator, "_eval", count):
        engine.range(data, "sum(abs(x)) / (sum(abs(x)) + max(abs(x))) + count(abs(x))", 600_000, 900_000, 60_000)
    engine.close()
    assert [text for text in evaluated if "(x)" in text and " " not in text] == [
        "sum(abs(x))", "abs(x)", "max(abs(x))", "count(abs(x))",
    ]  # fmt: skip
    assert evaluated.count("x") == 1
