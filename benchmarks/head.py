"""What a scrape costs the head: nanoseconds a sample with the log, bytes of memory a series, replay time.

    python -m benchmarks.head [--targets 50] [--series 2000] [--rounds 12] [--directory DIR]

Series have seven labels, shaped like those of LLM servers; half the values are counters, half are floats that change
every time. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from narthex.clock import SystemClock
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import LabelSets
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions

BUCKETS = ["0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf"]


def anonymous_bytes() -> int:
    """RssAnon of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


def label_set(target: int, i: int) -> dict[str, str]:
    return {
        "__name__": f"llm_request_duration_seconds_{i % 17}_bucket",
        "job": "llm",
        "instance": f"host-{target:04d}:8000",
        "model": f"model-{i // 204 % 4}",
        "endpoint": f"/v1/{i // 816 % 3}",
        "tenant": f"team-{i // 2448:04d}",
        "le": BUCKETS[i // 17 % 12],
    }


def create(db: DB, targets: int, series: int) -> list[np.ndarray]:
    refs = []
    for target in range(targets):
        sets = LabelSets()
        for i in range(series):
            sets.add(Labels(label_set(target, i)).pairs())
        appender = db.appender()
        refs.append(appender.series_many(sets))
        appender.commit()
    return refs


def run(directory: Path, targets: int, series: int, rounds: int) -> dict[str, float]:
    db = DB.open(directory, DBOptions(), Registry(), SystemClock())
    # A first target outside the measurement, so that allocator pools and numpy are warm.
    create(db, 1, 1)
    before = anonymous_bytes()
    started = time.perf_counter()
    refs = create(db, targets, series)
    create_seconds = time.perf_counter() - started
    random = np.random.default_rng(1)
    values = random.integers(0, 1000, series).astype(np.float64)
    counter = np.arange(series) % 2 == 0
    now = 1_700_000_000_000
    elapsed = cpu = 0.0
    for step in range(rounds):
        values = np.where(counter, values + np.arange(series) % 97, random.random(series) * 100)
        for target in range(targets):
            timestamps = np.full(series, now + step * 5000 + target * 37, np.int64)
            start, cpu_start = time.perf_counter(), time.process_time()
            appender = db.appender()
            appender.append(refs[target], timestamps, values)
            appender.commit()
            elapsed += time.perf_counter() - start
            cpu += time.process_time() - cpu_start
    samples = targets * series * rounds
    memory = anonymous_bytes() - before
    overhead_start = time.perf_counter()
    one = refs[0][:1]
    for step in range(1000):
        appender = db.appender()
        appender.append(one, np.array([now + 10_000_000 + step]), np.array([1.0]))
        appender.commit()
    overhead = (time.perf_counter() - overhead_start) / 1000
    db.close()
    return {
        "series": targets * series,
        "samples": samples,
        "create_us_per_series": create_seconds / (targets * series) * 1e6,
        "append_ns_per_sample": elapsed / samples * 1e9,
        "append_cpu_ns_per_sample": cpu / samples * 1e9,
        "one_sample_commit_us": overhead * 1e6,
        "bytes_per_series": memory / (targets * series),
        "wal_bytes_per_sample": sum(p.stat().st_size for p in (directory / "wal").iterdir()) / samples,
    }


def replay(directory: Path) -> dict[str, float]:
    """Runs in a process of its own: a fresh one, as after a crash."""
    before = anonymous_bytes()
    started = time.perf_counter()
    db = DB.open(directory, DBOptions(), Registry(), SystemClock())
    seconds = time.perf_counter() - started
    series = db.head.counts().series
    memory = anonymous_bytes() - before
    started = time.perf_counter()
    batch = db.querier(-(2**62), 2**62).select([])
    select_ms = (time.perf_counter() - started) * 1e3
    assert len(batch) == series - 1 or len(batch) == series
    db.close()
    return {"replay_seconds": seconds, "replayed_bytes_per_series": memory / series, "select_all_ms": select_ms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--replay", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    directory = args.directory or Path(tempfile.mkdtemp(prefix="head-append-"))
    if args.replay:
        print(json.dumps(replay(directory)))
        return
    try:
        result = run(directory, args.targets, args.series, args.rounds)
        again = subprocess.run(
            [sys.executable, __file__, "--replay", "--directory", str(directory)], check=True, capture_output=True
        )
        result |= json.loads(again.stdout)
        print(json.dumps({k: round(v, 3) for k, v in result.items()}, indent=1))
    finally:
        if args.directory is None:
            shutil.rmtree(directory)


if __name__ == "__main__":
    main()
