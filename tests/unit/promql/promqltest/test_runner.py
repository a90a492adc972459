"""The runner against an engine that is told what to answer and a storage that only remembers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.promql.promqltest.outcome import Matrix, Outcome, Scalar, Text, Vector
from narthex.promql.promqltest.runner import Verdict, run_script
from narthex.promql.promqltest.script import parse_script
from narthex.storage.contract import AppendStatus, Querier, Queryable, Refs, Times, Values

Answer = Callable[[str, int], Outcome]


class MemoryAppender:
    def __init__(self, storage: MemoryStorage) -> None:
        self.storage, self.names, self.rows = storage, [], []

    def series(self, labels: Labels) -> int:
        self.names.append(labels)
        return len(self.names) - 1

    def append(self, refs: Refs, timestamps: Times, values: Values, starts: Times) -> NDArray[np.uint8]:
        self.rows += zip([self.names[r] for r in refs.tolist()], timestamps.tolist(), values.tolist(), strict=True)
        return np.full(len(refs), self.storage.status, dtype=np.uint8)

    def commit(self) -> None:
        self.storage.rows += self.rows

    def rollback(self) -> None:
        self.storage.rolled_back = True


class MemoryStorage:
    def __init__(self) -> None:
        self.rows: list[tuple[Labels, int, float]] = []
        self.status, self.closed, self.rolled_back = AppendStatus.OK, False, False

    def appender(self) -> MemoryAppender:
        return MemoryAppender(self)

    def querier(self, mint: int, maxt: int) -> Querier:
        raise AssertionError("the engine is a fake")

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """Answers instant queries by a function, range queries by the same at each step."""

    def __init__(self, answer: Answer, wrong_in_range: bool = False) -> None:
        self.answer, self.wrong_in_range = answer, wrong_in_range
        self.calls: list[tuple[str, str, int]] = []

    def instant(self, storage: Queryable, expr: str, time_ms: int) -> Outcome:
        self.calls.append(("instant", expr, time_ms))
        return self.answer(expr, time_ms)

    def range(self, storage: Queryable, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Outcome:
        self.calls.append(("range", expr, start_ms))
        rows: dict[Labels, list[tuple[int, float]]] = {}
        for time in range(start_ms, end_ms + 1, step_ms):
            value = self.answer(expr, time).value
            samples = ((Labels(), value.value),) if isinstance(value, Scalar) else value.samples
            for labels, number in samples:
                rows.setdefault(labels, []).append((time, number + self.wrong_in_range))
        return Outcome(Matrix(tuple((labels, tuple(points)) for labels, points in sorted(rows.items()))))


def run(text: str, engine: FakeEngine, storages: list[MemoryStorage] | None = None) -> list[Verdict]:
    made = [] if storages is None else storages

    def new() -> MemoryStorage:
        made.append(MemoryStorage())
        return made[-1]

    return list(run_script(parse_script(text), engine, new))


def one(value: float) -> Answer:
    return lambda expr, time: Outcome(Vector(((Labels({"a": "b"}), value),)))


def fails(message: str) -> Answer:
    def answer(expr: str, time: int) -> Outcome:
        raise QueryError(message)

    return answer


def test_samples_are_loaded_at_their_steps() -> None:
    storages: list[MemoryStorage] = []
    run("load 1m\n  foo 1 _ 3\n  bar{x='y'} 2\n\nclear\nload 1m\n  baz stale\n", FakeEngine(one(1)), storages)
    foo, bar = Labels({"__name__": "foo"}), Labels({"__name__": "bar", "x": "y"})
    assert storages[0].rows == [(foo, 0, 1.0), (foo, 120_000, 3.0), (bar, 0, 2.0)]
    assert storages[0].closed
    assert len(storages[1].rows) == 1
    assert storages[1].closed


def test_the_later_of_two_lines_for_a_series_counts() -> None:
    storages: list[MemoryStorage] = []
    run("load 1m\n  foo 1\n  foo 2 3\n", FakeEngine(one(1)), storages)
    assert [value for _, _, value in storages[0].rows] == [2.0, 3.0]


def test_an_engine_that_breaks_fails_the_eval_alone() -> None:
    def broken(expr: str, time: int) -> Outcome:
        raise ZeroDivisionError("oops")

    (verdict,) = run("eval instant at 0 foo", FakeEngine(broken))
    assert verdict.reason == "the engine broke: ZeroDivisionError: oops"


def test_instant_evals_are_repeated_pinned_and_as_ranges() -> None:
    engine = FakeEngine(one(5))
    (verdict,) = run('eval instant at 50m foo\n  {a="b"} 5', engine)
    assert verdict.passed
    pinned = "foo @ 3000.000"
    assert [c for c in engine.calls if c[0] == "instant"] == [
        ("instant", "foo", 3_000_000),
        ("instant", pinned, -30_000_000),
        ("instant", pinned, 0),
        ("instant", pinned, 600_000),
        ("instant", pinned, 3_000_000),
        ("instant", pinned, 30_000_000),
    ]
    assert [c[2] for c in engine.calls if c[0] == "range"] == [
        t - 60_000 for t in (3_000_000, -30_000_000, 0, 600_000, 3_000_000, 30_000_000)
    ]


def test_time_zero_is_pinned_around_zero() -> None:
    engine = FakeEngine(one(5))
    run('eval instant at 0 foo\n  {a="b"} 5', engine)
    assert [c[2] for c in engine.calls if c[0] == "instant"] == [0, -1000, 0, 1000]


def test_time_dependent_functions_are_not_pinned() -> None:
    engine = FakeEngine(one(5))
    run('eval instant at 1m foo + time()\n  {a="b"} 5', engine)
    assert [c[:2] for c in engine.calls] == [("instant", "foo + time()"), ("range", "foo + time()")]


def test_existing_pins_and_insides_of_subqueries_stay() -> None:
    engine = FakeEngine(one(5))
    run('eval instant at 1m foo @ 5 + sum_over_time(rate(bar[1m])[5m:]) + baz @ end()\n  {a="b"} 5', engine)
    pinned = "foo @ 5.000 + sum_over_time(rate(bar[1m])[5m:] @ 60.000) + baz @ 60.000"
    assert engine.calls[2][1] == pinned


def test_queries_for_their_own_range_are_not_repeated_as_ranges() -> None:
    engine = FakeEngine(lambda expr, time: Outcome(Scalar(5.0)))
    assert run("eval instant at 1m step()\n  5", engine)[0].passed
    assert {c[0] for c in engine.calls} == {"instant"}


def test_a_wrong_range_form_fails() -> None:
    (verdict,) = run('eval instant at 1m foo\n  {a="b"} 5', FakeEngine(one(5), wrong_in_range=True))
    assert verdict.reason.startswith("as a range query: expected 5")


def test_a_wrong_pinned_form_fails_and_is_named() -> None:
    engine = FakeEngine(lambda expr, time: one(6 if "@" in expr else 5)(expr, time))
    (verdict,) = run('eval instant at 1m foo\n  {a="b"} 5', engine)
    assert verdict.reason.startswith("as foo @ 60.000 at -600000 ms: expected 5")


def test_ordered_results_are_not_compared_as_ranges() -> None:
    engine = FakeEngine(one(5), wrong_in_range=True)
    assert run('eval instant at 1m sort(foo)\n  expect ordered\n  {a="b"} 5', engine)[0].passed


def test_range_evals_run_once() -> None:
    engine = FakeEngine(one(5))
    (verdict,) = run('eval range from 0 to 2m step 1m foo\n  {a="b"} 5x2', engine)
    assert verdict.passed
    assert engine.calls == [("range", "foo", 0)]


def test_expected_errors_are_compared() -> None:
    script = "eval instant at 0 foo\n  expect fail msg: no good"
    assert run(script, FakeEngine(fails("no good")))[0].passed
    assert "expected an error with" in run(script, FakeEngine(fails("worse")))[0].reason
    assert "expected an error but got a result" in run(script, FakeEngine(one(1)))[0].reason
    assert "evaluation failed: worse" in run("eval instant at 0 foo", FakeEngine(fails("worse")))[0].reason


def test_strings_pass_without_a_range_form() -> None:
    engine = FakeEngine(lambda expr, time: Outcome(Text("x")))
    assert run("eval instant at 0 \"x\"\n  expect string 'x'", engine)[0].passed


def test_an_expression_that_does_not_parse_fails_alone() -> None:
    first, second = run("eval instant at 0 foo bar\n\neval instant at 0 foo\n  {a='b'} 1", FakeEngine(one(1)))
    assert first.reason.startswith("does not parse: 1:5")
    assert second.passed


def test_a_refused_sample_fails_what_follows_until_clear() -> None:
    storages: list[MemoryStorage] = []

    class Refusing(MemoryStorage):
        def __init__(self) -> None:
            super().__init__()
            self.status = AppendStatus.OUT_OF_ORDER if not storages else AppendStatus.OK
            storages.append(self)

    script = "load 1m\n  foo 1\n\neval instant at 0 foo\n  {a='b'} 1\n\nclear\neval instant at 0 foo\n  {a='b'} 1\n"
    before, after = run_script(parse_script(script), FakeEngine(one(1)), Refusing)
    assert "out of order" in before.reason
    assert storages[0].rolled_back
    assert after.passed
