"""Death at every point where the database touches its files, at random moments, and by loss of power."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LONG = bool(os.environ.get("NARTHEX_LONG"))
SEED = int(os.environ.get("NARTHEX_SEED", "1"))
ROUNDS = 400 if LONG else 20  # beside one for each sync point
MUST_DIE_AT = {
    "rename chunk_snapshot.N.N.tmp", "fsync chunk_snapshot.N.N.tmp/N", "write wbl/N", "fsync wbl/N", "remove wbl/N",
    "write chunks_head/N", "write wal/N", "fsync wal/N",
    "fsync wal", "create wal/N", "remove wal/N",
    "fsync wal/checkpoint.N.tmp/N", "rename wal/checkpoint.N.tmp", "remove wal/checkpoint.N/N",
    "create ULID.tmp-for-creation/index", "fsync ULID.tmp-for-creation/index", "fsync ULID.tmp-for-creation/chunks/N",
    "rename ULID.tmp-for-creation", "rename ULID", "remove ULID.tmp-for-deletion/index",
    "create wal/N.tmp", "rename wal/N.tmp",
}  # fmt: skip


@pytest.mark.timeout(3600 if LONG else 300)
def test_what_was_acknowledged_survives_every_death(tmp_path: Path) -> None:
    """Head blocks, checkpoints, compaction and retention go on all the time. In memory, where that is possible."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as scratch:
        command = [sys.executable, "-m", "support.crashes", scratch, str(SEED), str(ROUNDS)]
        process = subprocess.run(command, cwd=TESTS, capture_output=True, text=True)
    assert process.returncode == 0, f"seed {SEED}: {process.stderr}"
    rounds = [json.loads(line) for line in process.stdout.splitlines()]
    assert "wrong" not in rounds[-1], f"seed {SEED}: {rounds[-2:]}\n{process.stderr}"
    died_at = rounds[-1]["died_at"]
    assert set(died_at) >= MUST_DIE_AT, sorted(MUST_DIE_AT - set(died_at))
    assert sum(bool(r.get("power")) for r in rounds) >= ROUNDS // 4
    assert sum("after" in r for r in rounds) >= ROUNDS // 4
