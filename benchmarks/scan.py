"""What a scraped body costs to read: nanoseconds a line, for lines that are known, moved and new.

    python -m benchmarks.scan [--series 2000] [--rounds 50]

The peer is the text parser of prometheus-client, the usual way to read the format in Python; it runs on the same body
in the same minute and the ratio is against it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from narthex.native import ScrapeCache

BUCKETS = ["0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf"]


def body(series: int, seed: int) -> list[bytes]:
    """Lines of an LLM server: three quarters buckets, the rest counters and ratios; values depend on `seed`."""
    source = random.Random(seed)
    lines = [b"# HELP llm_duration_seconds Seconds.\n# TYPE llm_duration_seconds histogram\n"]
    for i in range(series):
        labels = f'model="llama-{i // 16 % 4}",endpoint="/v1/completions",tenant="team-{i // 64:04d}"'
        if i % 16 < 12:
            text = f'llm_duration_seconds_bucket{{{labels},le="{BUCKETS[i % 16]}"}} {source.randrange(10**7)}\n'
        elif i % 16 < 14:
            text = f"llm_tokens_{i % 16}_total{{{labels}}} {source.randrange(10**9)}\n"
        else:
            text = f"llm_ratio_{i % 16}{{{labels}}} {source.random():.6f}\n"
        lines.append(text.encode())
    return lines


def best(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest round: the one that was disturbed least."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def scrape(cache: ScrapeCache, data: bytes) -> int:
    counts = cache.scan(data, 0)
    if counts.unknown:
        ids = cache.unknown()
        cache.assign(ids, np.arange(len(ids), dtype=np.uint64))
    cache.samples()
    cache.vanished()
    cache.commit()
    return counts.unknown


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--series", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=50)
    options = arguments.parse_args()

    bodies = [body(options.series, seed) for seed in range(8)]
    joined = [b"".join(lines) for lines in bodies]
    cache = ScrapeCache()
    scrape(cache, joined[0])
    turn = iter(range(10**9))
    known = best(lambda: scrape(cache, joined[next(turn) % 8]), options.rounds)
    shuffled = []
    for lines in bodies:
        mixed = lines[1:]
        random.Random(len(shuffled)).shuffle(mixed)
        shuffled.append(b"".join(mixed))
    moved = best(lambda: scrape(cache, shuffled[next(turn) % 8]), options.rounds)
    new = best(lambda: scrape(ScrapeCache(), joined[0]), options.rounds)
    text = joined[0].decode()
    peer = best(lambda: [f.samples for f in text_string_to_metric_families(text)], 3)

    def per_line(seconds: float) -> float:
        return round(seconds / options.series * 1e9, 1)

    print(
        json.dumps(
            {
                "series": options.series,
                "body_bytes": len(joined[0]),
                "known_ns_per_line": per_line(known),
                "moved_ns_per_line": per_line(moved),
                "new_ns_per_line": per_line(new),
                "prometheus_client_ns_per_line": per_line(peer),
                "ratio_known": round(peer / known),
                "ratio_new": round(peer / new),
                "cache_bytes_per_series": round(cache.memory_bytes() / options.series, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
