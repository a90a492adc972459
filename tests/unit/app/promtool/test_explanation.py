"""`promtool promql explain` against a server's answers; what is explained is tested in tests/unit/promql."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from narthex.app.promtool.explanation import Question, explain_query
from narthex.promql.result import Explained, QueryStats
from support.query_api import Peer

TREE = Explained("sum", "vector", 0.25, 4000, 1, 11, 1, 0, (Explained("rate", "vector"),))


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


def answer(explain: dict[str, Any] | None) -> dict[str, Any]:
    stats = QueryStats(total_s=0.5, prepare_s=0.125, peak_samples=12345).fields()
    data = {"resultType": "vector", "result": [], "stats": stats}
    return {"status": "success", "data": data if explain is None else {**data, "explain": explain}}


@pytest.mark.parametrize(
    ("question", "path", "times"),
    [
        (Question("sum(rate(a[5m]))"), "/api/v1/query", {}),
        (Question("sum(rate(a[5m]))", 5000), "/api/v1/query", {"time": "5.0"}),
        (
            Question("sum(rate(a[5m]))", 9000, 1000, 500),
            "/api/v1/query_range",
            {"start": "1.0", "end": "9.0", "step": "0.5"},
        ),
    ],
)
def test_each_part_has_a_line_with_what_it_took(
    peer: Peer, capsys: pytest.CaptureFixture[str], question: Question, path: str, times: dict[str, str]
) -> None:
    peer.answer = answer(TREE.fields())
    assert explain_query(peer.url, question) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == list(TREE.lines())
    assert lines[-1] == "500.000 ms in all, 125.000 ms of them to prepare, 0.000 ms waiting; 12,345 samples at the peak"
    assert peer.paths == [path]
    assert peer.asked == [{"query": "sum(rate(a[5m]))", "explain": "1", "stats": "true", **times}]


@pytest.mark.parametrize(
    ("question", "given", "told"),
    [
        (Question("a"), lambda: answer(None), "does not explain queries: it is another program"),
        (Question("a"), lambda: {"status": "error", "error": "1:1: parse error"}, "query: 1:1: parse error"),
        (Question("a", step=1000), lambda: answer(None), "needs --start and --end"),
    ],
)
def test_what_cannot_be_explained_is_an_error(
    peer: Peer,
    capsys: pytest.CaptureFixture[str],
    question: Question,
    given: Callable[[], dict[str, Any]],
    told: str,
) -> None:
    peer.answer = given()
    assert explain_query(peer.url, question) == 1
    assert told in capsys.readouterr().err
