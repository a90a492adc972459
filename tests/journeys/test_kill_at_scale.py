"""kill -9 of a whole server under scraping, again and again, and the data directory handed to the peer and back.

Small by default; NARTHEX_LONG=1 runs it at 100,000 series with ten kills.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api_server import ApiServer, narthex_server, prometheus_server
from support.exporter import Exporter
from support.waiting import wait_until

LONG = bool(os.environ.get("NARTHEX_LONG"))
TARGETS, SERIES, ROUNDS = (50, 2000, 10) if LONG else (5, 200, 3)
INTERVAL = 2 if LONG else 1  # seconds
pytestmark = pytest.mark.timeout(1200 if LONG else 120)


class Serials(Exporter):
    """Targets whose every series says how often the target was asked: a lost scrape leaves a hole in the numbers."""

    def __init__(self) -> None:
        counts = [0] * TARGETS
        names = [f'serial{{n="{n}",model="model-{n % 7}",endpoint="/v1/{n % 3}"}} ' for n in range(SERIES)]

        def respond(path: str) -> str:
            target = int(path.split("/")[2])
            counts[target] += 1
            value = f"{counts[target]}\n"
            return "# TYPE serial counter\n" + value.join(names) + value

        super().__init__(respond)

    def config(self, path: Path) -> Path:
        jobs = "".join(
            f"- job_name: t{i}\n  metrics_path: /t/{i}\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{self.port}']\n    labels: {{instance: 'host-{i}'}}\n"
            for i in range(TARGETS)
        )
        path.write_text(
            f"global:\n  scrape_interval: {INTERVAL}s\n  scrape_timeout: {INTERVAL}s\nscrape_configs:\n{jobs}"
        )
        return path


@pytest.fixture
def serials() -> Iterator[Serials]:
    serials = Serials()
    yield serials
    serials.close()


def prometheus(config: Path, data: Path) -> ApiServer:
    return prometheus_server(config, data, "--log.level=warn", "--query.max-samples=500000000")


def idle(folder: Path) -> Path:
    """A configuration that scrapes nothing, for looking at what is there."""
    path = folder / "idle.yml"
    path.write_text("global:\n  scrape_interval: 1h\n")
    return path


def visible(server: ApiServer) -> dict[str, int]:
    """The newest committed serial of each target."""
    return {r["metric"]["job"]: int(float(r["value"][1])) for r in server.query("max by (job) (serial)")}


def stored(server: ApiServer) -> dict[str, list[int]]:
    """Every serial that is stored for one series of each target."""
    now = time.time()
    found = server.query(f'serial{{n="{SERIES - 1}"}}[1h]', time=now)
    return {r["metric"]["job"]: [int(float(v)) for _, v in r["values"]] for r in found}


def answers(server: ApiServer, at: float) -> dict[str, Any]:
    """What a directory answers at a fixed time, series by series for the raw ones."""
    expressions = (
        "count(count_over_time(serial[1h]))",
        "sum by (job) (count_over_time(serial[1h]))",
        "sum by (job) (sum_over_time(serial[1h]))",
        "min by (job) (max_over_time(serial[1h]))",
        "sum(changes(serial[1h]))",
        f'serial{{n="{SERIES // 2}"}}[1h]',
        "up[1h]",
        "count_over_time(scrape_samples_scraped[1h])",
    )
    out = {}
    for expression in expressions:
        rows = server.query(expression, time=at)
        out[expression] = sorted(
            json.dumps([r["metric"], r.get("value", r.get("values"))], sort_keys=True) for r in rows
        )
    return out


def check_rectangular(server: ApiServer) -> None:
    """Each scrape is there for all series of its target or for none."""
    low = server.query("min by (job) (count_over_time(serial[1h]))", time=(now := time.time()))
    high = server.query("max by (job) (count_over_time(serial[1h]))", time=now)
    assert len(low) == TARGETS
    assert [r["value"][1] for r in low] == [r["value"][1] for r in high]
    assert server.value("count(count_over_time(serial[1h]))", time=now) == TARGETS * SERIES


def run_and_kill(server: ApiServer, rng: random.Random, acknowledged: dict[str, set[int]]) -> None:
    """Lets a server scrape for a while, notes what it shows as committed, kills it."""
    server.ready()
    end = time.monotonic() + INTERVAL * 2 + rng.random() * INTERVAL * 3
    wait_until("a scrape of every target", lambda: len(visible(server)) == TARGETS, 60)
    while time.monotonic() < end:
        for job, serial in visible(server).items():
            acknowledged.setdefault(job, set()).add(serial)
        time.sleep(0.1)
    server.stop(signal.SIGKILL)


def test_no_committed_scrape_is_lost_and_the_peer_answers_the_same(serials: Serials, tmp_path: Path) -> None:
    rng, acknowledged = random.Random(3), dict[str, set[int]]()
    config, data = serials.config(tmp_path / "prometheus.yml"), tmp_path / "data"
    for _ in range(ROUNDS):
        run_and_kill(narthex_server(config, data), rng, acknowledged)
        server = narthex_server(idle(tmp_path), data).ready()
        have = stored(server)
        for job, wanted in acknowledged.items():
            assert wanted <= set(have[job]), f"{job} lost {sorted(wanted - set(have[job]))}"
        check_rectangular(server)
        server.stop(signal.SIGKILL)
    at = time.time()
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    ours, theirs = narthex_server(idle(tmp_path), data).ready(), prometheus(idle(tmp_path), copy).ready()
    try:
        assert answers(ours, at) == answers(theirs, at)
    finally:
        ours.stop()
        theirs.stop()


def test_a_directory_that_the_peer_left_when_it_was_killed_answers_the_same_here(
    serials: Serials, tmp_path: Path
) -> None:
    rng, acknowledged = random.Random(4), dict[str, set[int]]()
    config, data = serials.config(tmp_path / "prometheus.yml"), tmp_path / "data"
    for _ in range(max(1, ROUNDS // 3)):
        run_and_kill(prometheus(config, data), rng, acknowledged)
    at = time.time()
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    ours, theirs = narthex_server(idle(tmp_path), data).ready(), prometheus(idle(tmp_path), copy).ready()
    try:
        assert answers(ours, at) == answers(theirs, at)
        check_rectangular(ours)
    finally:
        ours.stop()
        theirs.stop()
