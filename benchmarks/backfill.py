"""CPU and wall of making blocks from OpenMetrics text, and of dumping them, against promtool on the same file."""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START = 1_700_000_000
PROGRAMS = {"narthex": [sys.executable, "-m", "narthex", "promtool"], "promtool": ["promtool"]}


def write(path: Path, series: int, steps: int) -> None:
    """A sample every 15 s of each series, series by series."""
    values = [f"{k * 37 % 1009}.{k % 1000:03d}" for k in range(10_007)]
    with path.open("w") as out:
        for k in range(series):
            name = f'load{{instance="h{k % 97}:9100",core="{k}",job="node"}}'
            out.writelines(f"{name} {values[(k + i) % len(values)]} {START + 15 * i}\n" for i in range(steps))
        out.write("# EOF\n")


def cost(command: list[str]) -> tuple[float, float]:
    """Seconds of CPU and of wall."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__)
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    names = [name for name, program in PROGRAMS.items() if shutil.which(program[0])]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.om"
        write(source, arguments.series, arguments.steps)
        results: dict[str, dict[str, tuple[float, float]]] = {"import": {}, "dump": {}}
        for name in names:
            data = Path(folder) / name
            tool = [*PROGRAMS[name], "tsdb"]
            results["import"][name] = cost([*tool, "create-blocks-from", "openmetrics", "-q", str(source), str(data)])
            (data / "wal").mkdir()  # promtool insists on one
            results["dump"][name] = cost([*tool, "dump", str(data)])
    for work, found in results.items():
        line = ", ".join(f"{name} {cpu:.2f} s CPU, {wall:.2f} s wall" for name, (cpu, wall) in found.items())
        if "promtool" in found:
            line += f": {found['narthex'][0] / found['promtool'][0]:.3f} x CPU"
        print(f"{work} of {arguments.series * arguments.steps} samples: {line}")
    if "promtool" not in names:
        print("promtool is not installed (Debian: apt-get install prometheus): no ratio")


if __name__ == "__main__":
    main()
