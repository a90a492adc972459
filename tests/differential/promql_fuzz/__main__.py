"""Runs the fuzzer from the command line; status 1 when a difference is not explained."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from differential.promql_fuzz.fuzz import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="promql_fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="number of the first query")
    parser.add_argument("--queries", type=int, default=1000)
    given = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = run(given.seed, given.queries, Path(folder))
    print(report)
    print(f"{time.perf_counter() - begun:.0f} s")
    return 1 if report.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
