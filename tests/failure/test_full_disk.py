"""A full disk: queries go on, nothing that was stored is lost, and writing goes on when there is room again."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api_server import ApiServer, narthex_server, prometheus_server
from support.exporter import Exporter
from support.full_disk import Ballast
from support.waiting import wait_until

TESTS = Path(__file__).parents[1]
SERIES = 300
FLAGS = ("--storage.tsdb.min-block-duration=4s", "--storage.tsdb.max-block-duration=12s")


@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_at_any_sync_point_costs_only_what_was_refused(small_disk: Callable[[str], Path]) -> None:
    command = [sys.executable, "-m", "support.full_disk", str(small_disk("6m"))]
    process = subprocess.run(command, cwd=TESTS, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    rounds = [json.loads(line) for line in process.stdout.splitlines()]
    for r in rounds:
        assert not r["wrong"], f"full at {r['point']}:\n{r['wrong']}"
    assert len(rounds) > 35
    assert sum(r["reached"] for r in rounds) > 0.9 * len(rounds)
    assert sum("commit" in r["failed"] for r in rounds) > 10
    assert sum("maintain" in r["failed"] for r in rounds) > 10


@pytest.fixture
def noise() -> Iterator[Exporter]:
    rng = random.Random(1)
    exporter = Exporter(lambda _: "".join(f'noise{{i="{i}"}} {rng.random()}\n' for i in range(SERIES)))
    yield exporter
    exporter.close()


def raw(server: ApiServer, end: float) -> dict[str, list[tuple[float, str]]]:
    """All samples up to `end` (seconds), by series."""
    rows = server.query("noise[10m]", time=f"{end:.3f}")
    return {row["metric"]["i"]: [(t, v) for t, v in row["values"]] for row in rows}


def metric(server: ApiServer, name: str) -> float:
    """Of the server's own exposition."""
    lines = server.request("/metrics")[1].decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


@pytest.mark.timeout(300)
def test_a_server_scrapes_on_when_space_returns_and_answers_throughout(
    tmp_path: Path, small_disk: Callable[[str], Path], noise: Exporter
) -> None:
    disk = small_disk("32m")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: noise, static_configs: [{{targets: ['127.0.0.1:{noise.port}']}}]}}]\n"
    )
    with narthex_server(config, disk / "data", *FLAGS) as server:
        server.ready()
        wait_until("a block", lambda: list(disk.glob("data/*/meta.json")), 60)
        full_since = time.time()
        settled = round(full_since - 1, 3)  # as precise as samples: its own sample is on one side only
        before = raw(server, settled)
        assert len(before) == SERIES
        Ballast(disk).load()

        maintained = metric(server, "prometheus_tsdb_compactions_triggered_total")

        def failing() -> bool:
            assert raw(server, settled) == before
            return (
                metric(server, "prometheus_tsdb_wal_writes_failed_total") > 10
                and metric(server, "prometheus_tsdb_compactions_triggered_total") >= maintained + 3
            )

        wait_until("failing commits, and maintenance meanwhile", failing, 60)
        assert metric(server, "prometheus_ready") == 1
        scrapes = noise.scrapes
        Ballast(disk).drop()
        free_since = time.time()
        lines = [line for line in server.log().splitlines() if "level=WARN" in line or "level=ERROR" in line]
        assert len(lines) < scrapes + 20, "one line a scrape at most, never one a sample"
        wait_until("scrapes", lambda: (server.value("count_over_time(noise{i='0'}[2s])") or 0) >= 5)
        blocks = set(disk.glob("data/*/meta.json"))
        wait_until("a new block", lambda: set(disk.glob("data/*/meta.json")) - blocks, 60)
        end = time.time()
        wait_until("a later scrape", lambda: (server.value("min(timestamp(up))") or 0) > end)
        after = raw(server, end)
        server.check_alive()
        server.stop()
    assert {s: [p for p in points if p[0] <= settled] for s, points in after.items()} == before
    for points in after.values():
        times = [t for t, _ in points]
        gaps = [(a, b) for a, b in itertools.pairwise(times) if b - a > 2]
        assert all(a > full_since - 2 and b < free_since + 2 for a, b in gaps), (full_since, free_since, gaps)
    config.write_text("global: {scrape_interval: 1h}\n")
    with prometheus_server(config, disk / "data", *FLAGS) as peer:
        assert raw(peer.ready(), end) == after
