"""`promtool tsdb create-blocks-from rules` against a server that is asked for ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from narthex.app.promtool.import_blocks import ImportOptions
from narthex.app.promtool.import_rules import RuleImport, import_rules, spans
from narthex.rules.spec import GroupSpec
from narthex.tsdb.block import Block
from support.query_api import Peer

HOUR = 3_600_000
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
RULES = """
groups:
  - name: g
    rules:
      - {record: 'job:up:sum', expr: 'sum by (job) (up)', labels: {team: infra}}
      - {alert: Down, expr: 'up == 0'}
"""


def matrix(form: dict[str, str]) -> dict[str, Any]:
    start, end, step = (float(form[key]) for key in ("start", "end", "step"))
    times = [start + k * step for k in range(int((end - start) / step) + 1)]
    series = {"metric": {"job": "a", "team": "old"}, "values": [[t, f"{t:.3f}"] for t in times]}
    return {"status": "success", "data": {"resultType": "matrix", "result": [series]}}


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer(matrix) as peer:
        yield peer


def test_recording_rules_become_blocks_with_their_names_and_labels(tmp_path: Path, peer: Peer) -> None:
    (tmp_path / "r.yml").write_text(RULES)
    wanted = RuleImport([str(tmp_path / "r.yml")], peer.url, START + HOUR, START + 5 * HOUR, 60_000)
    assert import_rules(wanted, ImportOptions(tmp_path / "out", quiet=True)) == 0
    assert {form["query"] for form in peer.asked} == {"sum by (job) (up)"} and len(peer.asked) == 3
    found: list[tuple[int, float]] = []
    for block in sorted(map(Block.open, (tmp_path / "out").iterdir()), key=lambda b: b.meta.min_time):
        batch = block.querier(0, 2**62).select([])
        assert batch.labels[0] == {"__name__": "job:up:sum", "job": "a", "team": "infra"} and len(batch) == 1
        times, values = batch.samples(0, 0, 2**62)
        found += zip(times.tolist(), values.tolist(), strict=True)
    times = [t for t, _ in found]
    assert all(value * 1000 == pytest.approx(t) for t, value in found)
    assert times == list(range(times[0], times[-1] + 1, 60_000))
    assert (
        START + HOUR <= times[0] < START + HOUR + 60_000 and START + 5 * HOUR - 60_000 < times[-1] <= START + 5 * HOUR
    )


def test_an_answer_that_is_an_error_makes_no_block(
    tmp_path: Path, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.yml").write_text(RULES)
    wanted = RuleImport([str(tmp_path / "r.yml")], peer.url, START, START + HOUR, 60_000)
    for answer in ({"status": "error", "error": "too many"}, {"status": "success", "data": {"resultType": "vector"}}):
        peer.answer = answer
        assert import_rules(wanted, ImportOptions(tmp_path / "out")) == 1
    err = capsys.readouterr().err
    assert "rule job:up:sum: too many" in err and "rule result is wrong type vector" in err
    assert list((tmp_path / "out").iterdir()) == []


def test_nobody_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yml").write_text(RULES)
    wanted = RuleImport([str(tmp_path / "r.yml")], "http://127.0.0.1:1", START, START + HOUR, 60_000)
    assert import_rules(wanted, ImportOptions(tmp_path / "out")) == 1
    assert "query range: rule job:up:sum: http://127.0.0.1:1/api/v1/query_range" in capsys.readouterr().err


def test_spans_cover_every_evaluation_once() -> None:
    group = GroupSpec("f", "g", 70_000, ())
    found = [
        t for first, last in spans(group, START + 5, START + 7 * HOUR, 2 * HOUR) for t in range(first, last + 1, 70_000)
    ]
    assert found == list(range(found[0], found[-1] + 1, 70_000))
    assert START + 5 <= found[0] < START + 5 + 70_000 and found[-1] <= START + 7 * HOUR < found[-1] + 70_000
    assert all(group.slot(t) == t for t in found)
