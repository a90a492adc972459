"""Native histogram chunks that Debian's Prometheus wrote are read right, and it reads what is made of them here."""

from __future__ import annotations

import json
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.storage.contract import Queryable
from narthex.tsdb.block_set import Blocks
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from reference.block import read_chunk, read_index
from reference.chunk_bits import STALE, float_of
from reference.chunk_histogram import GAUGE, HEADER_BITS, Histogram, Layout, spans_of, write_histograms
from reference.histogram_values import plain
from support.chunks import batch_of, histograms_in, histograms_of_row
from support.clock import FakeClock
from support.histograms import batch_of_histograms
from support.process import needs
from support.prometheus import Prometheus

pytestmark = needs("prometheus")

HOUR = 3_600_000
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
STEP = 15_000
SAMPLES = 420
FOREVER = (-(2**62), 2**62)
FLAG = "--enable-feature=native-histograms"
Series = list[tuple[int, Histogram]]


def walk(floats: bool, gauge: bool, seed: int) -> Series:
    """A histogram whose layout grows, that is reset now and then, and that ends with a stale marker."""
    rnd = random.Random(seed)
    number = float if floats else int
    schema, low, high = 2, 0, 2
    positive: dict[int, float] = {}
    negative: dict[int, float] = {}
    out: Series = []
    zeros: float = 0
    for k in range(SAMPLES):
        if rnd.random() < 0.02:
            low, high = low - rnd.randrange(2), high + rnd.randrange(4)
        if rnd.random() < 0.01:
            schema = rnd.choice([1, 2, 3])
            positive, negative, zeros = {}, {}, 0
        if rnd.random() < 0.01 or gauge:
            positive, negative, zeros = {}, {}, 0
        for i in range(low, high):
            if i % 5 != 4:
                positive[i] = positive.get(i, 0) + number(rnd.randrange(20)) + (rnd.random() if floats else 0)
        for i in range(2):
            negative[i] = negative.get(i, 0) + number(rnd.randrange(2))
        zeros += number(rnd.randrange(3))
        layout = Layout(schema, 2.0**-128, spans_of(positive), spans_of(negative))
        count = sum(positive.values()) + sum(negative.values()) + zeros
        h = Histogram(layout, number(count), number(zeros), rnd.random() * count, dict(positive), dict(negative))
        out.append((START + k * STEP, replace(h, hint=GAUGE) if gauge else h))
    none = 0.0 if floats else 0
    out.append((START + SAMPLES * STEP, Histogram(Layout(), none, none, float_of(STALE))))
    return out


SERIES = {
    "calls": walk(floats=False, gauge=False, seed=1),
    "level": walk(floats=False, gauge=True, seed=2),
    "size": walk(floats=True, gauge=False, seed=3),
    "share": walk(floats=True, gauge=True, seed=4),
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Any]]]:
    """A block by Prometheus, and what it answers itself."""
    data = tmp_path_factory.mktemp("peer") / "data"
    with Prometheus(data, FLAG, "--web.enable-admin-api") as peer:
        write(peer, 0, SAMPLES + 1)
        _, body = peer.request("/api/v1/admin/tsdb/snapshot", method="POST")
        return data / "snapshots" / json.loads(body)["data"]["name"], answers(peer)


def answers(peer: Prometheus) -> dict[str, list[Any]]:
    end = START + (SAMPLES + 1) * STEP
    return {
        row["metric"]["__name__"]: row["histograms"]
        for row in peer.query('{__name__!=""}[5h]', time=f"{end / 1000:.3f}")
    }


def value(h: Histogram) -> object:
    """Without empty buckets: a chunk has the buckets of all its samples."""
    return "stale" if h.stale else plain(h)


def ours(storage: Queryable) -> dict[str, list[tuple[int, object]]]:
    batch = storage.querier(*FOREVER).select([])
    return {
        batch.labels[row]["__name__"]: [(t, value(h)) for t, _, h in histograms_of_row(batch, row)]
        for row in range(len(batch))
    }


def sent(last: int = SAMPLES + 1) -> dict[str, list[tuple[int, object]]]:
    return {name: [(t, value(h)) for t, h in samples[:last]] for name, samples in SERIES.items()}


def write(peer: Prometheus, first: int, last: int) -> None:
    # The markers apart: without a count they pass for integer histograms, and those are committed first.
    for part in (slice(first, min(last, SAMPLES)), slice(SAMPLES, last)):
        peer.write_histograms(({"__name__": name}, samples[part]) for name, samples in SERIES.items())


def append(db: DB, first: int, last: int) -> None:
    """Ten steps a commit."""
    for at in range(first, last, 10):
        appender = db.appender()
        for name, samples in SERIES.items():
            ref = appender.series(Labels({"__name__": name}))
            part = samples[at : min(at + 10, last)]
            times = np.array([t for t, _ in part], np.int64)
            batch = batch_of_histograms(h for _, h in part)
            assert not appender.append_histograms(np.full(len(part), ref, np.uint64), times, batch).any()
        appender.commit()


def open_db(data: Path) -> DB:
    return DB.open(data, DBOptions(), Registry(), FakeClock(START / 1000))


def opened(data: Path) -> Blocks:
    blocks = Blocks(data)
    blocks.load()
    assert blocks.broken == {}
    return blocks


def test_blocks_of_prometheus_give_the_histograms_that_were_sent(snapshot: tuple[Path, Any]) -> None:
    blocks = opened(snapshot[0])
    assert blocks.blocks[0].meta.stats.samples == len(SERIES) * (SAMPLES + 1)
    assert ours(blocks) == sent()


def test_what_was_read_from_chunks_of_prometheus_is_written_back_byte_for_byte(snapshot: tuple[Path, Any]) -> None:
    (block,) = snapshot[0].iterdir()
    segments = [path.read_bytes() for path in sorted((block / "chunks").iterdir())]
    encodings = []
    for _, chunks in read_index((block / "index").read_bytes()).series.values():
        for first, last, ref in chunks:
            encoding, data = read_chunk(segments, ref)
            encodings.append(encoding)
            header = next(hint for hint, bits in HEADER_BITS.items() if bits == data[2] >> 6)
            samples = histograms_in(batch_of((first, last, encoding, data)))
            assert write_histograms(encoding, samples, header) == data
    assert {2, 3} == {*encodings}
    assert len(encodings) > 2 * len(SERIES)


def test_prometheus_reads_histogram_chunks_that_were_cut_and_merged(
    snapshot: tuple[Path, dict[str, list[Any]]], tmp_path: Path
) -> None:
    path, answered = snapshot
    data = tmp_path / "data"
    data.mkdir()
    # Two blocks of which each has a part of the samples.
    for name, gone in {"early": (START + 250 * STEP, FOREVER[1]), "late": (FOREVER[0], START + 149 * STEP)}.items():
        shutil.copytree(path, tmp_path / name)
        blocks = opened(tmp_path / name)
        blocks.delete([], *gone)
        blocks.clean_tombstones()
        (block,) = blocks.blocks
        shutil.copytree(block.path, data / block.path.name)
    blocks = opened(data)
    assert len(blocks.blocks) == 2
    assert blocks.compact() == 1  # because they overlap
    assert ours(blocks) == sent()

    first, last = START + 100 * STEP, START + 299 * STEP
    blocks.delete([Matcher(MatchType.REGEX, "__name__", "calls|share")], first, last)

    def left(name: str, t: int) -> bool:
        return name in ("level", "size") or not first <= t <= last

    want = {name: [(t, h) for t, h in samples if left(name, t)] for name, samples in sent().items()}
    assert ours(blocks) == want  # through tombstones
    blocks.clean_tombstones()
    assert blocks.blocks[0].meta.stats.tombstones == 0
    assert ours(blocks) == want  # written anew
    with Prometheus(data, FLAG, "--storage.tsdb.retention.time=100y") as peer:
        theirs = answers(peer)
    assert theirs == {name: [[t, h] for t, h in rows if left(name, round(t * 1000))] for name, rows in answered.items()}


def test_histograms_in_the_log_go_from_prometheus_to_narthex_and_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    peer = Prometheus(data, FLAG)
    write(peer, 0, 200)
    peer.stop(signal.SIGKILL)
    db = open_db(data)
    assert ours(db) == sent(200)
    append(db, 200, 300)
    assert ours(db) == sent(300)
    shutil.copytree(data, tmp_path / "killed" / "data")  # as kill -9 leaves it
    db.close()
    with Prometheus(tmp_path / "killed" / "data", FLAG, "--storage.tsdb.retention.time=100y") as peer:
        theirs = answers(peer)
        assert {name: [round(t * 1000) for t, _ in rows] for name, rows in theirs.items()} == {
            name: [t for t, _ in rows] for name, rows in sent(300).items()
        }
        write(peer, 300, SAMPLES + 1)
        peer.stop(signal.SIGKILL)
    db = open_db(tmp_path / "killed" / "data")
    assert ours(db) == sent()
    db.close()


def test_a_head_of_histograms_becomes_blocks_that_prometheus_answers_from(
    snapshot: tuple[Path, dict[str, list[Any]]], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    db = open_db(data)
    append(db, 0, SAMPLES + 1)
    appender = db.appender()  # makes the range ripe; floats beside histograms
    ref = appender.series(Labels({"__name__": "later"}))
    appender.append(np.array([ref], np.uint64), np.array([START + 4 * HOUR], np.int64), np.array([1.0]))
    appender.commit()
    db.maintain()
    assert len(db.blocks()) == 1
    assert db.head.counts().histogram_series == 0
    assert {name: rows for name, rows in ours(db).items() if name != "later"} == sent()
    db.close()
    with Prometheus(data, FLAG, "--storage.tsdb.retention.time=100y") as peer:
        # It took the stale markers that it got as floats for ones of integers, which it then answers with.
        assert answers(peer) == {name: rows[:SAMPLES] for name, rows in snapshot[1].items()}
