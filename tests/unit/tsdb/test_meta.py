"""meta.json and block names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import CorruptionError
from narthex.tsdb.meta import BlockMeta, BlockParent, BlockStats, decode_meta, encode_meta
from narthex.tsdb.ulid import is_ulid, new_ulid, ulid_time

ULIDS = st.integers(0, 2**48 - 1).map(new_ulid)
COUNTS = st.integers(0, 2**63 - 1)
METAS = st.builds(
    BlockMeta,
    ulid=ULIDS,
    min_time=st.integers(-(2**62), 0),
    max_time=st.integers(0, 2**62),
    stats=st.builds(BlockStats, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    level=st.integers(1, 9),
    sources=st.lists(ULIDS, max_size=3).map(tuple),
    parents=st.lists(st.builds(BlockParent, ULIDS, COUNTS, COUNTS), max_size=2).map(tuple),
    deletable=st.booleans(),
    failed=st.booleans(),
    hints=st.lists(st.sampled_from(["from-out-of-order"]), max_size=1).map(tuple),
)


@given(METAS)
def test_meta_reads_back(meta: BlockMeta) -> None:
    assert decode_meta(encode_meta(meta), "x") == meta


def test_meta_is_written_as_prometheus_writes_it() -> None:
    meta = BlockMeta(
        "01M85S8SQ1FHB74KEHJVEHK7HH",
        5,
        9,
        BlockStats(samples=10, series=2, chunks=3),
        1,
        ("01M85S8SQ1FHB74KEHJVEHK7HH",),
    )
    assert encode_meta(meta).decode() == (
        '{\n\t"ulid": "01M85S8SQ1FHB74KEHJVEHK7HH",\n\t"minTime": 5,\n\t"maxTime": 9,\n\t"stats": {\n'
        '\t\t"numSamples": 10,\n\t\t"numSeries": 2,\n\t\t"numChunks": 3\n\t},\n\t"compaction": {\n\t\t"level": 1,\n'
        '\t\t"sources": [\n\t\t\t"01M85S8SQ1FHB74KEHJVEHK7HH"\n\t\t]\n\t},\n\t"version": 1\n}'
    )


def test_keys_of_other_programs_are_kept() -> None:
    document = json.loads(encode_meta(BlockMeta(new_ulid(1), 0, 1))) | {"thanos": {"labels": {"a": "b"}}}
    meta = decode_meta(json.dumps(document).encode(), "x")
    assert json.loads(encode_meta(meta))["thanos"] == {"labels": {"a": "b"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 3}, "unexpected version 3"),
        ({"ulid": "../../etc/passwd"}, "not a ULID"),
        ({"minTime": "1"}, "minTime: not a 64-bit number"),
        ({"minTime": 2}, "after maxTime"),
        ({"maxTime": 2**70}, "maxTime: not a 64-bit number"),
        ({"stats": []}, "stats: not an object"),
        ({"compaction": {"sources": [1]}}, "compaction: sources: not a list of texts"),
        ({"compaction": {"parents": [None]}}, "parents: not an object"),
    ],
)
def test_a_bad_meta_names_file_and_key(change: dict[str, object], words: str) -> None:
    document = json.loads(encode_meta(BlockMeta(new_ulid(1), 0, 1))) | change
    with pytest.raises(CorruptionError, match=words) as caught:
        decode_meta(json.dumps(document).encode(), "dir/meta.json")
    assert str(caught.value).startswith("dir/meta.json")


@given(st.binary(max_size=200))
def test_any_bytes_as_meta_are_a_corruption_error(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        decode_meta(data, "x")


@given(st.integers(0, 2**48 - 1))
def test_a_ulid_tells_its_time_and_sorts_by_it(ms: int) -> None:
    name = new_ulid(ms)
    assert is_ulid(name)
    assert ulid_time(name) == ms
    assert new_ulid(max(ms - 1, 0), lambda n: b"\xff" * n) <= new_ulid(ms, lambda n: b"\xff" * n)


def test_other_directory_names_are_no_ulids() -> None:
    for name in ["wal", "01m85s8sq1fhb74kehjvehk7hh", "81M85S8SQ1FHB74KEHJVEHK7HH", "01M85S8SQ1FHB74KEHJVEHK7H", ""]:
        assert not is_ulid(name)
