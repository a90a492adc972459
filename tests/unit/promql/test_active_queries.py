"""The file of running queries: what it names after a crash, and what fits into it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from narthex.promql.active_queries import FILE, SLOT, ActiveQueries, unfinished
from support.clock import FakeClock


def named(path: Path) -> list[dict[str, object]]:
    text = unfinished(path / FILE)
    return json.loads(text) if text else []


@contextmanager
def running(active: ActiveQueries, *queries: str) -> Iterator[None]:
    for slot, query in enumerate(queries):
        active.insert(slot, query)
    yield
    for slot in range(len(queries)):
        active.remove(slot)


def test_a_query_is_named_while_it_runs_and_no_longer(tmp_path: Path) -> None:
    active = ActiveQueries(tmp_path, 2, FakeClock(1_700_000_000.9))
    with running(active, "up", "1"):
        assert named(tmp_path) == [
            {"query": "up", "timestamp_sec": 1_700_000_000},
            {"query": "1", "timestamp_sec": 1_700_000_000},
        ]
    assert unfinished(tmp_path / FILE) == ""
    with running(active, "again"):
        assert [query["query"] for query in named(tmp_path)] == ["again"]


def test_the_file_has_the_size_and_marks_of_prometheus(tmp_path: Path) -> None:
    active = ActiveQueries(tmp_path, 3, FakeClock(7.0))
    with running(active, "up"):
        data = (tmp_path / FILE).read_bytes()
    entry = b'{"query":"up","timestamp_sec":7}'
    assert data == b"[" + entry + bytes(SLOT - 1 - len(entry)) + b"," + bytes(2 * SLOT)


@pytest.mark.parametrize("letter", ["x", "é", "\0", "\udce4", "漢", "😀", '"'])
def test_a_long_query_is_cut_to_its_slot(tmp_path: Path, letter: str) -> None:
    active = ActiveQueries(tmp_path, 2, FakeClock(7.0))
    with running(active, letter * 70_000, "up"):
        first, second = named(tmp_path)
        assert len(str(first["query"])) >= 70
        assert second["query"] == "up"
        assert len(json.dumps(first, ensure_ascii=False).encode()) < SLOT + 10


def test_a_new_start_says_what_was_left_and_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = ActiveQueries(tmp_path, 2, FakeClock(7.0))
    with caplog.at_level(logging.INFO), running(before, "sum(up)"):
        ActiveQueries(tmp_path, 2, FakeClock(8.0))
    assert [record.__dict__.get("queries") for record in caplog.records] == ['[{"query":"sum(up)","timestamp_sec":7}]']
    assert named(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"[", b"\0" * 50, b"\xff\xfe,", b"[" + b"\0" * 2000])
def test_whatever_the_file_holds_a_start_succeeds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with running(ActiveQueries(tmp_path, 1, FakeClock(7.0)), "up"):
        assert [query["query"] for query in named(tmp_path)] == ["up"]
