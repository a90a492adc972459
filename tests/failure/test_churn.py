"""Series that come and go leave nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("NARTHEX_LONG"))


@pytest.mark.timeout(1800 if LONG else 300)
def test_memory_stays_flat_while_series_come_and_go(tmp_path: Path) -> None:
    """One million series in two hours in the long form; each lives ten minutes of simulated time."""
    series, hours = (1_000_000, 12) if LONG else (60_000, 10)
    command = [sys.executable, "-m", "benchmarks.churn", "--directory", str(tmp_path / "data")]
    process = subprocess.run(
        [*command, "--series", str(series), "--hours", str(hours)], cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert result["series_created"] > series * hours // 2
    assert result["series_left"] < series * 2  # three hours or so of the head
    settled, last = result["anonymous_MB_by_two_hours"][1], result["anonymous_MB_by_two_hours"][-1]
    assert last < settled * 1.15 + 3, result
