"""Loading, compacting, deleting and keeping blocks of one directory."""

from __future__ import annotations

import json
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import CorruptionError, StorageError
from narthex.files.durable import Space
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.block import Block
from narthex.tsdb.block_metrics import BlockMetrics
from narthex.tsdb.block_set import BlockOptions, Blocks
from narthex.tsdb.block_write import Layout, write_block
from narthex.tsdb.delay_file import UploadList
from narthex.tsdb.meta import BlockMeta, write_meta
from narthex.tsdb.retention import Retention
from reference import block as plain
from support.clock import FakeClock

H = 3_600_000
ALL = (-(2**62), 2**62)


def batch_of(start: int, end: int, series: int = 3, step: int = 60_000) -> SeriesBatch:
    batch = SeriesBatch()
    times = np.arange(start, end, step, dtype=np.int64)
    for k in sorted(range(series), key=str):
        batch.add_columns([("__name__", "up"), ("k", str(k))], times, times / 1000 + k)
    return batch


def put(directory: Path, start: int, end: int, **options: int) -> BlockMeta:
    meta = write_block(directory, batch_of(start, end, **options), start, end)
    assert meta is not None
    return meta


def open_all(directory: Path, options: BlockOptions | None = None, **more: object) -> Blocks:
    blocks = Blocks(directory, options or BlockOptions(), **more)
    blocks.load()
    return blocks


def times(blocks: Blocks, **labels: str) -> list[int]:
    matchers = [Matcher(MatchType.EQUAL, n, v) for n, v in labels.items()]
    batch = blocks.querier(*ALL).select(matchers)
    return [int(t) for t in batch.samples(0, *ALL)[0]] if len(batch) else []


def entries(directory: Path) -> set[str]:
    return {p.name for p in directory.iterdir()}


def test_small_blocks_become_one_and_their_directories_go(tmp_path: Path) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H)
    registry = Registry()
    blocks = open_all(tmp_path, metrics=BlockMetrics(registry))
    before = times(blocks, k="1")
    assert blocks.compact() == 1
    assert [(b.meta.min_time // H, b.meta.max_time // H, b.meta.level) for b in blocks.blocks] == [
        (0, 6, 2), (6, 8, 1), (8, 10, 1),
    ]  # fmt: skip
    assert entries(tmp_path) == {b.meta.ulid for b in blocks.blocks}
    assert len(blocks.blocks[0].meta.sources) == len(blocks.blocks[0].meta.parents) == 3
    assert times(blocks, k="1") == before == list(range(0, 10 * H, 60_000))
    text = registry.expose().decode()
    assert "prometheus_tsdb_compactions_total 1\n" in text
    assert "prometheus_tsdb_blocks_loaded 3\n" in text


def test_what_is_being_written_is_known_while_it_is(tmp_path: Path) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H, series=1000, step=1_800_000)
    blocks = open_all(tmp_path)
    seen: list[str] = []

    def look() -> bool:
        seen.append(str(blocks.activity))
        return False

    assert blocks.compact(look) == 1
    assert seen[0] == seen[-1] == "None"
    running = [text for text in seen if text != "None"]
    assert running[0] == "Compacting 3 blocks, 0001-01-01T00:00:00Z to 1970-01-01T06:00:00Z: 0 %"
    assert running[-1].endswith(": 51 %")
    assert blocks.activity is None


def test_a_querier_keeps_its_blocks_when_they_are_removed(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H)
    blocks = open_all(tmp_path)
    querier = blocks.querier(*ALL)
    batch = querier.select([])
    shutil.rmtree(blocks.blocks[0].path)
    blocks.reload()
    assert blocks.blocks == ()
    assert len(batch.samples(0, *ALL)[0]) == 120
    assert len(querier.select([])) == 3
    assert len(blocks.querier(*ALL).select([])) == 0


def test_an_end_in_the_future_that_no_sample_backs_removes_no_other_block(tmp_path: Path) -> None:
    kept, lying = put(tmp_path, 0, 2 * H), put(tmp_path, 2 * H, 4 * H)
    write_meta(tmp_path / lying.ulid, replace(lying, max_time=4000 * H))
    month = BlockOptions(Retention(duration=30 * 24 * H))
    blocks = open_all(tmp_path, month, clock=FakeClock(5 * H / 1000))
    assert [b.meta.ulid for b in blocks.blocks] == [kept.ulid]
    assert entries(tmp_path) == {kept.ulid, lying.ulid}
    assert f"samples go up to {4000 * H}, but there are none" in blocks.broken[lying.ulid]
    write_meta(tmp_path / lying.ulid, lying)
    blocks.reload()
    assert len(blocks.blocks) == 2
    assert blocks.broken == {}


def test_a_block_with_samples_of_the_future_is_a_block(tmp_path: Path) -> None:
    put(tmp_path, 4 * H, 6 * H)
    assert len(open_all(tmp_path, clock=FakeClock(0)).blocks) == 1


def test_what_a_crash_left_is_removed_and_other_files_are_not(tmp_path: Path) -> None:
    meta = put(tmp_path, 0, 2 * H)
    for suffix in (".tmp-for-creation", ".tmp-for-deletion", ".tmp"):
        (tmp_path / (meta.ulid[:-1] + "0" + suffix)).mkdir()
    for name in ("wal", "chunks_head", "notes.tmp"):
        (tmp_path / name).mkdir()
    open_all(tmp_path)
    assert entries(tmp_path) == {meta.ulid, "wal", "chunks_head", "notes.tmp"}


def test_parents_that_survived_a_crash_are_removed_at_load(tmp_path: Path) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H)
    backup = tmp_path.with_name("backup")
    shutil.copytree(tmp_path, backup)
    blocks = open_all(tmp_path)
    blocks.compact()
    kept = {b.meta.ulid for b in blocks.blocks}
    for path in backup.iterdir():
        if path.name not in kept:
            shutil.copytree(path, tmp_path / path.name)
    (tmp_path / blocks.blocks[0].meta.parents[0].ulid / "index").write_bytes(b"broken, and it does not matter")
    again = open_all(tmp_path)
    assert {b.meta.ulid for b in again.blocks} == kept == entries(tmp_path)
    assert not again.broken


def test_a_broken_block_is_named_and_the_rest_serves(tmp_path: Path) -> None:
    first, second = put(tmp_path, 0, 2 * H), put(tmp_path, 2 * H, 4 * H)
    (tmp_path / first.ulid / "meta.json").write_text("{")
    blocks = open_all(tmp_path)
    assert [b.meta.ulid for b in blocks.blocks] == [second.ulid]
    assert list(blocks.broken) == [first.ulid]
    assert "meta.json: not JSON" in blocks.broken[first.ulid]
    assert (tmp_path / first.ulid).is_dir()


def test_old_blocks_go_by_time_and_by_size(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(4)]
    blocks = open_all(tmp_path, BlockOptions(Retention(duration=4 * H)))
    assert entries(tmp_path) == {m.ulid for m in metas[2:]}
    size = blocks.blocks[1].size
    blocks.set_retention(Retention(size=size + 100))
    blocks.reload()
    assert entries(tmp_path) == {metas[3].ulid}


def test_log_and_head_count_against_the_size(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(2)]
    size = open_all(tmp_path).blocks[1].size
    open_all(tmp_path, BlockOptions(Retention(size=10**6)), other_bytes=lambda: 10**6 - size)
    assert entries(tmp_path) == {metas[1].ulid}


def test_a_percentage_of_the_file_system_bounds_the_blocks(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(4)]
    size = open_all(tmp_path).blocks[3].size
    options = BlockOptions(Retention(size=10**9, percentage=1))
    open_all(tmp_path, options, disk=lambda path: Space(100 * (2 * size + 200), 10**9))
    assert entries(tmp_path) == {m.ulid for m in metas[2:]}
    blocks = open_all(tmp_path, options, disk=lambda path: None)
    assert len(blocks.blocks) == 2


def test_a_compaction_is_not_begun_without_room_for_its_result(tmp_path: Path) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H)
    free = 100
    blocks = open_all(tmp_path, disk=lambda path: Space(10**6, free))
    assert blocks.compact() == 0
    assert blocks.metrics.compactions_failed.value == 0
    free = 10**6
    assert blocks.compact() == 1


def test_chunk_files_are_as_small_as_wanted(tmp_path: Path) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H)
    blocks = open_all(tmp_path, BlockOptions(layout=Layout(segment_size=700)))
    before = times(blocks, k="1")
    assert blocks.compact() == 1
    files = sorted((blocks.blocks[0].path / "chunks").iterdir())
    assert len(files) > 2
    assert all(f.stat().st_size <= 700 for f in files)
    assert times(blocks, k="1") == before


async def test_blocks_that_wait_for_their_upload_are_not_compacted(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(5)]
    listed = tmp_path / "thanos.shipper.json"
    clock = FakeClock(1_700_000_000)
    blocks = open_all(tmp_path, BlockOptions(pending=UploadList(listed, clock).pending))
    listed.write_text(json.dumps({"version": 1, "uploaded": [m.ulid for m in metas[:2]]}))
    assert blocks.compact() == 0
    listed.write_text(json.dumps({"version": 1, "uploaded": [m.ulid for m in metas]}))
    assert blocks.compact() == 0
    await clock.advance(61)
    assert blocks.compact() == 1


@pytest.mark.parametrize("text", [None, "{", "[]", '{"uploaded": 3}', "null"])
def test_without_a_readable_list_of_uploads_no_block_waits(tmp_path: Path, text: str | None) -> None:
    for k in range(5):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H)
    listed = tmp_path / "list.json"
    if text is not None:
        listed.write_text(text)
    blocks = open_all(tmp_path, BlockOptions(pending=UploadList(listed, FakeClock(0)).pending))
    assert blocks.compact() == 1


def test_floats_encoded_anew_have_the_wanted_encoding(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H)
    put(tmp_path, H, 3 * H)
    blocks = open_all(tmp_path)
    blocks.set_float_encoding(xor2=True)
    want = times(blocks, k="2")
    assert blocks.compact() == 1
    assert times(blocks, k="2") == want
    (only,) = blocks.blocks
    index = plain.read_index((only.path / "index").read_bytes())
    segment = (only.path / "chunks" / "000001").read_bytes()
    encodings = {plain.read_chunk([segment], ref)[0] for _, chunks in index.series.values() for *_, ref in chunks}
    assert encodings == {4}


def test_what_is_broken_in_the_head_does_not_keep_its_neighbours_from_a_block(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batch = batch_of(0, 2 * H, series=3)
    # A chunk that reaches over the block's end must be decoded, and one that cannot be is left out.
    torn = SeriesBatch()
    torn.add_chunks([("__name__", "up"), ("k", "1")], [(H, 3 * H, 1, b"\x00\x05\x01")])
    registry = Registry()
    blocks = open_all(tmp_path, metrics=BlockMetrics(registry))
    meta = blocks.write(SeriesBatch.merge([batch, torn]), 0, 2 * H)
    assert meta is not None
    blocks.reload()
    for k in ("0", "1", "2"):
        assert times(blocks, k=k) == list(range(0, 2 * H, 60_000))
    assert "narthex_tsdb_broken_head_chunks_total 1\n" in registry.expose().decode()
    assert any('k="1"' in str(getattr(r, "err", "")) for r in caplog.records)


def test_chunks_of_a_first_block_are_counted_by_size(tmp_path: Path) -> None:
    registry = Registry()
    blocks = open_all(tmp_path, metrics=BlockMetrics(registry))
    blocks.write(batch_of(0, 2 * H, series=3), 0, 2 * H)
    text = registry.expose().decode()
    assert "prometheus_tsdb_compaction_chunk_samples_count 3\n" in text
    assert "prometheus_tsdb_compaction_chunk_samples_sum 360\n" in text
    assert 'prometheus_tsdb_compaction_chunk_range_seconds_bucket{le="6400"} 0\n' in text
    assert 'prometheus_tsdb_compaction_chunk_range_seconds_bucket{le="25600"} 3\n' in text
    assert "prometheus_tsdb_compactions_total 1\n" in text
    assert "prometheus_tsdb_compaction_populating_block 0\n" in text


def test_overlapping_blocks_are_merged_once_each_sample(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H)
    put(tmp_path, H, 3 * H)
    blocks = open_all(tmp_path)
    want = list(range(0, 3 * H, 60_000))
    assert times(blocks, k="2") == want
    assert blocks.compact() == 1
    assert len(blocks.blocks) == 1
    assert times(blocks, k="2") == want
    assert blocks.blocks[0].meta.stats.samples == 3 * len(want)
    assert blocks.metrics.vertical.value == 1


def test_labels_and_series_are_united_over_blocks(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H, series=2)
    put(tmp_path, 2 * H, 4 * H, series=4)
    blocks = open_all(tmp_path)
    querier = blocks.querier(*ALL)
    assert querier.label_names() == ["__name__", "k"]
    assert querier.label_values("k") == ["0", "1", "2", "3"]
    assert querier.label_values("k", [Matcher(MatchType.REGEX, "k", "[12]")]) == ["1", "2"]
    sets = querier.series([])
    assert [sets[i]["k"] for i in range(len(sets))] == ["0", "1", "2", "3"]
    early = blocks.querier(0, H)
    assert len(early.select([])) == 2
    assert len(early.series([Matcher(MatchType.NOT_EQUAL, "k", "0")])) == 1
    assert len(blocks.querier(10 * H, 11 * H).select([])) == 0


def test_a_range_that_is_deleted_stays_deleted(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H)
    blocks = open_all(tmp_path)
    matcher = Matcher(MatchType.EQUAL, "k", "1")
    assert blocks.delete([matcher], H, 2 * H) == 1
    assert times(blocks, k="1") == list(range(0, H, 60_000))
    assert blocks.blocks[0].meta.stats.tombstones == 1
    again = open_all(tmp_path)
    assert times(again, k="1") == list(range(0, H, 60_000))
    assert len(times(again, k="0")) == 120
    again.clean_tombstones()
    assert [len(b.tombstones) for b in again.blocks] == [0]
    assert again.blocks[0].meta.stats.samples == 300
    assert entries(tmp_path) == {again.blocks[0].meta.ulid}


def test_a_block_that_is_deleted_as_a_whole_goes(tmp_path: Path) -> None:
    put(tmp_path, 0, 2 * H)
    newest = put(tmp_path, 2 * H, 4 * H)
    blocks = open_all(tmp_path)
    assert blocks.delete([], 0, 2 * H - 1) == 3
    assert blocks.compact() == 1
    assert entries(tmp_path) == {newest.ulid}


def test_a_compaction_that_breaks_is_noted_and_not_repeated(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(5)]
    segment = tmp_path / metas[1].ulid / "chunks" / "000001"
    data = bytearray(segment.read_bytes())
    data[40] ^= 0xFF
    segment.write_bytes(data)
    blocks = open_all(tmp_path)
    blocks.compact()
    assert blocks.metrics.compactions_failed.value == 1
    assert [b.meta.failed for b in blocks.blocks] == [True, True, True, False, False]
    assert blocks.compact() == 0
    assert entries(tmp_path) == {m.ulid for m in metas}
    with pytest.raises(CorruptionError, match=metas[1].ulid):
        blocks.querier(*ALL).select([])


def test_a_canceled_compaction_leaves_all_as_it_was(tmp_path: Path) -> None:
    metas = [put(tmp_path, k * 2 * H, (k + 1) * 2 * H) for k in range(5)]
    blocks = open_all(tmp_path)
    calls = iter([False, True])
    assert blocks.compact(lambda: next(calls, True)) == 0
    assert entries(tmp_path) == {m.ulid for m in metas}
    assert len(times(blocks, k="0")) == 600


def test_queries_see_every_sample_while_blocks_are_replaced(tmp_path: Path) -> None:
    for k in range(14):
        put(tmp_path, k * 2 * H, (k + 1) * 2 * H, step=600_000)
    blocks = open_all(tmp_path)
    want = list(range(0, 28 * H, 600_000))
    stop = threading.Event()
    asked = 0

    def ask() -> int:
        rounds = 0
        while not stop.is_set() or rounds == 0:
            assert times(blocks, k="1") == want
            rounds += 1
        return rounds

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(ask) for _ in range(2)]
        assert blocks.compact() >= 4
        stop.set()
        asked = sum(r.result(30) for r in readers)
    assert asked >= 2
    assert len(blocks.blocks) <= 6


def test_nothing_is_written_for_a_range_without_samples(tmp_path: Path) -> None:
    assert write_block(tmp_path, batch_of(0, H), 5 * H, 6 * H) is None
    assert write_block(tmp_path, SeriesBatch(), 0, H) is None
    assert entries(tmp_path) == set()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write block"):
        write_block(tmp_path / "file", batch_of(0, H), 0, H)
    assert entries(tmp_path) == {"file"}


def damaged(data: bytes, rnd: random.Random) -> bytes:
    at = rnd.randrange(len(data))
    return data[:at] if rnd.random() < 0.3 else data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1 :]


@pytest.mark.parametrize("name", ["index", "chunks/000001", "tombstones", "meta.json"])
def test_damage_at_any_offset_is_a_typed_error_or_harmless(name: str, tmp_path: Path) -> None:
    meta = put(tmp_path, 0, 2 * H, series=2)
    path = tmp_path / meta.ulid
    Block.open(path).delete([Matcher(MatchType.EQUAL, "k", "0")], 5 * 60_000, 9 * 60_000)
    good = (path / name).read_bytes()
    rnd = random.Random(name)
    refused = 0
    for _ in range(600):
        (path / name).unlink()  # a new file: an old mapping must not change under its reader
        (path / name).write_bytes(damaged(good, rnd))
        try:
            block = Block.open(path)
            querier = block.querier(*ALL)
            for matchers in ([], [Matcher(MatchType.REGEX, "k", "[01]")]):
                batch = querier.select(matchers)
                for row in range(len(batch)):
                    batch.samples(row, *ALL)
                querier.series(matchers)
                querier.label_names(matchers)
                querier.label_values("k", matchers)
        except CorruptionError as e:
            assert meta.ulid in str(e)
            refused += 1
    assert refused > (100 if name == "meta.json" else 400)
