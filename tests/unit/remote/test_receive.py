"""What becomes of remote write requests on real storage, in both versions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesCache, WriteRequest, snappy_compress
from narthex.remote.receive import WriteReceiver, WriteVersion, Written
from narthex.tsdb.db import DB
from narthex.tsdb.head_settings import DEFAULT_SETTINGS, HeadSettings
from narthex.tsdb.options import DBOptions
from reference.chunk_histogram import Histogram, Layout
from support.chunks import histograms_of_row
from support.clock import FakeClock
from support.histogram_protobuf import histogram_message
from support.protobuf import bytes_field as message
from support.protobuf import number_field as integer
from support.write_requests import Series, version1, version2

T = 1_700_000_000_000
ALL = (-(2**62), 2**62)
V1, V2 = WriteVersion.V1, WriteVersion.V2
BOTH = pytest.mark.parametrize("version", [V1, V2])


class Store:
    """A receiver over a database in a directory of its own, with the clock at T."""

    def __init__(self, path: Path, head: HeadSettings = DEFAULT_SETTINGS, **features: bool) -> None:
        self.registry = Registry()
        self.db = DB.open(path, DBOptions(head=head), self.registry, FakeClock(T / 1000))
        self.db.head.core.set_max_exemplars(100)
        self.receiver = WriteReceiver(self.db, FakeClock(T / 1000), self.registry, **features)

    def write(self, version: WriteVersion, *series: Series) -> Written:
        encode = version1 if version is V1 else version2
        return self.receiver.receive(snappy_compress(encode(series)), version)

    def samples(self) -> dict[str, list[tuple[int, float]]]:
        """By the labels without braces, in label order."""
        batch = self.db.querier(*ALL).select([])
        found = {}
        for row in range(len(batch)):
            times, values = batch.samples(row, *ALL)
            if len(times):
                found[name_of(batch.labels[row])] = list(zip(times.tolist(), values.tolist(), strict=True))
        return found

    def histograms(self) -> dict[str, list[tuple[int, Histogram]]]:
        batch = self.db.querier(*ALL).select([])
        found = {}
        for row in range(len(batch)):
            if rows := histograms_of_row(batch, row, *ALL):
                found[name_of(batch.labels[row])] = [(t, h) for t, _, h in rows]
        return found

    def invalid(self) -> float:
        name = "prometheus_api_remote_write_invalid_labels_samples_total "
        lines = self.registry.expose().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name))


def name_of(labels: dict[str, str]) -> str:
    return ",".join(f"{n}={v}" for n, v in sorted(labels.items()) if n != "__name__") or labels["__name__"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.db.close()


def named(name: str, *samples: tuple[int, float], **rest: object) -> Series:
    return Series({"__name__": name}, samples, **rest)  # type: ignore[arg-type]  # tests give fields of Series


def integer_histogram(k: int) -> Histogram:
    return Histogram(
        Layout(3, 0.001, ((0, 2), (3, 1)), ((1, 1),)), 7 + k, 1, 2.5 * k, {0: 1, 1: 2, 5: 2 + k}, {1: 1}, 0
    )


@BOTH
def test_samples_of_many_series_are_stored_with_their_bits(store: Store, version: WriteVersion) -> None:
    odd = float(np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0])  # the stale marker
    answer = store.write(
        version,
        named("a", (T, 1.5), (T + 1000, -0.0)),
        Series({"__name__": "b", "zone": "ü", "job": "x"}, [(T, math.inf)]),
        named("c", (T, 0.0), (T + 1, odd)),
    )
    assert answer == Written(204, "", 5, 0, 0)
    found = store.samples()
    assert found["a"] == [(T, 1.5), (T + 1000, 0.0)] and math.copysign(1, found["a"][1][1]) == -1
    assert found["job=x,zone=ü"] == [(T, math.inf)]
    assert np.array(found["c"][1][1]).view(np.uint64) == 0x7FF0000000000002


@BOTH
def test_known_series_are_found_again_whatever_version_names_them(store: Store, version: WriteVersion) -> None:
    for k in range(4):
        assert store.write(V1 if k % 2 else version, named("a", (T + k, k))).status == 204
    assert store.samples() == {"a": [(T + k, k) for k in range(4)]}
    assert len(store.receiver._cache) == 1


@BOTH
def test_labels_need_no_order_and_empty_ones_do_not_count(store: Store, version: WriteVersion) -> None:
    store.write(version, Series([("z", "1"), ("__name__", "a"), ("b", ""), ("c", "2")], [(T, 1)]))
    store.write(version, Series([("__name__", "a"), ("c", "2"), ("z", "1")], [(T + 1, 2)]))
    assert store.samples() == {"c=2,z=1": [(T, 1), (T + 1, 2)]}


@BOTH
def test_histograms_of_every_kind_are_stored(store: Store, version: WriteVersion) -> None:
    floats = Histogram(Layout(-2, 0.5, ((0, 1),)), 3.5, 0.5, 9.0, {0: 3.0}, {}, 3)
    custom = Histogram(Layout(-53, 0, ((0, 2),), (), (0.5, 2.0)), 3, 0, 4.0, {0: 1, 1: 2}, {}, 0)
    answer = store.write(
        version,
        named("i", histograms=[histogram_message(T + k, integer_histogram(k)) for k in range(3)]),
        named("f", histograms=[histogram_message(T, floats)]),
        named("n", histograms=[histogram_message(T, custom)]),
    )
    assert answer == Written(204, "", 0, 5, 0)
    found = store.histograms()
    assert [(t, h.count, h.sum, h.positive) for t, h in found["i"]] == [
        (T + k, 7 + k, 2.5 * k, {0: 1, 1: 2, 5: 2 + k}) for k in range(3)
    ]
    assert found["f"] == [(T, floats)] and found["n"] == [(T, custom)]


@BOTH
def test_a_series_may_change_between_floats_and_histograms_within_a_request(
    store: Store, version: WriteVersion
) -> None:
    answer = store.write(
        version,
        named("a", (T, 1)),
        named("a", histograms=[histogram_message(T + 1, integer_histogram(1))]),
        named("a", (T + 2, 2)),
        named("a", histograms=[histogram_message(T + 3, integer_histogram(2))]),
    )
    assert answer == Written(204, "", 2, 2, 0)
    assert [t for t, _ in store.samples()["a"]] == [T, T + 2]
    assert [t for t, _ in store.histograms()["a"]] == [T + 1, T + 3]


@BOTH
def test_exemplars_are_stored(store: Store, version: WriteVersion) -> None:
    answer = store.write(version, named("a", (T, 1), exemplars=[({"trace": "x"}, T, 0.5), ({}, T + 1, 2.0)]))
    assert (answer.status, answer.exemplars) == (204, 2)
    found = store.db.exemplars([[Matcher(MatchType.EQUAL, "__name__", "a")]], *ALL)
    assert [(e.timestamp, e.value, dict(e.labels)) for _, es in found for e in es] == [
        (T, 0.5, {"trace": "x"}),
        (T + 1, 2.0, {}),
    ]


BAD: dict[str, tuple[Callable[[], list[Series]], str]] = {
    "out of order": (lambda: [named("a", (T - 5, 1))], "out of order sample"),
    "duplicate": (lambda: [named("a", (T, 2))], "duplicate sample for timestamp"),
    "too far ahead": (
        lambda: [named("b", (T + 600_001, 2))],
        "out of bounds: timestamp is too far in the future",
    ),
    "invalid histogram": (
        lambda: [
            named("b", histograms=[histogram_message(T, Histogram(Layout(0, 0, ((0, 1),)), 9, 0, 1.0, {0: 1}, {}, 0))])
        ],
        "histogram's observation count should equal the number of observations found in the buckets "
        "(in absence of NaN)",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_sample_takes_back_the_whole_request_of_version_1(store: Store, kind: str) -> None:
    make, text = BAD[kind]
    store.write(V1, named("a", (T, 1)))
    assert store.write(V1, named("good", (T, 1)), *make(), named("good", (T + 1, 1))) == Written(400, text)
    assert store.samples() == {"a": [(T, 1)]}


@pytest.mark.parametrize("kind", BAD)
def test_good_samples_of_version_2_are_stored_beside_bad_ones(store: Store, kind: str) -> None:
    make, text = BAD[kind]
    store.write(V2, named("a", (T, 1)))
    bad = make()
    answer = store.write(V2, named("good", (T, 1)), *bad, named("good", (T + 1, 1)))
    name = dict(bad[0].labels)["__name__"]
    assert answer == Written(400, f'{text} for series {{__name__="{name}"}}', 2, 0, 0)
    assert store.samples() == {"a": [(T, 1)], "good": [(T, 1), (T + 1, 1)]}


def test_the_first_bad_sample_of_version_1_is_the_one_that_is_named(store: Store) -> None:
    store.write(V1, named("a", (T, 1)))
    (histogram,) = BAD["invalid histogram"][0]()
    late, duplicate = named("a", (T - 1, 1)), named("a", (T, 5))
    assert store.write(V1, histogram, duplicate, late).text == BAD["invalid histogram"][1]
    assert store.write(V1, late, histogram, duplicate).text == BAD["out of order"][1]
    assert store.write(V1, duplicate, late, histogram).text == BAD["duplicate"][1]


def test_the_same_sample_again_is_fine(store: Store) -> None:
    for version in (V1, V2, V1):
        assert store.write(version, named("a", (T, 1))).status == 204
    assert store.samples() == {"a": [(T, 1)]}


INVALID = {
    "no name": ([("job", "x")], 'invalid metric name or labels, got {job="x"}'),
    "empty name": ([("__name__", "")], 'invalid metric name or labels, got {__name__=""}'),
    "empty label name": ([("", "x"), ("__name__", "a")], 'invalid metric name or labels, got {""="x", __name__="a"}'),
    "repeated": (
        [("__name__", "a"), ("b", "1"), ("b", "2")],
        'invalid labels for series, labels {__name__="a", b="1", b="2"}, duplicated label b',
    ),
}


@pytest.mark.parametrize("kind", INVALID)
def test_series_with_invalid_labels_are_left_out_and_counted(store: Store, kind: str) -> None:
    labels, text = INVALID[kind]
    bad = Series(labels, [(T, 1), (T + 1, 2)])
    assert store.write(V1, named("good", (T, 1)), bad) == Written(204, "", 1, 0, 0)
    assert store.invalid() == 1  # a series
    assert store.write(V2, bad, named("good", (T + 1, 2))) == Written(400, text, 1, 0, 0)
    assert store.invalid() == 3  # and two samples
    assert store.samples() == {"good": [(T, 1), (T + 1, 2)]}


def test_labels_that_are_no_utf8_are_invalid(store: Store) -> None:
    assert store.write(V1, Series([("__name__", "a"), ("b", "\udcff")], [(T, 1)])).status == 204
    assert store.invalid() == 1 and store.samples() == {}


def test_symbol_references_of_version_2_must_exist(store: Store) -> None:
    good = named("good", (T, 1))
    answer = store.write(V2, good, named("a", (T, 1), refs=[1, 2, 3]))
    assert answer == Written(400, "parsing labels for series [1 2 3]: invalid labelRefs length 3", 1, 0, 0)
    answer = store.write(V2, good, named("a", (T, 1), refs=[1, 999]))
    assert answer.text == (
        "parsing labels for series [1 999]: labelRefs 1 (name) = 999 (value) outside of symbols table (size 4)"
    )
    assert store.write(V2, good, named("a")).text == (
        'TimeSeries must contain at least one sample or histogram for series {__name__="a"}'
    )
    assert store.samples() == {"good": [(T, 1)]}


def test_late_exemplars_fail_no_request_of_version_1_and_are_named_in_version_2(store: Store) -> None:
    new, old = ({"trace": "n"}, T + 5, 1.0), ({"trace": "o"}, T, 1.0)
    store.write(V1, named("a", (T, 1), exemplars=[new]))
    assert store.write(V1, named("a", (T + 1, 1), exemplars=[old])) == Written(204, "", 1, 0, 0)
    answer = store.write(V2, named("a", (T + 2, 1), exemplars=[old]))
    assert answer == Written(400, 'out of order exemplar for series {__name__="a"}', 1, 0, 0)
    long = {"trace": "x" * 200}
    assert store.write(V2, named("a", (T + 3, 1), exemplars=[(long, T + 9, 1.0)])) == Written(204, "", 1, 0, 0)


def test_late_samples_are_taken_in_an_out_of_order_window(store: Store) -> None:
    store.db.set_out_of_order_window(60_000)
    assert store.write(V1, named("a", (T, 1)), named("a", (T - 30_000, 2))).status == 204
    assert store.samples() == {"a": [(T - 30_000, 2), (T, 1)]}
    assert store.write(V1, named("a", (T - 61_000, 1))) == Written(400, "too old sample")


def test_references_that_storage_dropped_are_asked_for_again(store: Store) -> None:
    store.write(V1, named("a", (T, 1)), named("b", (T, 1)))
    for _ in range(2):  # a series outlives the epoch it was asked for in
        store.db.head.core.truncate(T + 1)
    assert store.db.head.core.counts().series == 0
    assert store.write(V1, named("a", (T + 2, 2)), named("b", (T + 2, 2))) == Written(204, "", 2, 0, 0)
    assert store.samples() == {"a": [(T + 2, 2)], "b": [(T + 2, 2)]}


def test_a_full_log_is_an_error_that_senders_repeat(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(store.db.head.wal, "write", fail)
    for version in (V1, V2):
        assert store.write(version, named("a", (T, 1))) == Written(500, "no space left")
    assert store.samples() == {}


@BOTH
def test_bodies_that_are_no_request_are_refused(store: Store, version: WriteVersion) -> None:
    good = (version1 if version is V1 else version2)([named("a", (T, 1))])
    for body in (
        b"",
        b"\xff\xff\xff",
        snappy_compress(good)[:-1],
        snappy_compress(good[:-1]),
        snappy_compress(b"\x0b"),
    ):
        if body:
            assert store.receiver.receive(body, version).status == 400
    assert store.samples() == {}


def test_a_body_that_declares_too_much_is_refused_before_it_is_decoded(store: Store) -> None:
    declared = bytes([0x81, 0x80, 0x80, 0x10])  # 32 MiB and one byte
    answer = store.receiver.receive(declared + bytes([0xFE, 1, 0]) * 600_000, V1)
    assert answer.status == 400 and "limit" in answer.text


def test_a_flood_of_empty_messages_is_refused(store: Store) -> None:
    bomb = message(1, message(1, message(1, b"__name__") + message(2, b"a")) + message(2, b"") * (2**22 + 1))
    answer = store.receiver.receive(snappy_compress(bomb), V1)
    assert answer.status == 400 and "too many" in answer.text


def test_long_answers_are_cut(store: Store) -> None:
    store.write(V2, *(named(f"m{k}", (T, 1)) for k in range(300)))
    answer = store.write(V2, *(named(f"m{k}", (T, 2)) for k in range(300)))
    lines = answer.text.splitlines()
    assert len(lines) == 101 and lines[-1] == "and 200 more"


def test_a_small_cache_begins_anew_and_nothing_is_lost() -> None:
    cache = SeriesCache(600_000)
    for round in range(3):
        body = snappy_compress(version1([named(f"metric_{k}" * 20, (T, k)) for k in range(8000)]))
        request = WriteRequest.decode(body, version2=False, latest=T, cache=cache)
        request.resolve(np.arange(1, len(request.unknown) + 1, dtype=np.uint64))
        assert request.floats(0)[1].all(), round
        assert 0 < len(cache) < 8000


def test_start_times_come_with_version_2() -> None:
    histogram = histogram_message(T, integer_histogram(1)) + integer(17, T - 7)
    series = [Series({"__name__": "a"}, [(T, 1.0, T - 5), (T + 1, 2.0)]), named("h", histograms=[histogram])]
    request = WriteRequest.decode(
        snappy_compress(version2(series)), version2=True, latest=T + 5, cache=SeriesCache(1 << 20)
    )
    request.resolve(np.array([7, 8], np.uint64))
    _, refs, times, values, starts = request.floats(0)
    assert starts is not None
    assert (refs.tolist(), times.tolist(), values.tolist(), starts.tolist()) == ([7, 7], [T, T + 1], [1, 2], [T - 5, 0])
    _, refs, times, starts = request.histograms(0)
    assert starts is not None and (refs.tolist(), times.tolist(), starts.tolist()) == ([8], [T], [T - 7])


def test_a_start_time_brings_a_zero_that_is_not_counted_where_the_head_wants_them(tmp_path: Path) -> None:
    store = Store(tmp_path, HeadSettings(start_zeros=True))
    histogram = histogram_message(T, integer_histogram(1)) + integer(17, T - 7)
    series = [Series({"__name__": "a"}, [(T - 2, 1.0, T - 5), (T, 2.0, T - 1)]), named("h", histograms=[histogram])]
    written = store.write(V2, *series)
    assert (written.samples, written.histograms) == (2, 1)
    assert store.samples()["a"] == [(T - 5, 0), (T - 2, 1), (T - 1, 0), (T, 2)]
    assert [(t, h.count) for t, h in store.histograms()["h"]] == [(T - 7, 0), (T, integer_histogram(1).count)]


def test_types_and_units_of_version_2_are_labels_where_they_are_wanted(tmp_path: Path) -> None:
    own = {"__name__": "c", "__type__": "x", "__unit__": "y"}
    series = [
        Series({"__name__": "a"}, [(T, 1.0)], metadata=(1, "seconds")),
        Series({"__name__": "b"}, [(T, 1.0)], metadata=(7, "")),
        Series(own, [(T, 1.0)], metadata=(2, "")),
        Series(own | {"__name__": "d"}, [(T, 1.0)], metadata=(0, "")),
        Series({"__name__": "e"}, [(T, 1.0)], metadata=(99, "bytes")),
    ]
    on, off = Store(tmp_path / "on", type_and_unit=True), Store(tmp_path / "off")
    for t in range(2):  # new, and known
        for store in (on, off):
            store.write(V2, *(replace(s, samples=[(T + t, 1.0)]) for s in series))
    batch = on.db.querier(*ALL).select([])
    assert [batch.labels[i] for i in range(len(batch))] == [
        {"__name__": "a", "__type__": "counter", "__unit__": "seconds"},
        {"__name__": "b", "__type__": "stateset"},
        {"__name__": "c", "__type__": "gauge"},
        {"__name__": "d", "__type__": "x", "__unit__": "y"},
        {"__name__": "e", "__unit__": "bytes"},
    ]
    assert [len(batch.samples(i, *ALL)[0]) for i in range(len(batch))] == [2] * 5
    assert "a" in off.samples()


def test_a_unit_that_is_no_symbol_is_told_and_the_rest_is_stored(tmp_path: Path) -> None:
    store = Store(tmp_path, type_and_unit=True)
    body = version2([named("a", (T, 1.0)), Series({"__name__": "b"}, [(T, 1.0)])])
    broken = body + message(5, message(1, b"\x01\x02") + message(2, integer(2, T)) + message(5, integer(4, 77)))
    written = store.receiver.receive(snappy_compress(broken), V2)
    assert (written.status, written.samples) == (400, 2)
    assert written.text == "parsing metadata for series [1 2]: metadata unit_ref 77 outside of symbols table (size 4)"
