"""Sixteen queries over a day of history: milliseconds a query, against Prometheus.

    python -m benchmarks.queries [BLOCKS] [-n 3] [--only TEXT] [--engine] [--profile]

BLOCKS is a directory of Prometheus blocks that hold llm_* series for the day before --end; without it one is made in
build/bench. Both servers are asked over HTTP on loopback in the same minute, and answers compared (1e-9 relative).
--engine measures our engine without a server around it, --profile says where it spends its time in Python.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import pstats
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.fleet import END, make_history
from benchmarks.servers import Server, peer

from narthex.files.durable import new_directory
from narthex.instrument.registry import Registry
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.promql.syntax import ParserOptions
from narthex.tsdb.block_set import Blocks

DAY = 86_400
_FLAGS = ("--storage.tsdb.retention.time=100y", "--query.max-samples=500000000")
# Windows and samples never meet at an edge, which is open in Prometheus 3 and was closed in 2.
# Name, seconds looked back (0: an instant query), step in seconds, expression.
Query = tuple[str, int, int, str]
QUERIES: list[Query] = [
    (
        "instant small",
        0,
        0,
        'llm_queue_length{instance="10.0.0.3:8000",model="llama-3-8b",endpoint="/v1/completions"}',
    ),
    ("instant sum rate", 0, 0, "sum by (model) (rate(llm_requests_total[5m]))"),
    (
        "instant p99 all",
        0,
        0,
        "histogram_quantile(0.99, sum by (le, model) (rate(llm_request_duration_seconds_bucket[5m])))",
    ),
    ("instant 1d avg_over_time", 0, 0, "avg_over_time(llm_kv_cache_usage_ratio[1d])"),
    ("1h@15 small rate", 3600, 15, 'rate(llm_requests_total{instance="10.0.0.3:8000"}[5m])'),
    ("6h@60 sum rate", 6 * 3600, 60, "sum by (model) (rate(llm_requests_total[5m]))"),
    ("24h@60 sum rate", DAY, 60, "sum by (model) (rate(llm_requests_total[5m]))"),
    (
        "24h@60 p99",
        DAY,
        60,
        "histogram_quantile(0.99, sum by (le, model) (rate(llm_request_duration_seconds_bucket[5m])))",
    ),
    ("24h@60 raw 200 series", DAY, 60, "llm_kv_cache_usage_ratio"),
    ("24h@60 max_over_time 1h", DAY, 60, "max_over_time(llm_queue_length[1h])"),
    ("24h@60 quantile_over_time 30m", DAY, 60, "quantile_over_time(0.95, llm_queue_length[30m])"),
    (
        "24h@60 error ratio join",
        DAY,
        60,
        "sum by (instance) (rate(llm_request_errors_total[5m])) / sum by (instance) (rate(llm_requests_total[5m]))",
    ),
    ("24h@60 topk", DAY, 60, "topk(5, rate(llm_tokens_generated_total[5m]))"),
    ("24h@300 subquery", DAY, 300, "max_over_time(sum by (model) (rate(llm_requests_total[5m]))[3601s:1m])"),
    (
        "24h@60 regex select",
        DAY,
        60,
        'sum(rate(llm_requests_total{instance=~"10\\\\.0\\\\.0\\\\.(1|2|3|4).*",model!~"qwen.*"}[5m]))',
    ),
    ("24h@60 stddev", DAY, 60, "stddev_over_time(llm_kv_cache_usage_ratio[10m])"),
]


def answers(body: bytes) -> dict[tuple[tuple[str, str], ...], dict[float, float]]:
    """Points by series; `body` is a response or its data."""
    document = json.loads(body)
    out = {}
    for series in document.get("data", document)["result"]:
        points = series["values"] if "values" in series else [series["value"]]
        out[tuple(sorted(series["metric"].items()))] = {float(t): float(v) for t, v in points}
    return out


def difference(ours: bytes, theirs: bytes) -> str:
    a, b = answers(ours), answers(theirs)
    if a.keys() != b.keys():
        return f"{len(a)} series instead of {len(b)}"
    wrong = total = 0
    for key in a:
        for t in a[key].keys() | b[key].keys():
            x, y = a[key].get(t), b[key].get(t)
            total += 1
            if x is None or y is None or not (x == y or math.isclose(x, y, rel_tol=1e-9) or (x != x and y != y)):
                wrong += 1
    return f"{wrong} of {total} points differ" if wrong else "same"


def timed(run: Callable[[], bytes], n: int) -> tuple[float, bytes]:
    """Median milliseconds of at least n runs and half a second, and the answer."""
    body = run()
    walls: list[float] = []
    while len(walls) < n or sum(walls) < 500:
        begun = time.perf_counter()
        body = run()
        walls.append((time.perf_counter() - begun) * 1000)
    return statistics.median(walls), body


def made_blocks() -> Path:
    """The history of benchmarks/fleet.py, made once."""
    directory = Path("build/bench/history")
    if not directory.is_dir():
        print("making a day of history ...", flush=True)
        with new_directory(directory, ".tmp") as temporary:
            make_history(temporary)
    return directory


class Ours:
    """The engine over the blocks, without a server around it."""

    def __init__(self, directory: Path, threads: int, end: int) -> None:
        options = EngineOptions(threads=threads, max_samples=500_000_000, parser=ParserOptions.everything())
        self._engine = Engine(options, Registry())
        self._blocks, self._end = Blocks(directory), end
        self._blocks.load()

    def ask(self, query: Query) -> bytes:
        _, back, step, expression = query
        last = (self._end - 60) * 1000
        if back == 0:
            return self._engine.instant(self._blocks, expression, last).json()
        return self._engine.range(self._blocks, expression, (self._end - back) * 1000, last, step * 1000).json()


def asked(server: Server, query: Query, end: int) -> bytes:
    _, back, step, expression = query
    if back == 0:
        return server.get("/api/v1/query", query=expression, time=end - 60)
    return server.get("/api/v1/query_range", query=expression, start=end - back, end=end - 60, step=step)


def measure_servers(options: argparse.Namespace, queries: list[Query]) -> None:
    """Times, ratios, and whether the answers are the same."""
    program = peer()
    ratios = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        config = Path(folder) / "empty.yml"
        config.write_text("global: {}\n")
        servers = []
        for name in ("narthex", program):
            if name is not None:
                data = Path(folder) / Path(name).name
                shutil.copytree(options.blocks, data)
                servers.append(stack.enter_context(Server(name, config, data, *_FLAGS)))
        for query in queries:
            results = [timed(lambda s=server, q=query: asked(s, q, options.end), options.n) for server in servers]
            line = f"{query[0]:32}" + "".join(f"{ms:10.2f} ms" for ms, _ in results)
            if program is not None:
                (mine, body), (theirs, reference) = results
                ratios.append(theirs / mine)
                line += f" {ratios[-1]:7.2f}x  {difference(body, reference)}"
            print(line, flush=True)
    if ratios:
        print(f"geometric mean {math.exp(statistics.fmean(map(math.log, ratios))):.2f}x, worst {min(ratios):.2f}x")


def measure_engine(options: argparse.Namespace, queries: list[Query]) -> None:
    ours = Ours(options.blocks, options.threads, options.end)
    if options.profile:
        profile = cProfile.Profile()
        for query in queries:
            profile.runcall(timed, lambda q=query: ours.ask(q), options.n)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    for query in queries:
        wall, body = timed(lambda q=query: ours.ask(q), options.n)
        print(f"{query[0]:32}{wall:10.2f} ms {len(body):10} bytes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blocks", type=Path, nargs="?")
    parser.add_argument("-n", type=int, default=3, help="least number of runs of a query")
    parser.add_argument("--threads", type=int, default=2, help="threads of the engine alone")
    parser.add_argument("--end", type=int, default=END // 1000, help="end of the day, Unix seconds")
    parser.add_argument("--only", default="", help="queries whose name contains this")
    parser.add_argument("--engine", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    options.blocks = options.blocks or made_blocks()
    queries = [q for q in QUERIES if options.only in q[0]]
    if options.engine or options.profile:
        measure_engine(options, queries)
    else:
        measure_servers(options, queries)


if __name__ == "__main__":
    main()
