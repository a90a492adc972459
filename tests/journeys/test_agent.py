"""An agent as a process: scrapes into a log, survives kill -9, hands its directory to the peer and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from narthex.tsdb.read_only import ReadOnlyDB
from support.api_server import ApiServer
from support.exporter import Exporter
from support.process import free_port, require
from support.waiting import wait_until

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: it
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
NOT_FOR_AGENTS = (
    "query?query=up", "series?match[]=up", "labels", "label/job/values", "rules", "alerts", "alertmanagers",
    "status/tsdb", "format_query?query=up",
)  # fmt: skip
Start = Callable[..., ApiServer]


@pytest.fixture
def start(tmp_path: Path, exporter: Exporter) -> Iterator[Start]:
    """Agents on one directory, ours or the peer's; kills what a test leaves running."""
    exporter.body = "# TYPE made counter\nmade_total 5\n"
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(port=exporter.port))
    running: list[ApiServer] = []

    def run(*flags: str, peer: bool = False) -> ApiServer:
        port = free_port()
        program = ["prometheus", "--enable-feature=agent"] if peer else [sys.executable, "-m", "narthex", "server"]
        command = [*program, *([] if peer else ["--agent"]), f"--config.file={config}"]
        command += [f"--storage.agent.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}", *flags]
        running.append(ApiServer(command, port, tmp_path / "server.log"))
        return running[-1]

    yield run
    for process in running:
        process.kill()


def samples(path: Path) -> dict[str, list[int]]:
    """Times by metric name, as they are in the log."""
    with ReadOnlyDB.open(path).querier(-(2**62), 2**62) as querier:
        batch = querier.select([])
    names = [batch.labels[row]["__name__"] for row in range(len(batch))]
    return {name: batch.samples(row, -(2**63), 2**63 - 1)[0].tolist() for row, name in enumerate(names)}


def scraped(path: Path, more_than: int) -> dict[str, list[int]]:
    def enough() -> dict[str, list[int]] | None:
        found = samples(path)
        return found if len(found.get("made_total", [])) > more_than else None

    return wait_until("samples in the log", enough)


def test_an_agent_scrapes_into_its_log_and_loses_nothing_by_a_kill(tmp_path: Path, start: Start) -> None:
    first = start().ready()
    before = scraped(tmp_path / "data", 3)
    first.kill()
    killed = samples(tmp_path / "data")
    assert killed["made_total"][: len(before["made_total"])] == before["made_total"]
    again = start().ready()
    after = scraped(tmp_path / "data", len(killed["made_total"]) + 3)
    assert after["made_total"][: len(killed["made_total"])] == killed["made_total"]
    assert set(after) >= {"made_total", "up", "scrape_duration_seconds"}
    metrics = again.request("/metrics")[1].decode()
    assert "prometheus_agent_active_series 6" in metrics
    assert again.stop() == 0
    assert not (tmp_path / "data" / "lock").exists()


def test_the_api_of_an_agent_says_what_it_cannot_do(start: Start) -> None:
    agent = start().ready()
    wait_until("a target", lambda: agent.api("targets")["activeTargets"])
    for path in NOT_FOR_AGENTS:
        status, body = agent.request(f"/api/v1/{path}")
        assert status == 422, path
        answer = json.loads(body)
        assert (answer["errorType"], answer["error"]) == ("execution", "unavailable with Prometheus Agent")
    assert agent.api("features")["prometheus"]["agent_mode"] is True
    assert agent.request("/agent")[0] == 200 and agent.request("/query")[0] == 404
    assert agent.request("/-/healthy")[0] == 200


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("rule_files: [r.yml]", "rule_files"),
        ("alerting: {alertmanagers: [{static_configs: [{targets: ['a:1']}]}]}", "alerting"),
        ("remote_read: [{url: 'http://a/'}]", "remote_read"),
    ],
)
def test_sections_that_an_agent_has_no_use_for_end_the_start(
    tmp_path: Path, start: Start, section: str, name: str
) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(config.read_text() + section + "\n")
    agent = start()
    assert agent.process.wait(30) == 2
    assert f"field {name} is not allowed in agent mode" in agent.log()


def test_flags_of_a_server_end_the_start_with_code_3(start: Start) -> None:
    agent = start("--storage.tsdb.path=x", "--query.timeout=1s")
    assert agent.process.wait(30) == 3
    want = 'The following flag(s) can not be used in agent mode: ["--query.timeout" "--storage.tsdb.path"]'
    assert want in agent.log()


def test_the_directory_goes_to_the_peers_agent_and_back(tmp_path: Path, start: Start) -> None:
    require("prometheus", "promtool")
    data = tmp_path / "data"
    known: list[int] = []
    for peer in (False, True, False):
        agent = start(peer=peer).ready()
        scraped(data, len(known) + 3)
        agent.kill()
        found = samples(data)["made_total"]
        assert found[: len(known)] == known and len(found) > len(known) + 3
        known = found
    dump = subprocess.run(["promtool", "tsdb", "dump", "--match=made_total", data], capture_output=True, check=True)
    assert [int(line.split()[-1]) for line in dump.stdout.splitlines()] == known
    assert "corrupt" not in (tmp_path / "server.log").read_text().lower()
