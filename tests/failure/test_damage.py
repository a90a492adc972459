"""Flipped, cut, zeroed and added bytes in every file of a data directory: no crash, no hang, no wrong answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LONG = bool(os.environ.get("NARTHEX_LONG"))
SEED = int(os.environ.get("NARTHEX_SEED", "1"))
KINDS = {
    "ULID/chunks/N", "ULID/index", "ULID/meta.json", "ULID/tombstones", "chunks_head/N", "wal/N",
    "wal/checkpoint.N/N", "wbl/N", "chunk_snapshot.N.N/N",
}  # fmt: skip


@pytest.mark.timeout(3600 if LONG else 300)
def test_damage_anywhere_costs_only_what_it_touched_and_is_reported(tmp_path: Path) -> None:
    """Each damage: start, ask for everything, write, stop, start, ask again. All in memory, where that is possible."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as scratch:
        command = [sys.executable, "-m", "support.damage", scratch, str(SEED), str(200_000 if LONG else 4000)]
        process = subprocess.run(command, cwd=TESTS, capture_output=True, text=True)
        at = (Path(scratch) / "current").read_text()
    assert process.returncode == 0, f"seed {SEED}: died of {at}\n{process.stderr}"
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    failures = [line for line in lines if "wrong" in line]
    assert not failures, f"seed {SEED}: {len(failures)} damages, such as {failures[:5]}"
    done = Counter(lines[-1]["done"])
    assert {name.split(" ")[0] for name in done} == KINDS
    assert min(n for name, n in done.items() if name.endswith(" flip")) > 50
    assert done.total() > 3000
