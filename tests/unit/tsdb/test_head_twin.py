"""The core's head agrees with its Python twin over any course of events, restarts included."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchType
from narthex.native import HeadPart, SeriesBatch
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from reference.chunk_bits import STALE, bits_of, float_of
from reference.chunk_histogram import Histogram, Layout, spans_of
from reference.head import TwinHead, Value
from reference.histogram_values import plain
from support.chunks import histograms_of_row
from support.histograms import batch_of_histograms

RANGE = 100_000

labels = st.builds(
    Labels,
    st.fixed_dictionaries(
        {"__name__": st.sampled_from(["up", "down"])},
        optional={"job": st.sampled_from(["a", "ab", "b"]), "é": st.sampled_from(["x", "😀"])},
    ),
)


@st.composite
def histogram(draw: st.DrawFn) -> Histogram:
    """Few and alike, so that layouts grow, counters go back, and samples repeat."""
    number = float if draw(st.booleans()) else int
    schema = draw(st.sampled_from([0, 0, 3, -53]))
    counts = st.dictionaries(st.integers(0 if schema == -53 else -3, 3), st.integers(0, 3).map(number), max_size=4)
    positive = draw(counts)
    negative = {} if schema == -53 else draw(counts)
    zeros = number(0 if schema == -53 else draw(st.integers(0, 2)))
    count = number(sum(positive.values()) + sum(negative.values()) + zeros + draw(st.sampled_from([0, 0, 0, 1])))
    bounds = draw(st.sampled_from([(0.5, 1.0, 2.0), (0.5, 1.0, 2.25)])) if schema == -53 else ()
    threshold = 0.0 if schema == -53 else draw(st.sampled_from([0.0, 0.0, 0.001]))
    layout = Layout(schema, threshold, spans_of(positive), spans_of(negative), bounds)
    total = draw(st.sampled_from([1.5, 1.5, 2.5, float("nan")]))
    return Histogram(layout, count, zeros, total, positive, negative, draw(st.integers(0, 3)))


STALE_NAN = float_of(STALE)
value = st.one_of(
    st.sampled_from([0.0, 1.0, 2.5, -1e300, float("inf"), STALE_NAN]),
    histogram(),
    st.sampled_from([Histogram(Layout(), none, none, STALE_NAN) for none in (0, 0.0)]),
)
sample = st.tuples(labels, st.integers(-3000, 30_000), value)
late_sample = st.tuples(labels, st.integers(-200_000, 1000), value)
matcher = st.one_of(
    st.builds(
        Matcher,
        st.sampled_from([MatchType.EQUAL, MatchType.NOT_EQUAL]),
        st.sampled_from(["__name__", "job", "é", "none"]),
        st.sampled_from(["", "up", "a", "x"]),
    ),
    st.builds(
        Matcher,
        st.sampled_from([MatchType.REGEX, MatchType.NOT_REGEX]),
        st.sampled_from(["__name__", "job", "none"]),
        st.sampled_from(["a.*", "up|down", ".*b", "a?", "", ".+", "[ab]+"]),
    ),
)
event = st.one_of(
    st.tuples(st.just("commit"), st.lists(sample, min_size=1, max_size=12)),
    st.tuples(st.just("commit"), st.lists(late_sample, min_size=1, max_size=40)),
    st.tuples(st.just("scrape"), st.lists(sample, max_size=3)),
    st.tuples(st.just("window"), st.sampled_from([0, 20_000, 100_000, 500_000])),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(
        st.just("delete"), st.tuples(st.lists(matcher, max_size=2), st.integers(0, 250_000), st.integers(0, 90_000))
    ),
    st.tuples(st.just("rollback"), st.lists(sample, min_size=1, max_size=3)),
    st.tuples(st.just("overlap"), st.lists(sample, min_size=1, max_size=3)),
    st.tuples(st.just("select"), st.lists(matcher, max_size=3)),
    st.tuples(st.just("truncate"), st.integers(0, 60_000)),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("encoding"), st.none()),
)


def start_of(t: int) -> int:
    """Some samples have no start time, neighbours often the same."""
    return 0 if t % 3 == 0 else t - t % 7000 - 1


class Pair:
    """Both heads; times move forward by themselves so that truncation and bounds have something to do."""

    def __init__(self, directory: Path, settings: HeadSettings) -> None:
        self.directory, self.settings = directory / "data", settings
        self.directory.mkdir()
        self.head = self._open()
        self.twin = TwinHead(RANGE)
        self.now = 1_000_000
        self.window(500_000)

    def _open(self) -> Head:
        return Head.open(self.directory, Registry(), RANGE, 128 * 1024, settings=self.settings)[0]

    def turn_encoding(self) -> None:
        if not self.settings.store_starts:
            self.head.set_xor2(not self.head.settings.xor2)

    def commit(self, samples: list[tuple[Labels, int, Value]], rollback: bool = False, overlap: bool = False) -> None:
        self.now += 5000
        appender, twin = self.head.appender(), self.twin.transaction()
        refs = []
        for labels, _, _ in samples:
            refs.append(appender.series(labels))
            self.twin.create(labels)
        times = [self.now + t for _, t, _ in samples]
        statuses = []
        for histograms, run in itertools.groupby(range(len(samples)), lambda i: isinstance(samples[i][2], Histogram)):
            rows = list(run)
            columns = np.array(refs, np.uint64)[rows], np.array(times, np.int64)[rows]
            starts = np.array([start_of(t) for t in columns[1].tolist()], np.int64)
            values = [samples[i][2] for i in rows]
            if histograms:
                statuses += appender.append_histograms(*columns, batch_of_histograms(values), starts).tolist()
            else:
                statuses += appender.append(*columns, np.array(values), starts).tolist()
        assert statuses == [twin.append(labels, t, v) for (labels, _, v), t in zip(samples, times, strict=True)]
        if overlap:  # another commit comes between append and commit
            self.commit([(labels, t + 1, v) for labels, t, v in samples])
        if rollback:
            appender.rollback()
        else:
            appender.commit()
            twin.commit()

    def scrape(self, report: list[tuple[Labels, int, Value]]) -> None:
        """All series there are, in the order of their references, and a few more samples, perhaps of the same."""
        known = sorted(self.twin.series, key=lambda labels: self.head.core.series(labels.pairs()))
        self.commit([(labels, 0, float(i % 3)) for i, labels in enumerate(known)] + report)

    def select(self, matchers: list[Matcher]) -> None:
        mint, maxt = self.twin.min_valid, self.now + 10_000
        querier = self.head.querier(mint, maxt)
        batch = querier.select(matchers)
        want = self.twin.select(matchers, mint, maxt)
        got = []
        for row in range(len(batch)):
            floats, histograms = _samples(batch, row, mint, maxt)
            for t, start, h in histograms_of_row(batch, row, mint, maxt):
                assert h.stale or start == (start_of(t) if self.settings.store_starts else 0)
            if floats or histograms:
                labels = Labels(batch.labels[row])
                got.append(labels)
                _check(floats, histograms, want[labels])
        assert got == sorted(want)
        rows = [Labels(batch.labels[row]) for row in range(len(batch))]
        sets = querier.series(matchers)
        listed = [Labels(sets[row]) for row in range(len(sets))]
        # A chunk that several deletions emptied together still counts.
        assert [labels for labels in listed if labels in rows or not self.twin.series[labels].deleted] == rows
        rows = listed
        counts = self.head.counts()
        assert (counts.stale_series, counts.histogram_series) == (
            self.twin.stale_series(),
            self.twin.histogram_series(),
        )
        if matchers:
            assert querier.label_names(matchers) == sorted({name for row in rows for name in row})
            assert querier.label_values("job", matchers) == sorted({row["job"] for row in rows if "job" in row})

    def window(self, window: int) -> None:
        self.head.set_out_of_order_window(window)
        self.twin.window = window

    def delete(self, matchers: list[Matcher], back: int, width: int) -> None:
        mint = self.now - back
        self.head.delete(matchers, mint, mint + width)
        self.twin.delete(matchers, mint, mint + width)

    def compact(self) -> None:
        part = self.head.begin_out_of_order_compaction()
        want = {labels: series.late for labels, series in self.twin.series.items() if series.late_samples()}
        if part is None:  # no window since the last restart, and nothing late before
            assert not want
            return
        querier = self.head.querier(part.mint, part.maxt)
        batch = querier.select([], HeadPart.COMPACTING)
        assert [Labels(batch.labels[row]) for row in range(len(batch))] == sorted(want)
        for row in range(len(batch)):
            late: dict[int, list[Value]] = {}
            for chunk in want[Labels(batch.labels[row])]:
                for t, v in chunk.items():
                    late.setdefault(t, []).append(v)
            _check(*_samples(batch, row, part.mint, part.maxt), late)
        self.head.end_out_of_order_compaction(part)
        self.twin.compact()

    def truncate(self, back: int) -> None:
        mint = self.now - back
        self.head.close_before(mint)
        self.head.truncate(mint)
        self.twin.truncate(mint)

    def restart(self) -> None:
        valid = self.twin.min_valid
        self.head.close()
        core_range = self.twin.chunk_range
        floor = None if valid == -(2**63) else valid
        self.head = Head.open(self.directory, Registry(), core_range, 128 * 1024, floor, settings=self.settings)[0]
        # A restart forgets series without samples that no log record needs, and the newest time of dropped ones.
        counts = self.head.counts()
        self.twin.max_time = counts.max_time
        self.twin.restart()
        assert {Labels(row) for row in _rows(self.head)} == set(self.twin.series)
        self.window(self.twin.window)


Samples = list[tuple[int, object]]


def _samples(batch: SeriesBatch, row: int, mint: int, maxt: int) -> tuple[Samples, Samples]:
    """Floats and histograms."""
    ts, vs = batch.samples(row, mint, maxt)
    floats = [(t, bits_of(v)) for t, v in zip(ts.tolist(), vs.tolist(), strict=True)]
    return floats, [(t, plain(h)) for t, _, h in histograms_of_row(batch, row, mint, maxt)]


def _check(floats: Samples, histograms: Samples, want: dict[int, list[Value]]) -> None:
    """Both ascend, and each time that is wanted has one of its values; a float and a histogram may share one."""
    for samples in (floats, histograms):
        assert [t for t, _ in samples] == sorted({t for t, _ in samples})
    assert {t for t, _ in floats + histograms} == set(want)
    choices = {t: [plain(v) if isinstance(v, Histogram) else bits_of(v) for v in values] for t, values in want.items()}
    assert all(v in choices[t] for t, v in floats + histograms)


def _rows(head: Head) -> list[dict[str, str]]:
    sets = head.querier(-(2**63), 2**63 - 1).series([])
    return [sets[i] for i in range(len(sets))]


@settings(max_examples=60)
@given(
    st.lists(event, min_size=1, max_size=14),
    st.builds(
        replace,
        st.sampled_from([HeadSettings(), HeadSettings(xor2=True, histogram_starts=True, store_starts=True)]),
        snapshot_on_shutdown=st.booleans(),
    ),
)
def test_the_head_agrees_with_its_twin(events: list[tuple[str, object]], head_settings: HeadSettings) -> None:
    directory = Path(tempfile.mkdtemp(prefix="head-twin-"))
    try:
        pair = Pair(directory, head_settings)
        for kind, argument in events:
            match kind:
                case "commit":
                    pair.commit(argument)
                case "rollback":
                    pair.commit(argument, rollback=True)
                case "overlap":
                    pair.commit(argument, overlap=True)
                case "scrape":
                    pair.scrape(argument)
                case "window":
                    pair.window(argument)
                case "compact":
                    pair.compact()
                case "delete":
                    pair.delete(*argument)
                case "select":
                    pair.select(argument)
                case "truncate":
                    pair.truncate(argument)
                case "encoding":
                    pair.turn_encoding()
                case _:
                    pair.restart()
        pair.select([])
        pair.head.close()
    finally:
        shutil.rmtree(directory)
