"""The ring of exemplars, through the appender, the log and a restart."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.native import LabelSets
from narthex.storage.contract import AppendStatus, Exemplar
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings

RANGE = 7_200_000
ANY = [[Matcher(MatchType.REGEX, "__name__", ".*")]]
FOREVER = (-(2**62), 2**62)
Row = tuple[str, int, float, dict[str, str]]
"""(series, time, value, labels)"""


def open_head(path: Path, most: int, registry: Registry | None = None) -> Head:
    return Head.open(path, registry or Registry(), RANGE, 1 << 24, settings=HeadSettings(max_exemplars=most))[0]


def append(head: Head, rows: list[Row], commit: bool = True) -> list[int]:
    appender = head.appender()
    refs = np.array([appender.series(Labels({"__name__": name})) for name, *_ in rows], np.uint64)
    labels = LabelSets()
    for *_, own in rows:
        labels.add(list(own.items()))
    times, values = np.array([t for _, t, _, _ in rows], np.int64), np.array([v for _, _, v, _ in rows])
    statuses = appender.append_exemplars(refs, times, values, labels).tolist()
    if commit:
        appender.commit()
    else:
        appender.rollback()
    return statuses


def select(head: Head, mint: int = FOREVER[0], maxt: int = FOREVER[1]) -> dict[str, list[tuple[int, float, str]]]:
    return {
        series["__name__"]: [(e.timestamp, e.value, e.labels.get("trace", "")) for e in found]
        for series, found in head.exemplars(ANY, mint, maxt)
    }


@dataclass
class Twin:
    most: int
    kept: list[Row] = field(default_factory=list)

    def status(self, row: Row) -> AppendStatus:
        series, t, _, labels = row
        if self.most == 0:
            return AppendStatus.EXEMPLARS_DISABLED
        if sum(len(name) + len(value) for name, value in labels.items()) > 128:
            return AppendStatus.EXEMPLAR_LABEL_LENGTH
        newest = next((r for r in reversed(self.kept) if r[0] == series), None)
        if newest is None or newest[1] < t:
            return AppendStatus.OK
        if newest[1:] == row[1:]:
            return AppendStatus.EXEMPLAR_DUPLICATE
        mine, other = ((r[1], r[2], r[3].get("trace", "")) for r in (row, newest))
        return AppendStatus.EXEMPLAR_OUT_OF_ORDER if mine < other else AppendStatus.OK

    def add(self, row: Row) -> None:
        if self.status(row) == AppendStatus.OK:
            self.kept = [*self.kept, row][-self.most :]

    def resize(self, most: int) -> None:
        self.most = most
        self.kept = self.kept[-most:] if most else []

    def select(self) -> dict[str, list[tuple[int, float, str]]]:
        out: dict[str, list[tuple[int, float, str]]] = {}
        for series, t, v, labels in sorted(self.kept, key=lambda r: r[0]):
            out.setdefault(series, []).append((t, v, labels.get("trace", "")))
        return out


trace = st.sampled_from(["a", "b", "ä" * 64, "x" * 123, "y" * 124])
row = st.tuples(
    st.sampled_from(["up", "down", "left"]),
    st.integers(0, 12),
    st.sampled_from([1.0, 2.0, -0.5]),
    st.one_of(st.just({}), st.fixed_dictionaries({"trace": trace})),
)
event = st.one_of(
    st.tuples(st.just("append"), st.lists(row, min_size=1, max_size=5)),
    st.tuples(st.just("rollback"), st.lists(row, min_size=1, max_size=2)),
    st.tuples(st.just("resize"), st.integers(0, 6)),
)


@settings(max_examples=60)
@given(st.integers(0, 6), st.lists(event, min_size=1, max_size=14))
def test_the_ring_agrees_with_its_twin(most: int, events: list[tuple[str, object]]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="exemplars-"))
    try:
        head, twin = open_head(directory, most), Twin(most)
        for kind, argument in events:
            match kind:
                case "append":
                    statuses = [twin.status(r) for r in argument]
                    assert append(head, argument) == statuses
                    for r, status in zip(argument, statuses, strict=True):
                        if status == AppendStatus.OK:
                            twin.add(r)
                case "rollback":
                    append(head, argument, commit=False)
                case _:
                    head.core.set_max_exemplars(argument)
                    twin.resize(argument)
            assert select(head) == twin.select()
        head.close()
    finally:
        shutil.rmtree(directory)


def test_exemplars_survive_a_restart_and_a_checkpoint(tmp_path: Path) -> None:
    head = open_head(tmp_path, 10)
    for t in range(0, 5000, 1000):
        assert append(head, [("up", t, float(t), {"trace": str(t)}), ("down", t, 1.0, {})]) == [0, 0]
        head.wal.cut()
    before = select(head)
    head.close()
    head = open_head(tmp_path, 10)
    assert select(head) == before
    for t in range(5000, 7000, 1000):  # series without samples would be dropped
        appender = head.appender()
        refs = np.array([appender.series(Labels({"__name__": name})) for name in ("up", "down")], np.uint64)
        appender.append(refs, np.full(2, t), np.zeros(2))
        appender.commit()
    head.truncate(2000)
    head.truncate_log()
    head.close()
    assert list((tmp_path / "wal").glob("checkpoint.*"))
    head = open_head(tmp_path, 10)
    assert select(head) == {name: [e for e in rows if e[0] >= 2000] for name, rows in before.items()}
    head.close()


def test_selection_is_by_time_and_by_any_of_the_matcher_sets(tmp_path: Path) -> None:
    head = open_head(tmp_path, 10)
    append(head, [("up", 1, 1.0, {"trace": "a"}), ("down", 2, 2.0, {}), ("left", 3, 3.0, {})])
    sets = [[Matcher(MatchType.EQUAL, "__name__", name)] for name in ("up", "left")]
    assert head.exemplars(sets, 1, 3) == [
        (Labels({"__name__": "left"}), [Exemplar(Labels({}), 3, 3.0)]),
        (Labels({"__name__": "up"}), [Exemplar(Labels({"trace": "a"}), 1, 1.0)]),
    ]
    assert head.exemplars(sets, 2, 2) == []
    head.close()


def test_the_metrics_follow_the_ring(tmp_path: Path) -> None:
    registry = Registry()
    head = open_head(tmp_path, 2, registry)
    rows: list[Row] = [("up", 1000, 1.0, {}), ("down", 2000, 1.0, {}), ("left", 3000, 1.0, {}), ("left", 1, 1.0, {})]
    append(head, rows)
    text = registry.expose().decode()
    for name, value in {
        "exemplars_appended_total": 3,
        "exemplars_in_storage": 2,
        "series_with_exemplars_in_storage": 2,
        "last_exemplars_timestamp_seconds": 2,
        "max_exemplars": 2,
        "out_of_order_exemplars_total": 1,
    }.items():
        assert f"prometheus_tsdb_exemplar_{name} {value}\n" in text, name
    head.close()


def test_an_exemplar_of_an_unknown_series_is_refused(tmp_path: Path) -> None:
    head = open_head(tmp_path, 2)
    labels = LabelSets()
    labels.add([])
    appender = head.appender()
    statuses = appender.append_exemplars(np.array([77], np.uint64), np.array([1]), np.array([1.0]), labels)
    assert statuses.tolist() == [AppendStatus.UNKNOWN_REF]
    appender.rollback()
    head.close()


def test_a_snapshot_keeps_exemplars_and_their_age(tmp_path: Path) -> None:
    def opened() -> Head:
        settings = HeadSettings(max_exemplars=3, snapshot_on_shutdown=True)
        return Head.open(tmp_path, Registry(), RANGE, 1 << 24, settings=settings)[0]

    head = opened()
    appender = head.appender()  # a series without samples is not worth a snapshot
    for name in ("up", "down"):
        ref = appender.series(Labels({"__name__": name}))
        appender.append(np.array([ref], np.uint64), np.array([1]), np.array([1.0]))
    appender.commit()
    append(head, [("up", 1, 1.0, {}), ("down", 2, 2.0, {"trace": "ä"}), ("up", 3, 3.0, {})])
    head.close()
    for segment in (tmp_path / "wal").glob("0*"):
        segment.write_bytes(bytes(segment.stat().st_size))  # what the snapshot stands for is not read
    head = opened()
    assert select(head) == {"down": [(2, 2.0, "ä")], "up": [(1, 1.0, ""), (3, 3.0, "")]}
    append(head, [("down", 4, 4.0, {})])
    assert select(head) == {"down": [(2, 2.0, "ä"), (4, 4.0, "")], "up": [(3, 3.0, "")]}
    head.close()
