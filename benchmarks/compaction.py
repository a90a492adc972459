"""What compaction costs and what it leaves: CPU and bytes against Prometheus, for the head and for blocks.

    python -m benchmarks.compaction [--instances 40] [--hours 26]

Both servers start on copies of the same directory: with a log of six hours, with blocks of two hours, with six hours of
blocks that overlap; each runs until nothing is left to compact. Of the CPU that a server used meanwhile, what it uses
when idle is taken off.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import BLOCK, END, make_history, make_log, make_overlaps
from benchmarks.servers import Server, peer

from narthex.errors import CorruptionError
from narthex.tsdb.compact_plan import block_ranges, max_block_duration, plan_compaction
from narthex.tsdb.meta import BlockMeta, read_meta

_POLL = 0.2  # seconds
_IDLE = 10.0  # seconds of which the idle load is taken


@dataclass
class Outcome:
    """CPU seconds of a compaction, and the files of the blocks after it."""

    cpu: float
    index: int
    chunks: int
    samples: int

    @property
    def bytes(self) -> int:
        return self.index + self.chunks


def metas(data: Path) -> list[BlockMeta]:
    found = []
    for path in data.glob("*/meta.json"):
        try:
            if path.parent.suffix == "":
                found.append(read_meta(path.parent))
        except CorruptionError:  # the directory has just gone
            continue
    return found


def outcome(cpu: float, data: Path) -> Outcome:
    index, chunks = (sum(p.stat().st_size for p in data.glob(g)) for g in ("*/index", "*/chunks/*"))
    return Outcome(cpu, index, chunks, sum(m.stats.samples for m in metas(data)))


def measured(program: str, source: Path, folder: Path, done: Callable[[Path], bool]) -> Outcome:
    """Runs a server on a copy of `source` until `done(data)` has held for five seconds."""
    data = folder / Path(program).name
    shutil.copytree(source, data)
    config = folder / "empty.yml"
    config.write_text("global: {}\n")
    with Server(program, config, data, "--storage.tsdb.retention.time=100y") as server:
        time.sleep(1)
        begun, cpu = time.monotonic(), server.cpu_seconds()
        held = 0.0
        while held < 5:
            time.sleep(_POLL)
            held = held + _POLL if done(data) and not any(data.glob("*.tmp-for-*")) else 0
            if time.monotonic() - begun > 900:
                raise SystemExit(f"{program} does not come to an end")
        busy, taken = server.cpu_seconds() - cpu, time.monotonic() - begun
        cpu = server.cpu_seconds()
        time.sleep(_IDLE)
        idle = (server.cpu_seconds() - cpu) / _IDLE
    result = outcome(busy - idle * taken, data)
    shutil.rmtree(data)
    return result


def compare(what: str, source: Path, folder: Path, done: Callable[[Path], bool]) -> None:
    print(f"{what}:        CPU s   index bytes   chunk bytes  bytes a sample")
    results = []
    for program in ["narthex", peer()]:
        if program is None:
            continue
        r = measured(program, source, folder, done)
        print(
            f"{Path(program).name:12}{r.cpu:11.2f}{r.index:14}{r.chunks:14}{r.bytes / r.samples:16.4f}",
            flush=True,
        )
        results.append(r)
    if len(results) == 2:
        ours, theirs = results
        assert ours.samples == theirs.samples, "not the same samples in the blocks"
        print(
            f"ratio       {ours.cpu / theirs.cpu:11.3f}{ours.index / theirs.index:14.4f}"
            f"{ours.chunks / theirs.chunks:14.4f}{ours.bytes / theirs.bytes:16.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=40, help="120 series each")
    parser.add_argument("--hours", type=int, default=26)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_log(folder / "log", options.instances, 6)
        compare("head", folder / "log", folder, lambda data: len(metas(data)) >= 2)
        make_history(folder / "blocks", options.instances, options.hours)
        left = settled_blocks(options.hours)
        make_overlaps(folder / "overlaps", options.instances)
        compare("overlaps", folder / "overlaps", folder, lambda data: len(metas(data)) == 1)
        compare("blocks", folder / "blocks", folder, lambda data: len(metas(data)) <= left)


def settled_blocks(hours: int) -> int:
    """How many blocks of `hours` hours are left when levels of 6 and 18 hours are filled and the newest stays."""
    start = END - hours * 3_600_000
    blocks = [BlockMeta(str(t), t, t + BLOCK) for t in range(start, END, BLOCK)]
    while planned := plan_compaction(blocks, block_ranges(BLOCK, max_block_duration(0))):
        one = BlockMeta(planned[0].ulid + "+", planned[0].min_time, planned[-1].max_time)
        blocks = [b for b in blocks if b not in planned] + [one]
    return len(blocks)


if __name__ == "__main__":
    main()
