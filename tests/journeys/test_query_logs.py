"""What a server writes about its queries: the query log, and the file of those that run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.api_server import ApiServer
from support.waiting import wait_until

Start = Callable[..., ApiServer]

_RULES = "groups: [{name: g, interval: 200ms, rules: [{record: one, expr: vector(1)}]}]"
_CLASH = 'vector(1) + on() (vector(1) or label_replace(vector(1), "a", "b", "", ""))'


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_query_is_logged_with_who_asked_and_a_moved_file_is_made_again(tmp_path: Path, start: Start) -> None:
    (tmp_path / "prometheus.yml").write_text("global: {query_log_file: queries.log}\nrule_files: [r.yml]\n")
    (tmp_path / "r.yml").write_text(_RULES)
    server, path = start().ready(), tmp_path / "queries.log"
    for _ in range(3):  # later ones are quick, and logged as well
        server.query("1 + 1", time=1.5)
    server.api("query_range", query="up", start=1, end=100, step=15)
    assert server.request("/api/v1/query", query=_CLASH)[0] == 422
    wait_until("the rule's query", lambda: any("ruleGroup" in line for line in lines(path)))
    asked = [line for line in lines(path) if "httpRequest" in line]
    assert [line["params"]["query"] for line in asked] == ["1 + 1"] * 3 + ["up", _CLASH]
    assert asked[0]["params"] | {"query": ""} == {
        "query": "", "start": "1970-01-01T00:00:01.500Z", "end": "1970-01-01T00:00:01.500Z", "step": 0,
    }  # fmt: skip
    assert asked[3]["params"]["step"] == 15
    assert asked[0]["httpRequest"] == {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"}
    assert ["error" in line for line in asked] == [False] * 4 + [True]
    assert asked[0]["stats"]["timings"]["execTotalTime"] > 0 and asked[0]["msg"] == "promql query logged"
    rule = next(line for line in lines(path) if "ruleGroup" in line)
    assert rule["ruleGroup"] == {"file": f"{tmp_path / 'r.yml'}", "name": "g"}
    assert b"\nprometheus_engine_query_log_enabled 1\n" in server.request("/metrics")[1]

    path.rename(tmp_path / "old.log")
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until("the new file", lambda: lines(path))
    (tmp_path / "prometheus.yml").write_text("global: {query_log_file: missing/queries.log}\n")
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until("the refusal", lambda: "missing/queries.log" in server.log())
    assert server.value("vector(7)") == 7
    assert any(line["params"]["query"] == "vector(7)" for line in lines(path))  # the log before is still in use
    (tmp_path / "prometheus.yml").write_text("{}")
    os.kill(server.process.pid, signal.SIGHUP)
    off = b"\nprometheus_engine_query_log_enabled 0\n"
    wait_until("the end of the log", lambda: off in server.request("/metrics")[1])


def test_queries_that_a_crash_cut_off_are_named_at_the_next_start(tmp_path: Path, start: Start) -> None:
    (tmp_path / "prometheus.yml").write_text("{}")
    server = start().ready()
    file = tmp_path / "data" / "queries.active"
    assert file.stat().st_size == 1 + 20 * 1000
    assert server.stop() == 0
    with file.open("r+b") as active:  # as a process that was killed leaves it
        active.seek(1)
        active.write(b'{"query":"sum(up)","timestamp_sec":5}')
        active.seek(1000)
        active.write(b",")
    server = start().ready()
    assert "did not finish in the last run" in server.log() and "sum(up)" in server.log()
