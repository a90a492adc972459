"""What series measure: kept once, logged where it is news, there again after a restart and a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.native import wal_records
from narthex.storage.contract import AppendStatus, SeriesMetadata
from narthex.tsdb.head import Head
from narthex.tsdb.wal import list_segments


def open_head(path: Path) -> Head:
    return Head.open(path, Registry(), 7_200_000, 1 << 24)[0]


def say(head: Head, t: int, *metadata: SeriesMetadata) -> list[int]:
    """One sample and one statement of series 0, 1, ..."""
    appender = head.appender()
    refs = np.array([appender.series(Labels({"i": str(i)})) for i in range(len(metadata))], np.uint64)
    assert not appender.append(refs, np.full(len(refs), t), np.zeros(len(refs))).any()
    assert not appender.append_metadata(refs, metadata).any()
    appender.commit()
    return refs.tolist()


def records(path: Path) -> list[bytes]:
    return [r for s in list_segments(path / "wal") for r in wal_records(s.path.read_bytes())[0] if r[0] == 6]


def test_metadata_is_logged_where_it_is_news_and_outlives_a_restart_and_a_checkpoint(tmp_path: Path) -> None:
    head = open_head(tmp_path)
    calls, heat = SeriesMetadata("counter", "", "Calls."), SeriesMetadata("gauge", "celsius", "Grüße")
    refs = say(head, 1000, calls, heat)
    say(head, 2000, calls, heat)
    assert records(tmp_path) == [
        b"\x06\x01\x01\x02\x04UNIT\x00\x04HELP\x06Calls.\x02\x02\x02\x04UNIT\x07celsius\x04HELP\x07Gr\xc3\xbc\xc3\x9fe"
    ]
    say(head, 3000, SeriesMetadata("whatever", "", "Calls."), heat)
    want = [(0, "", "Calls."), (2, "celsius", "Grüße")]
    assert [head.core.metadata(ref) for ref in refs] == want
    for _ in range(4):
        head.wal.cut()
    head.close()
    head = open_head(tmp_path)
    assert [head.core.metadata(ref) for ref in refs] == want
    head.truncate(2500)
    head.truncate_log()
    head.close()
    assert list((tmp_path / "wal").glob("checkpoint.*"))
    head = open_head(tmp_path)
    assert [head.core.metadata(ref) for ref in refs] == want
    assert head.core.metadata(99) is None
    head.close()


def test_what_is_rolled_back_or_of_an_unknown_series_is_not_kept(tmp_path: Path) -> None:
    head = open_head(tmp_path)
    (ref,) = say(head, 1000, SeriesMetadata("counter", "", "one"))
    appender = head.appender()
    statuses = appender.append_metadata(np.array([ref, 99], np.uint64), [SeriesMetadata("gauge", "", "two")] * 2)
    assert statuses.tolist() == [AppendStatus.OK, AppendStatus.UNKNOWN_REF]
    appender.rollback()
    assert head.core.metadata(ref) == (1, "", "one")
    head.close()
