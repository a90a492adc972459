"""Label APIs and selections by regular expression over a head of a million series, against Prometheus.

    python -m benchmarks.labels [--series 1000000] [-n 3] [--only TEXT] [--gzip] [--block]

One write-ahead log is made (build/bench/log-SERIES) and replayed by both servers; with --block they open a block with
the same series instead. Each request is made in turn to both;
wall is the median, CPU the server's own, and answers are compared. Prometheus before 3 knows no limit= on
/labels and /label values, and answers all. --gzip asks for compressed answers.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import shutil
import statistics
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.servers import Server, peer

from narthex.clock import SystemClock
from narthex.files.durable import new_directory
from narthex.instrument.registry import Registry
from narthex.native import LabelSets
from narthex.tsdb.block_write import write_block
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

END = 1_780_000_200_000  # milliseconds: the newest sample
SAMPLES, STEP = 4, 15_000
HOUR = 3_600_000
PER_POD = 10  # series
_FLAGS = ("--storage.tsdb.retention.time=100y", "--query.max-samples=500000000")
_MODELS = ("llama-3-70b", "llama-3-8b", "mixtral-8x7b", "qwen-2-72b")
_SERVICES = ("gateway", "router", "worker", "embedder", "cache")


def label_sets(series: int) -> Iterator[dict[str, str]]:
    """Pods that came and went, ten series each; every pod has a label that no other has."""
    for i in range(series):
        pod = i // PER_POD
        digest = hashlib.sha1(str(pod).encode(), usedforsecurity=False).hexdigest()
        service = _SERVICES[pod % len(_SERVICES)]
        yield {
            "__name__": f"llm_{service}_{('requests', 'tokens', 'queue')[i % 3]}_{i % 40:02d}_total",
            "job": f"llm/{service}",
            "namespace": f"team-{pod % 10}",
            "node": f"node-{pod % 2000:04d}",
            "instance": f"10.{pod % 2000 // 250}.{pod % 250}.{pod % 7}:8000",
            "pod": f"{service}-{digest[:10]}-{digest[10:15]}",
            "model": _MODELS[pod % 4],
            "le": ("0.1", "0.5", "1.0", "+Inf")[i % 4],
        }


def make_log(directory: Path, series: int) -> None:
    db = DB.open(directory, DBOptions(), Registry(), SystemClock())
    rows = label_sets(series)
    for first in range(0, series, 20_000):
        sets = LabelSets()
        for labels in itertools.islice(rows, min(20_000, series - first)):
            sets.add(sorted(labels.items()))
        appender = db.appender()
        refs = appender.series_many(sets)
        for k in range(SAMPLES):
            at = np.full(len(refs), END - (SAMPLES - 1 - k) * STEP, np.int64)
            appender.append(refs, at, np.arange(len(refs), dtype=np.float64) + k)
        appender.commit()
    db.close()


def log_of(series: int) -> Path:
    directory = Path(f"build/bench/log-{series}")
    if not directory.is_dir():
        print("making the log ...", flush=True)
        with new_directory(directory, ".tmp") as temporary:
            make_log(temporary, series)
    return directory


def block_of(series: int) -> Path:
    directory = Path(f"build/bench/block-{series}")
    if not directory.is_dir():
        with tempfile.TemporaryDirectory() as folder, new_directory(directory, ".tmp") as temporary:
            shutil.copytree(log_of(series), Path(folder) / "data")
            db = DB.open(Path(folder) / "data", DBOptions(), Registry(), SystemClock())
            write_block(temporary, db.querier(0, END).select([]), END - HOUR, END + 1)
            db.close()
    return directory


Case = tuple[str, str, list[tuple[str, object]]]


def cases() -> list[Case]:
    pod = next(label_sets(1))["pod"]
    some = "|".join(f"10.{i // 250}.{i % 250}.{i % 7}:8000" for i in range(0, 400, 8))
    window: list[tuple[str, object]] = [("start", (END - HOUR) / 1000), ("end", END / 1000)]

    def labels(name: str, *match: str, **more: object) -> Case:
        return f"labels {name}", "/api/v1/labels", [*(("match[]", m) for m in match), *more.items(), *window]

    def values(name: str, label: str, *match: str, **more: object) -> Case:
        path = f"/api/v1/label/{label}/values"
        return f"values {name}", path, [*(("match[]", m) for m in match), *more.items(), *window]

    def series(name: str, *match: str, **more: object) -> Case:
        return f"series {name}", "/api/v1/series", [*(("match[]", m) for m in match), *more.items(), *window]

    def query(name: str, expression: str) -> Case:
        return f"query {name}", "/api/v1/query", [("query", expression), ("time", END / 1000)]

    return [
        labels("all"),
        labels("of 10 series", f'{{pod="{pod}"}}'),
        labels("of 100k series", '{namespace="team-3"}'),
        labels("of a regex", '{node=~"node-0.*",model!~"qwen.*"}'),
        labels("limit 3", limit=3),
        values("namespace", "namespace"),
        values("__name__", "__name__"),
        values("node", "node"),
        values("pod", "pod"),
        values("pod limit 100", "pod", limit=100),
        values("pod of a pod", "pod", f'{{pod="{pod}"}}'),
        values("pod of 100k series", "pod", '{namespace="team-3"}'),
        values("namespace of 100k series", "namespace", '{namespace=~"team-3|team-4"}'),
        values("pod of two regexes", "pod", '{pod=~".*a7.*",node=~"node-1.*"}'),
        values("model of everything", "model", '{__name__!=""}'),
        series("of a pod", f'{{pod="{pod}"}}'),
        series("of a name (25k)", "llm_worker_requests_00_total"),
        series("of a regex on pod", '{pod=~"worker-[0-9a-f]+-.*7f"}'),
        series("of two selectors", f'{{pod="{pod}"}}', '{node="node-0007"}'),
        series("100k", '{namespace="team-3"}'),
        series("100k limit 1000", '{namespace="team-3"}', limit=1000),
        series("negative only", '{__name__=~".+",pod!~".*[a-e].*"}'),
        series("all", '{__name__!=""}'),
        ("status tsdb", "/api/v1/status/tsdb", []),
        query("contains", 'count({pod=~".*a7.*"})'),
        query("regex on a name", 'count(llm_worker_requests_00_total{pod=~"worker-[0-9]+[a-f].*"})'),
        query("regex on all pods", 'count({pod=~"(worker|cache)-.*[0-9]{3}"})'),
        query("any case", 'count({pod=~"(?i)WORKER-A.*"})'),
        query("50 instances", f'count({{instance=~"{some}"}})'),
        query("not a regex", 'count({namespace="team-3",pod!~".*[a-f]{4}.*"})'),
        query("not many", 'count({namespace="team-3",pod!~"worker-.+",model!="llama-3-8b",le!=""})'),
        query("two matchers on a label", 'count({pod=~"worker-.*",pod!~".*7.*",node="node-0007"})'),
        query("absent label", 'count({node="node-0007",absent="",le!="+Inf"})'),
    ]


def ask(server: Server, case: Case, compressed: bool) -> tuple[float, float, bytes]:
    """Wall and CPU milliseconds, and the answer."""
    _, path, parameters = case
    url = f"http://127.0.0.1:{server.port}{path}?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"} if compressed else {})
    cpu, begun = server.cpu_seconds(), time.perf_counter()
    with urllib.request.urlopen(request, timeout=300) as response:
        body: bytes = response.read()
        unpack = response.headers.get("Content-Encoding") == "gzip"
    wall = time.perf_counter() - begun
    spent = server.cpu_seconds() - cpu
    return wall * 1000, spent * 1000, gzip.decompress(body) if unpack else body


def canonical(case: Case, body: bytes) -> Any:
    """What must be the same: not the order of series, not the timing."""
    name = case[0]
    data = json.loads(body)["data"]
    if "limit" in name:
        return None
    if name == "status tsdb":
        return data["headStats"]["numSeries"], [entry["value"] for entry in data["seriesCountByMetricName"]]
    if name.startswith("series"):
        return sorted(tuple(sorted(labels.items())) for labels in data) if len(data) <= 200_000 else len(data)
    return [result["value"] for result in data["result"]] if name.startswith("query") else data


def measure(servers: list[Server], case: Case, n: int, compressed: bool) -> tuple[list[tuple[float, float]], bool]:
    results: list[list[tuple[float, float]]] = [[] for _ in servers]
    answers: list[Any] = [None] * len(servers)
    for turn in range(600):
        for k, server in enumerate(servers):
            wall, cpu, body = ask(server, case, compressed)
            results[k].append((wall, cpu))
            if turn == 0:
                answers[k] = canonical(case, body)
        # CPU is counted in ticks of 10 ms: quick requests are made often.
        if turn + 1 >= n and min(sum(wall for wall, _ in r) for r in results) > 300:
            break
    figures = [(statistics.median(w for w, _ in r), statistics.fmean(c for _, c in (r[1:] or r))) for r in results]
    return figures, all(a == answers[0] for a in answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("-n", type=int, default=3, help="least number of requests of a kind")
    parser.add_argument("--only", default="", help="requests whose name contains this")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--block", action="store_true", help="the series lie in a block")
    options = parser.parse_args()
    program = peer()
    stored = block_of(options.series) if options.block else log_of(options.series)
    walls, cpus = [], []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        config = Path(folder) / "empty.yml"
        config.write_text("global: {}\n")
        servers = []
        for name in ("narthex", program):
            if name is not None:
                data = Path(folder) / Path(name).name
                shutil.copytree(stored, data)
                servers.append(stack.enter_context(Server(name, config, data, *_FLAGS)))
        for case in cases():
            if options.only not in case[0]:
                continue
            before = servers[0].memory()
            figures, same = measure(servers, case, options.n, options.gzip)
            line = f"{case[0]:32}" + "".join(f"{w:9.1f} ms {c:8.1f} CPU" for w, c in figures)
            if program is not None:
                (wall, cpu), (peer_wall, peer_cpu) = figures
                walls.append(wall / peer_wall)
                line += f"   {walls[-1]:6.3f} wall"
                if peer_cpu > 0:
                    cpus.append(cpu / peer_cpu)
                    line += f" {cpus[-1]:6.3f} CPU"
                line += "" if same else "  ANSWERS DIFFER"
            print(f"{line}  {(servers[0].memory() - before) / 2**20:+.0f} MiB", flush=True)
        print("memory " + ", ".join(f"{s.memory() / 2**20:.0f} MiB" for s in servers))
    if walls:
        print(f"worst {max(walls):.2f} of the peer's wall time, {max(cpus, default=0):.2f} of its CPU")


if __name__ == "__main__":
    main()
