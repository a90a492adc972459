from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "backfill",
    "churn",
    "compaction",
    "head",
    "ingest",
    "labels",
    "otlp",
    "punctuality",
    "queries",
    "remote_write",
    "scan",
    "stalls",
    "windows",
)


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_every_measurement_is_listed_with_what_it_measures() -> None:
    listed = dict(line.split(": ", 1) for line in run("benchmarks", "--list").splitlines())
    assert tuple(listed) == NAMES
    assert all(listed.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_measurement_starts(name: str) -> None:
    assert f"benchmarks.{name}" in run(f"benchmarks.{name}", "--help")
