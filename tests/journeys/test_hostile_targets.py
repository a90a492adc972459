"""A server with hostile targets: each shows why it is down, the healthy one is scraped on time, memory stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from support.api_server import ApiServer
from support.exporter import Exporter
from support.misbehaving import MEGABYTE, Misbehaving
from support.waiting import wait_until

Start = Callable[..., ApiServer]
ROUNDS = 3
REASONS = {
    "bomb": "body size limit exceeded",
    "huge": "body size limit exceeded",
    "drip": "context deadline exceeded",
    "short": "the body ended early",
    "cut": "line 2: ",
    "loop": "stopped after 10 redirects",
    "elsewhere": "server returned HTTP status 401 Unauthorized",
    "latin1": "invalid UTF-8 in label value",
    "not_gzip": "could not be decompressed",
    "headers": "malformed HTTP response",
}


def job(name: str, address: str, more: str = "") -> str:
    return (
        f"- job_name: {name}\n  metrics_path: /{name}\n  basic_auth: {{username: me, password: very-secret}}\n"
        f"{more}  static_configs: [{{targets: ['{address}']}}]\n"
    )


def memory(server: ApiServer) -> int:
    """The most that was resident at once, in bytes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")) * 1024


def pools(server: ApiServer) -> dict[str, Any]:
    return {one["scrapePool"]: one for one in server.api("targets")["activeTargets"]}


def judged(server: ApiServer, misbehaving: Misbehaving) -> bool:
    known = all(one["health"] != "unknown" for one in pools(server).values())
    return known and all(misbehaving.requests[name] >= ROUNDS for name in REASONS)


async def test_hostile_targets_are_down_for_their_own_reason_and_harm_nobody(
    start: Start, tmp_path: Path, exporter: Exporter
) -> None:
    exporter.body = "fine 1\n"
    async with Misbehaving() as misbehaving:
        limit = "  body_size_limit: 1MB\n"
        jobs = [job(name, misbehaving.address, limit) for name in (*REASONS, "moved")]
        jobs.append(job("fine", f"127.0.0.1:{exporter.port}"))
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:\n" + "".join(jobs)
        )
        server = start()
        await asyncio.to_thread(server.wait_ready)
        before = memory(server)
        await asyncio.to_thread(wait_until, "rounds of scrapes", lambda: judged(server, misbehaving))
        found = await asyncio.to_thread(pools, server)
        grown = memory(server) - before
        for name, reason in REASONS.items():
            assert found[name]["health"] == "down" and reason in found[name]["lastError"], found[name]
            assert await asyncio.to_thread(server.value, f'up{{job="{name}"}}') == 0
        assert (found["moved"]["health"], found["moved"]["lastError"]) == ("up", "")
        assert "Authorization: Basic " in misbehaving.headers["landed"]
        assert "Authorization" not in misbehaving.headers["foreign"]
        assert "very-secret" not in server.log()
        ups = (await asyncio.to_thread(server.query, 'up{job="fine"}[1m]'))[0]["values"]
        assert {value for _, value in ups} == {"1"}
        times = [float(t) for t, _ in ups]
        assert max(b - a for a, b in pairwise(times)) < 1.5
        assert misbehaving.sent["huge"] < 20 * MEGABYTE * misbehaving.requests["huge"]
        assert grown < 60 * MEGABYTE


async def test_a_body_of_a_hundred_megabytes_is_taken_where_no_limit_is_set(
    start: Start, tmp_path: Path, exporter: Exporter
) -> None:
    exporter.body = "fine 1\n"
    async with Misbehaving() as misbehaving:
        slow = "  scrape_interval: 8s\n  scrape_timeout: 8s\n"
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:\n"
            + job("huge", misbehaving.address, slow)
            + job("fine", f"127.0.0.1:{exporter.port}")
        )
        server = start()
        await asyncio.to_thread(server.wait_ready)
        await asyncio.to_thread(wait_until, "a scrape", lambda: pools(server)["huge"]["health"] != "unknown")
        found = (await asyncio.to_thread(pools, server))["huge"]
        ups = (await asyncio.to_thread(server.query, 'up{job="fine"}[1m]'))[0]["values"]
        assert (found["health"], found["lastError"]) == ("up", "")
        assert await asyncio.to_thread(server.value, "scrape_samples_scraped{job='huge'}") == 25_000_000
        assert await asyncio.to_thread(server.value, "scrape_series_added{job='huge'}") == 1
        assert max(float(b) - float(a) for (a, _), (b, _) in pairwise(ups)) < 1.5
        assert memory(server) < 450 * MEGABYTE
