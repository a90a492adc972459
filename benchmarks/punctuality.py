"""Whether scrapes of thousands of targets come on time: distance from the interval, and cores, against Prometheus.

    python -m benchmarks.punctuality [--targets 2000] [--series 100] [--interval 10] [--seconds 60]

The targets note when they are asked. Printed are percentiles of how far the time between two scrapes of a target is
from the interval, in milliseconds, how many targets are up, and the cores that the server takes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from benchmarks.fleet import serving
from benchmarks.servers import Server, peer


def arrivals(port: int) -> list[list[float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/arrivals", timeout=60) as response:
        told: list[list[float]] = json.load(response)
        return told


def measured(program: str, folder: Path, port: int, options: argparse.Namespace) -> None:
    interval = f"{options.interval}s"
    targets = "".join(
        f"  - {{targets: ['127.0.0.1:{port}'], labels: {{instance: 'host-{i:04d}', __metrics_path__: /{i}/metrics}}}}\n"
        for i in range(options.targets)
    )
    name = Path(program).name
    config = folder / f"{name}.yml"
    config.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        f"scrape_configs:\n- job_name: llm\n  static_configs:\n{targets}"
    )
    with Server(program, config, folder / name) as server:
        while server.value("count(scrape_samples_scraped > 0)") != options.targets:
            time.sleep(1)
        time.sleep(options.interval)  # the cost of making series is not meant
        arrivals(port)
        cpu, begun = server.cpu_seconds(), time.monotonic()
        time.sleep(options.seconds)
        cores = (server.cpu_seconds() - cpu) / (time.monotonic() - begun)
        up, times = server.value("sum(up)"), arrivals(port)
    least = min(map(len, times))
    off = np.concatenate([np.abs(np.diff(t) - options.interval) for t in times]) * 1000
    p50, p99, most = np.percentile(off, (50, 99, 100))
    print(f"{name:12} off by {p50:6.2f} ms (p50) {p99:6.2f} ms (p99) {most:6.1f} ms (most); ", end="")
    print(f"{up:.0f} of {options.targets} up, each asked {least} times at least; {cores:.2f} cores", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=2000)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(options.targets, options.series) as port:
        measured("narthex", Path(folder), port, options)
        if (prometheus := peer()) is not None:
            measured(prometheus, Path(folder), port, options)


if __name__ == "__main__":
    main()
