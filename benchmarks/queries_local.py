"""Sixteen queries over a day of history, without HTTP between: milliseconds a query, and where they go.

    python benchmarks/queries_local.py BLOCKS [--peer] [--threads 2] [-n 5] [--only TEXT] [--profile]

BLOCKS is a directory of Prometheus blocks that hold llm_* series for the day before --end. With --peer, Debian's
Prometheus answers the same queries in the same minute: ratios are printed and answers compared (1e-9 relative).
The peer is asked over HTTP on loopback; our time includes writing the JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import pstats
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SeriesBatch
from narthex.promql.engine import Engine
from narthex.promql.options import EngineOptions
from narthex.tsdb.block import Block

DAY = 86_400
QUERIES: list[tuple[str, int, int, str]] = [
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
    ("24h@300 subquery", DAY, 300, "max_over_time(sum by (model) (rate(llm_requests_total[5m]))[1h:1m])"),
    (
        "24h@60 regex select",
        DAY,
        60,
        'sum(rate(llm_requests_total{instance=~"10\\\\.0\\\\.0\\\\.(1|2|3|4).*",model!~"qwen.*"}[5m]))',
    ),
    ("24h@60 stddev", DAY, 60, "stddev_over_time(llm_kv_cache_usage_ratio[10m])"),
]


class Blocks:
    """Blocks as a queryable."""

    def __init__(self, directory: Path) -> None:
        self.blocks = [Block.open(path.parent) for path in sorted(directory.glob("*/meta.json"))]
        if not self.blocks:
            raise SystemExit(f"no blocks in {directory}")

    def querier(self, mint: int, maxt: int) -> BlocksQuerier:
        return BlocksQuerier(self, mint, maxt)


class BlocksQuerier:
    def __init__(self, blocks: Blocks, mint: int, maxt: int) -> None:
        self._parts = [b.querier(mint, maxt) for b in blocks.blocks if b.meta.overlaps(mint, maxt)]

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        found = [part.select(matchers) for part in self._parts]
        return found[0] if len(found) == 1 else SeriesBatch.merge(found)

    def series(self, matchers: Sequence[Matcher]) -> LabelSets:
        return self.select(matchers).labels

    def label_names(self, matchers: Sequence[Matcher] = ()) -> list[str]:
        return sorted({name for part in self._parts for name in part.label_names(matchers)})

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> list[str]:
        return sorted({value for part in self._parts for value in part.label_values(name, matchers)})

    def close(self) -> None:
        for part in self._parts:
            part.close()


@contextmanager
def peer(directory: Path) -> Iterator[Callable[[str, dict[str, object]], bytes]]:
    """Debian's Prometheus over a copy of the blocks; gives a function that asks it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "data", Path(folder) / "empty.yml"
        shutil.copytree(directory, data)
        config.write_text("global: {}\n")
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=100y",
            "--query.max-samples=500000000",
            "--log.level=error",
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

        def ask(path: str, params: dict[str, object]) -> bytes:
            url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(params)}"
            with urllib.request.urlopen(url, timeout=120) as response:
                body: bytes = response.read()
                return body

        try:
            for _ in range(300):
                try:
                    ask("/-/ready", {})
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            yield ask
        finally:
            process.terminate()
            process.wait()


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("blocks", type=Path)
    parser.add_argument("-n", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--end", type=int, default=1780000000 // 7200 * 7200)
    parser.add_argument("--only", default="")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    engine = Engine(EngineOptions(threads=args.threads, max_samples=500_000_000), Registry())
    blocks = Blocks(args.blocks)
    chosen = [q for q in QUERIES if args.only in q[0]]
    end = args.end - 60

    def ours(query: tuple[str, int, int, str]) -> bytes:
        _, back, step, expr = query
        if back == 0:
            return engine.instant(blocks, expr, end * 1000).json()
        return engine.range(blocks, expr, (args.end - back) * 1000, end * 1000, step * 1000).json()

    def asked(query: tuple[str, int, int, str]) -> tuple[str, dict[str, object]]:
        _, back, step, expr = query
        if back == 0:
            return "/api/v1/query", {"query": expr, "time": end}
        return "/api/v1/query_range", {"query": expr, "start": args.end - back, "end": end, "step": step}

    if args.profile:
        profile = cProfile.Profile()
        for query in chosen:
            profile.runcall(timed, lambda query=query: ours(query), args.n)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    if not args.peer:
        for query in chosen:
            wall, body = timed(lambda query=query: ours(query), args.n)
            print(f"{query[0]:32}{wall:10.2f} ms {len(body):10} bytes", flush=True)
        return
    ratios = []
    with peer(args.blocks) as ask:
        for query in chosen:
            theirs, reference = timed(lambda query=query: ask(*asked(query)), args.n)
            mine, body = timed(lambda query=query: ours(query), args.n)
            ratios.append(theirs / mine)
            same = difference(body, reference)
            print(f"{query[0]:32}{theirs:10.2f} ms{mine:10.2f} ms {ratios[-1]:7.2f}x  {same}", flush=True)
    print(f"geometric mean {math.exp(statistics.fmean(map(math.log, ratios))):.2f}x, worst {min(ratios):.2f}x")


if __name__ == "__main__":
    main()
