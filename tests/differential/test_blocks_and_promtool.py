"""Blocks go both ways: what promtool writes we read, what we write promtool reads, sample by sample."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.block_set import BlockOptions, Blocks
from narthex.tsdb.block_write import write_block
from support.process import needs

pytestmark = needs("promtool")

HOUR = 3_600_000
START = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR
FOREVER = (-(2**62), 2**62)
Samples = dict[tuple[tuple[str, str], ...], list[tuple[int, str]]]


def promtool(*args: str) -> str:
    done = subprocess.run(["promtool", "tsdb", *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(text: str) -> str:
    return repr(float(text))


LINE = re.compile(r"^\{(.*)\} (\S+) (-?\d+)$")
PAIR = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def dumped(directory: Path) -> Samples:
    (directory / "wal").mkdir(exist_ok=True)  # promtool insists on one
    out: Samples = {}
    for line in promtool("dump", str(directory)).splitlines():
        match = LINE.match(line)
        assert match, line
        out.setdefault(tuple(PAIR.findall(match[1])), []).append((int(match[3]), number(match[2])))
    return out


def samples(batch: SeriesBatch) -> Samples:
    out: Samples = {}
    for row in range(len(batch)):
        times, values = batch.samples(row, *FOREVER)
        out[tuple(batch.labels[row].items())] = [(int(t), number(str(v))) for t, v in zip(times, values, strict=True)]
    return out


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen hours of 25 series with gaps and odd values, as promtool's own 2 h blocks."""
    directory = tmp_path_factory.mktemp("history")
    rnd = random.Random(1)
    text = ["# TYPE load gauge\n"]
    for k in range(25):
        t = START + rnd.randrange(15000)
        while t < START + 14 * HOUR:
            value = rnd.choice(["NaN", "+Inf", "-Inf", "0", "-0.0", "1e300", str(k), str(rnd.random()), "1"])
            text.append(f'load{{instance="h{k % 7}:9100",core="{k}"}} {value} {t / 1000:.3f}\n')
            t += rnd.choice([15000, 15000, 15000, 15001, 60000, 1, 1_000_000])
    (directory / "in.om").write_text("".join(text) + "# EOF\n")
    promtool("create-blocks-from", "openmetrics", "-q", str(directory / "in.om"), str(directory / "data"))
    return directory / "data"


def test_blocks_of_promtool_read_back_equal(history: Path) -> None:
    blocks = Blocks(history)
    blocks.load()
    assert len(blocks.blocks) >= 4
    assert not blocks.broken
    want = dumped(history)
    assert samples(blocks.querier(*FOREVER).select([])) == want
    some = blocks.querier(START + HOUR, START + 3 * HOUR).select([Matcher(MatchType.REGEX, "instance", "h[12].*")])
    wanted_rows = {labels for labels in want if dict(labels)["instance"][:2] in ("h1", "h2")}
    assert set(samples(some)) == wanted_rows
    for row in range(len(some)):
        labels = tuple(some.labels[row].items())
        times, _ = some.samples(row, START + HOUR, START + 3 * HOUR)
        assert [int(t) for t in times] == [t for t, _ in want[labels] if START + HOUR <= t <= START + 3 * HOUR]


def test_a_compacted_block_holds_the_same_samples_for_promtool(history: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(history, data)
    want = dumped(data)
    blocks = Blocks(data, BlockOptions(max_duration=18 * HOUR))
    blocks.load()
    before = len(blocks.blocks)
    assert blocks.compact() >= 1
    assert len(blocks.blocks) < before
    assert dumped(data) == want
    assert samples(blocks.querier(*FOREVER).select([])) == want
    listed = promtool("list", str(data)).splitlines()[1:]
    assert {line.split()[0] for line in listed} == {b.meta.ulid for b in blocks.blocks}
    merged = max(blocks.blocks, key=lambda b: b.meta.level)
    assert merged.meta.level == 2
    assert "\nSeries: 25\n" in promtool("analyze", str(data), merged.meta.ulid)
    assert merged.meta.stats.samples == sum(
        merged.meta.min_time <= t < merged.meta.max_time for row in want.values() for t, _ in row
    )


def test_overlapping_blocks_merge_without_duplicates(history: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(history, data)
    want = dumped(data)
    blocks = Blocks(data)
    blocks.load()
    batch = blocks.querier(*FOREVER).select([])
    write_block(data, batch, START + HOUR // 2, START + 5 * HOUR)
    blocks.reload()
    assert samples(blocks.querier(*FOREVER).select([])) == want
    blocks.compact()
    assert not any(a.meta.max_time > b.meta.min_time for a, b in pairwise(blocks.blocks))
    assert samples(blocks.querier(*FOREVER).select([])) == want
    assert dumped(data) == want


def test_a_block_of_columns_is_dumped_by_promtool(tmp_path: Path) -> None:
    batch = SeriesBatch()
    want: Samples = {}
    for k in range(5):
        times = np.arange(START - 1000, START + 2 * HOUR + 5000, 7000 + k, dtype=np.int64)
        values = np.sin(times / 1e5)
        labels = [("__name__", "wave"), ("k", str(k)), ("text", 'q"\\\n§')]
        batch.add_columns(labels, times, values)
        inside = (times >= START) & (times < START + 2 * HOUR)
        rows = [(int(t), repr(float(v))) for t, v in zip(times[inside], values[inside], strict=True)]
        want[(("__name__", "wave"), ("k", str(k)), ("text", 'q\\"\\\\\\n§'))] = rows
    meta = write_block(tmp_path, batch, START, START + 2 * HOUR)
    assert meta is not None
    assert meta.stats.samples == sum(map(len, want.values()))
    assert dumped(tmp_path) == want


def test_promtool_sees_deleted_samples_as_we_do(history: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(history, data)
    blocks = Blocks(data)
    blocks.load()
    low, high = START + HOUR + 12345, START + 3 * HOUR + 6789
    assert blocks.delete([Matcher(MatchType.EQUAL, "instance", "h3:9100")], low, high) > 0
    left = dumped(data)
    assert left != dumped(history)
    assert samples(blocks.querier(*FOREVER).select([])) == left
    again = Blocks(data)
    again.load()
    assert samples(again.querier(*FOREVER).select([])) == left
    again.clean_tombstones()
    assert all(len(b.tombstones) == 0 for b in again.blocks)
    assert dumped(data) == left


def test_an_index_of_version_1_is_read_as_promtool_reads_it(conformance: Path, tmp_path: Path) -> None:
    source = conformance / "tsdb" / "index_format_v1"
    block = tmp_path / json.loads((source / "meta.json").read_text())["ulid"]
    shutil.copytree(source, block)
    blocks = Blocks(tmp_path)
    blocks.load()
    assert not blocks.broken
    want = dumped(tmp_path)
    assert len(want) == 102
    assert samples(blocks.querier(*FOREVER).select([])) == want
    assert (block / "index").read_bytes()[4] == 1
    # What is made of it has the version that is written now, and the same samples.
    blocks.delete([Matcher(MatchType.EQUAL, "bar", "7")], 0, 2**40)
    blocks.clean_tombstones()
    (made,) = blocks.blocks
    assert made.reader.index_version == 2
    del want[(("bar", "7"),)]
    assert samples(blocks.querier(*FOREVER).select([])) == dumped(tmp_path) == want


def test_an_index_of_version_3_gives_what_promtool_reads_from_version_2(history: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(history, data)
    want = dumped(data)
    for path in data.glob("*/index"):
        index = bytearray(path.read_bytes())
        index[4] = 3
        path.write_bytes(index)
    blocks = Blocks(data)
    blocks.load()
    assert {b.reader.index_version for b in blocks.blocks} == {3}
    assert samples(blocks.querier(*FOREVER).select([])) == want
