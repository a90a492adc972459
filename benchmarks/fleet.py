"""A made-up fleet of LLM servers: what they expose at a moment, and their history as blocks or as a write-ahead log.

As a program (`python -m benchmarks.fleet TARGETS SERIES`) it serves target i under /i/metrics and prints its port;
/arrivals tells when each target was asked (seconds on the monotonic clock) and forgets it.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from narthex.clock import SystemClock
from narthex.instrument.registry import Registry
from narthex.native import LabelSets, SeriesBatch
from narthex.tsdb.block_write import write_block
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

MODELS = ("llama-3-70b", "llama-3-8b", "mixtral-8x7b", "qwen-2-72b")
ENDPOINTS = ("/v1/completions", "/v1/chat/completions")
BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf")
COUNTERS = ("llm_requests_total", "llm_request_errors_total", "llm_tokens_generated_total")
GAUGES = ("llm_queue_length", "llm_kv_cache_usage_ratio")
Labels = list[tuple[str, str]]
BLOCK = 7_200_000  # milliseconds
STEP = 15_000  # milliseconds between samples of the history
END = 1_780_000_000_000 // BLOCK * BLOCK
"""Milliseconds: where the history ends, exclusive."""


class Target:
    """About `series` series, a third of them histogram buckets; values are a function of series and time."""

    def __init__(self, index: int, series: int) -> None:
        self._index = index
        heads: list[str] = []
        speeds: list[float] = []
        tenant = 0
        while len(heads) < series:
            for model in MODELS:
                for endpoint in ENDPOINTS:
                    labels = f'model="{model}",endpoint="{endpoint}",tenant="team-{tenant:04d}"'
                    names = [f"{name}{{{labels}}} " for name in (*COUNTERS, *GAUGES)]
                    names += [f'llm_request_duration_seconds_bucket{{{labels},le="{b}"}} ' for b in BOUNDS]
                    heads += names
                    speeds += [3.0, 0.03, 250.0, -20.0, -1.0, *(0.3 * (i + 1) for i in range(len(BOUNDS)))]
            tenant += 1
        # Series of a family stand together, as the format wants it.
        order = sorted(range(series), key=lambda i: heads[i].partition("{")[0])
        self._heads = [heads[i] for i in order]
        self._speeds = [speeds[i] for i in order]

    def body(self, now: float) -> bytes:
        t = now % 1_000_000 + self._index * 13
        wave = 1 + math.sin(t / 60)
        lines = [
            f"{head}{int(speed * t)}\n" if speed > 0 else f"{head}{-speed * wave / 2:.6f}\n"
            for head, speed in zip(self._heads, self._speeds, strict=True)
        ]
        return "".join(lines).encode()


async def serve(targets: int, series: int) -> None:
    fleet = [Target(i, series) for i in range(targets)]
    asked: list[list[float]] = [[] for _ in fleet]

    async def arrivals(_: web.Request) -> web.Response:
        told = web.json_response(asked)
        for times in asked:
            times.clear()
        return told

    async def metrics(request: web.Request) -> web.Response:
        index = int(request.match_info["index"])
        asked[index].append(time.monotonic())
        body = fleet[index].body(time.time())
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})

    application = web.Application()
    application.router.add_get("/arrivals", arrivals)
    application.router.add_get("/{index}/metrics", metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def serving(targets: int, series: int) -> Iterator[int]:
    """A process that serves a fleet; gives its port."""
    command = [sys.executable, "-m", "benchmarks.fleet", str(targets), str(series)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as fleet:
        try:
            assert fleet.stdout is not None
            yield int(fleet.stdout.readline())
        finally:
            fleet.terminate()


def make_history(directory: Path, instances: int = 20, hours: int = 24) -> None:
    """Blocks of two hours. Samples stand off the grid of steps, so that open and closed ranges hold the same ones."""
    directory.mkdir(parents=True, exist_ok=True)
    start, times = _times(hours)
    _write_blocks(directory, times, _rows(instances, len(times)), range(start, END, BLOCK))


def make_overlaps(directory: Path, instances: int = 20, hours: int = 6) -> None:
    """A history, and blocks that begin an hour later than its own, each sample a millisecond after another one."""
    make_history(directory, instances, hours)
    start, times = _times(hours)
    starts = range(start + BLOCK // 2, END - BLOCK, BLOCK)
    _write_blocks(directory, times + 1, _rows(instances, len(times)), starts)


def _rows(instances: int, count: int) -> list[tuple[Labels, NDArray[np.float64]]]:
    """In label order."""
    columns = ((sorted(labels), values) for labels, values in _columns(instances, count))
    return sorted(columns, key=lambda c: c[0])


def _write_blocks(
    directory: Path, times: NDArray[np.int64], rows: list[tuple[Labels, NDArray[np.float64]]], starts: range
) -> None:
    for first in starts:
        inside = slice(*np.searchsorted(times, (first, first + BLOCK)))
        batch = SeriesBatch()
        for labels, values in rows:
            batch.add_columns(labels, times[inside], values[inside])
        write_block(directory, batch, first, first + BLOCK)


def make_log(directory: Path, instances: int = 20, hours: int = 6) -> None:
    """The same history as a log alone, as a server that was killed leaves it: every instance is one commit a step."""
    _, times = _times(hours)
    db = DB.open(directory, DBOptions(), Registry(), SystemClock())
    rows = list(_columns(instances, len(times)))
    each = len(rows) // instances
    scrapes = []
    for first in range(0, len(rows), each):
        sets = LabelSets()
        for labels, _ in rows[first : first + each]:
            sets.add(sorted(labels))
        appender = db.appender()
        refs = appender.series_many(sets)
        appender.rollback()
        scrapes.append((refs, np.stack([values for _, values in rows[first : first + each]], axis=1)))
    for step, t in enumerate(times.tolist()):
        for refs, values in scrapes:
            appender = db.appender()
            appender.append(refs, np.full(each, t), np.ascontiguousarray(values[step]))
            appender.commit()
    db.close()


def _times(hours: int) -> tuple[int, NDArray[np.int64]]:
    """Start of the history in milliseconds, and when its samples are."""
    start = END - hours * 3_600_000
    return start, np.arange(start + 7123, END, STEP, dtype=np.int64)


def _columns(instances: int, count: int) -> Iterator[tuple[Labels, NDArray[np.float64]]]:
    """Label pairs and values of every series."""
    rnd = np.random.default_rng(7)
    for instance in range(instances):
        for model in MODELS:
            for endpoint in ENDPOINTS:
                labels = [("instance", f"10.0.0.{instance}:8000"), ("model", model), ("endpoint", endpoint)]
                for name, more, values in _server(rnd, instance, count):
                    yield [("__name__", name), *labels, *more], values


def _server(rnd: np.random.Generator, instance: int, count: int) -> Iterator[tuple[str, Labels, NDArray[np.float64]]]:
    """Name, further labels and values of what one server says of one model and endpoint."""
    seconds = STEP / 1000
    for name, rate in zip(COUNTERS, (3.0, 0.03, 250.0), strict=True):
        grown = rnd.poisson(rate * rnd.uniform(0.5, 2) * seconds, count)
        yield name, [], rnd.integers(10**6) + np.cumsum(grown).astype(np.float64)
    waves = np.sin(np.arange(count) / 300 + instance)
    yield "llm_queue_length", [], np.round(20 + 15 * waves + rnd.normal(0, 2, count))
    yield "llm_kv_cache_usage_ratio", [], np.round(0.5 + 0.4 * waves + rnd.normal(0, 0.02, count), 4)
    grown = np.sort(rnd.poisson(3 * seconds, (count, len(BOUNDS))), axis=1)
    for i, bound in enumerate(BOUNDS):
        values = 10**5 * (i + 1) + np.cumsum(grown[:, i]).astype(np.float64)
        yield "llm_request_duration_seconds_bucket", [("le", bound)], values


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
