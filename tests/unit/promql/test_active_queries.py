"""The file of running queries: what it names after a crash, and what fits into it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from narthex.promql.active_queries import FILE, SLOT, ActiveQueries, unfinished
from support.clock import FakeClock


def named(path: Path) -> list[dict[str, object]]:
    text = unfinished(path / FILE)
    return json.loads(text) if text else []


def test_a_query_is_named_while_it_runs_and_no_longer(tmp_path: Path) -> None:
    active = ActiveQueries(tmp_path, 2, FakeClock(1_700_000_000.9))
    with active.running("up"), active.running("1"):
        assert named(tmp_path) == [
            {"query": "up", "timestamp_sec": 1_700_000_000},
            {"query": "1", "timestamp_sec": 1_700_000_000},
        ]
    assert unfinished(tmp_path / FILE) == ""
    with active.running("again"):
        assert [query["query"] for query in named(tmp_path)] == ["again"]


def test_the_file_has_the_size_and_marks_of_prometheus(tmp_path: Path) -> None:
    active = ActiveQueries(tmp_path, 3, FakeClock(7.0))
    with active.running("up"):
        data = (tmp_path / FILE).read_bytes()
    entry = b'{"query":"up","timestamp_sec":7}'
    assert data == b"[" + entry + bytes(SLOT - 1 - len(entry)) + b"," + bytes(2 * SLOT)


@pytest.mark.parametrize("letter", ["x", "é", "\0", "\udce4", "漢", "😀", '"'])
def test_a_long_query_is_cut_to_its_slot(tmp_path: Path, letter: str) -> None:
    active = ActiveQueries(tmp_path, 2, FakeClock(7.0))
    with active.running(letter * 70_000), active.running("up"):
        first, second = named(tmp_path)
        assert len(str(first["query"])) >= 70
        assert second["query"] == "up"
        assert len(json.dumps(first, ensure_ascii=False).encode()) < SLOT + 10


def test_a_new_start_says_what_was_left_and_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = ActiveQueries(tmp_path, 2, FakeClock(7.0))
    with caplog.at_level(logging.INFO), before.running("sum(up)"):
        ActiveQueries(tmp_path, 2, FakeClock(8.0))
    assert [record.__dict__.get("queries") for record in caplog.records] == ['[{"query":"sum(up)","timestamp_sec":7}]']
    assert named(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"[", b"\0" * 50, b"\xff\xfe,", b"[" + b"\0" * 2000])
def test_whatever_the_file_holds_a_start_succeeds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with ActiveQueries(tmp_path, 1, FakeClock(7.0)).running("up"):
        assert [query["query"] for query in named(tmp_path)] == ["up"]
