"""What scraping costs a whole server: CPU a million samples and memory a series, against Prometheus.

    python -m benchmarks.ingest [--targets 20] [--series 2000] [--interval 2] [--seconds 20]

Both servers scrape the same targets, one after the other. The figures of the README are those of
`--targets 50 --interval 5 --seconds 90`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.fleet import serving
from benchmarks.servers import Server, peer


def measured(program: str, folder: Path, port: int, options: argparse.Namespace) -> tuple[float, float]:
    """CPU seconds a million samples, bytes a series."""
    jobs = "".join(
        f"- job_name: llm-{i}\n  metrics_path: /{i}/metrics\n  static_configs:\n"
        f"  - {{targets: ['127.0.0.1:{port}'], labels: {{instance: 'host-{i:04d}'}}}}\n"
        for i in range(options.targets)
    )
    name = Path(program).name
    config = folder / f"{name}.yml"
    interval = f"{options.interval}s"
    config.write_text(f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\nscrape_configs:\n{jobs}")
    with Server(program, config, folder / name) as server:
        while server.value("min(scrape_samples_scraped)") != options.series:
            time.sleep(0.5)
        time.sleep(options.interval * 2)  # the cost of making series is not meant
        cpu, begun, samples = server.cpu_seconds(), time.monotonic(), server.value("sum(scrape_samples_scraped)")
        time.sleep(options.seconds)
        scraped = samples * (time.monotonic() - begun) / options.interval
        cost = (server.cpu_seconds() - cpu) / scraped * 1e6
        memory = server.memory() / samples
    print(f"{name:12}{cost:8.2f} CPU s a million samples {memory:8.0f} bytes a series", flush=True)
    return cost, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--interval", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(options.targets, options.series) as port:
        ours = measured("narthex", Path(folder), port, options)
        if (prometheus := peer()) is not None:
            theirs = measured(prometheus, Path(folder), port, options)
            print(f"ratio       {ours[0] / theirs[0]:8.2f} x CPU {ours[1] / theirs[1]:29.2f} x memory")


if __name__ == "__main__":
    main()
