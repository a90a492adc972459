"""The log's framing and records against their plain twin, both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import wal_frame, wal_records
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import HeadSettings
from narthex.tsdb.options import DBOptions
from reference import wal as plain
from support.clock import FakeClock
from support.known_samples import commit_samples, labels, values

# Short ones, and some that need several pages; repetitions compress.
_records = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=200),
        st.tuples(st.binary(min_size=1, max_size=8), st.integers(1, 9000)).map(lambda t: t[0] * t[1]),
    ),
    max_size=5,
)
# Near a page's end, where headers and padding are.
_positions = st.one_of(st.just(0), st.integers(plain.PAGE - 30, plain.PAGE + 30), st.integers(0, 1 << 20))


@given(_records, _positions)
def test_the_twin_reads_what_we_frame(records: list[bytes], position: int) -> None:
    at = position % plain.PAGE
    filler = plain.write([b"x" * (at - plain.HEADER)]) if at >= plain.HEADER else bytes(at)
    if 0 < at < plain.HEADER:
        return  # no record ends there
    framed = filler + wal_frame(records, at)
    assert plain.read(framed)[1 if at else 0 :] == records


@given(_records, st.booleans())
def test_we_read_what_the_twin_frames(records: list[bytes], compress: bool) -> None:
    segment = plain.write(records, compress=compress)
    assert wal_records(segment) == (records, len(segment), "")


@pytest.mark.parametrize("starts", [False, True])
def test_the_twin_finds_in_the_log_what_was_committed(tmp_path: Path, starts: bool) -> None:
    settings = HeadSettings(wal_compression="snappy", xor2=starts, store_starts=starts)
    db = DB.open(tmp_path, DBOptions(head=settings), Registry(), FakeClock())
    written = []
    for k in range(40):
        pairs = [(s, 1000 * k + s) for s in range(k % 7, 30)]
        commit_samples(db, pairs)
        written += pairs
    db.close()
    records = plain.read((tmp_path / "wal" / "00000000").read_bytes())
    named = {ref: Labels(pairs) for r in records if r[0] == 1 for ref, pairs in plain.series(r)}
    assert sorted(named.values()) == sorted(labels(s) for s in range(30))
    kinds = {r[0] for r in records}
    assert kinds == {1, 11 if starts else 2}
    found = [(int(named[ref]["series"]), t, v) for r in records if r[0] != 1 for ref, _, t, v in plain.samples(r)]
    assert found == [(s, t, values(s, np.array([t]))[0]) for s, t in written]
