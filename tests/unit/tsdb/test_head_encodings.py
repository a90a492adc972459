"""Open float chunks of either encoding, as a block writer takes them from the head."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from reference.chunk_bits import STALE, bits_of, float_of
from reference.chunk_xor2 import Sample, read_xor2
from support.chunks import written

RANGE = 7_200_000
XOR2 = HeadSettings(xor2=True)
WITH_STARTS = HeadSettings(xor2=True, store_starts=True)


def walk(count: int, seed: int, starts: bool) -> list[Sample]:
    rnd = random.Random(seed)
    out: list[Sample] = []
    t, start, value = 1_000, 0, 1.0
    for _ in range(count):
        t += rnd.choice([15_000, 15_000, 15_000, 15_001, 3, 40_000])
        if starts and rnd.random() < 0.05:
            start = rnd.choice([0, t - 1, t - 100_000])
        value = rnd.choice([value, value + 1, rnd.random(), float_of(STALE), float("nan")])
        out.append((t, start, value))
    return out


def append(head: Head, samples: list[Sample]) -> None:
    for at in range(0, len(samples), 7):
        part = samples[at : at + 7]
        appender = head.appender()
        ref = appender.series(Labels({"__name__": "up"}))
        times, starts = (np.array([s[k] for s in part], np.int64) for k in (0, 1))
        values = np.array([v for _, _, v in part])
        assert not appender.append(np.full(len(part), ref, np.uint64), times, values, starts).any()
        appender.commit()


def chunks_of(head: Head) -> list[tuple[int, int, int, bytes]]:
    batch = head.querier(-(2**62), 2**62).select([])
    return written(batch, -(2**62), 2**62)[0]


def exact(samples: list[Sample]) -> list[tuple[int, int, int]]:
    return [(t, start, bits_of(v)) for t, start, v in samples]


@pytest.mark.parametrize(("settings", "starts"), [(XOR2, False), (WITH_STARTS, False), (WITH_STARTS, True)])
def test_xor2_chunks_of_the_head_hold_what_was_appended_also_after_a_replay(
    tmp_path: Path, settings: HeadSettings, starts: bool
) -> None:
    for seed in range(12):
        samples = walk(700, seed, starts)
        path = tmp_path / str(seed)
        head = Head.open(path, Registry(), RANGE, 1 << 24, settings=settings)[0]
        append(head, samples)
        made = chunks_of(head)
        assert {encoding for _, _, encoding, _ in made} == {4}
        assert exact([s for _, _, _, data in made for s in read_xor2(data)]) == exact(samples)
        assert all(len(data) <= 1024 + 4 for *_, data in made)
        head.close()
        head = Head.open(path, Registry(), RANGE, 1 << 24, settings=settings)[0]
        assert chunks_of(head) == made
        head.close()


def test_start_times_are_dropped_unless_they_are_to_be_stored(tmp_path: Path) -> None:
    samples = walk(100, 1, starts=True)
    head = Head.open(tmp_path, Registry(), RANGE, 1 << 24, settings=XOR2)[0]
    append(head, samples)
    kept = [s for *_, data in chunks_of(head) for s in read_xor2(data)]
    assert exact(kept) == exact([(t, 0, v) for t, _, v in samples])
    head.close()


def test_the_encoding_changes_with_the_next_chunk(tmp_path: Path) -> None:
    samples = walk(400, 3, starts=False)
    head = Head.open(tmp_path, Registry(), RANGE, 1 << 24)[0]
    append(head, samples[:20])
    head.set_xor2(True)
    append(head, samples[20:30])
    assert [encoding for _, _, encoding, _ in chunks_of(head)] == [1]
    append(head, samples[30:])
    encodings = [encoding for _, _, encoding, _ in chunks_of(head)]
    assert encodings == [1] + [4] * (len(encodings) - 1)
    head.close()


def test_start_times_cannot_be_stored_in_xor_chunks(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match='use "xor2"'):
        Head.open(tmp_path, Registry(), RANGE, 1 << 24, settings=HeadSettings(store_starts=True))
    head = Head.open(tmp_path, Registry(), RANGE, 1 << 24, settings=WITH_STARTS)[0]
    with pytest.raises(StorageError, match='use "xor2"'):
        head.set_xor2(False)
    head.close()
