"""Start times of scraped bodies in a real head: zeros at them, kept with the samples, seen by queries of the labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.exposition import Format
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.scrape.body_reading import ScrapeFeatures
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from reference.chunk_xor2 import read_xor2
from support.chunks import histograms_of_row, written
from support.protobuf_metrics import COUNTER, GAUGE, HISTOGRAM, Family, Histogram, Metric, body
from support.scrape import Bench

FOREVER = (-(2**62), 2**62)
ZEROS = ScrapeFeatures(start_zeros=True)
NATIVE = Histogram(6, 18.5, schema=3, zero_threshold=0.25, zero_count=1, positive_spans=[(-2, 2)], positive=[2, 3])


class HeadBench(Bench):
    """A loop that scrapes into a head set up for the features."""

    def __init__(self, path: Path, features: ScrapeFeatures, *answers: bytes, **settings: object) -> None:
        stored = features.store_starts
        options = HeadSettings(xor2=stored, store_starts=stored, start_zeros=features.start_zeros)
        self.head, _ = Head.open(path, Registry(), 7_200_000, 1 << 24, settings=options)
        super().__init__(*answers, appendable=self.head, features=features, **settings)
        self.began = round(self.clock.now() * 1000)

    def stored(self, name: str) -> list[tuple[int, float]]:
        """(milliseconds since the first scrape, value) of the only series of this name."""
        batch = self.head.querier(*FOREVER).select([Matcher(MatchType.EQUAL, "__name__", name)])
        if not len(batch):
            return []
        times, values = batch.samples(0, *FOREVER)
        return [(t - self.began, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)]


def counter(value: float, start: int | None) -> bytes:
    return body([Family("c_total", COUNTER, [Metric({}, value, start=start)]), Family("g", GAUGE, [Metric({}, 1.0)])])


async def test_a_zero_stands_at_the_start_of_a_counter_and_again_when_it_is_restarted(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ZEROS)
    bench.answers.format = Format.PROTOBUF
    at = bench.began
    bench.answers.answers = [counter(5, at - 60_000), counter(6, at - 60_000), counter(1, at + 15_000)]
    await bench.scrape(3)
    assert bench.target.last_error == ""
    assert bench.stored("c_total") == [(-60_000, 0), (0, 5), (10_000, 6), (15_000, 0), (20_000, 1)]
    assert bench.stored("g") == [(0, 1), (10_000, 1), (20_000, 1)]
    assert [v for _, v in bench.stored("scrape_samples_scraped")] == [2, 2, 2]
    assert [v for _, v in bench.stored("scrape_samples_post_metric_relabeling")] == [2, 2, 2]


@pytest.mark.parametrize("start", [40_000, 0, -(2**50)])
async def test_a_start_that_cannot_be_right_does_not_fail_the_scrape(tmp_path: Path, start: int) -> None:
    bench = HeadBench(tmp_path, ZEROS)
    bench.answers.format = Format.PROTOBUF
    bench.answers.answers = [counter(5, None), counter(6, bench.began + start)]
    await bench.scrape(2)
    assert bench.target.last_error == ""
    assert bench.stored("c_total") == [(0, 5), (10_000, 6)]
    assert [v for _, v in bench.stored("up")] == [1, 1]


async def test_created_lines_of_openmetrics_are_zeros_too_and_no_series(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ZEROS)
    bench.answers.format = Format.OPENMETRICS
    seconds = bench.began / 1000 - 30
    bench.answers.answers = [f"# TYPE c counter\nc_total 5\nc_created {seconds}\n# EOF\n".encode()]
    await bench.scrape(2)
    assert bench.stored("c_total") == [(-30_000, 0), (0, 5), (10_000, 5)]
    assert bench.stored("c_created") == []
    assert [v for _, v in bench.stored("scrape_samples_scraped")] == [1, 1]


async def test_a_native_histogram_begins_with_an_empty_one(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ZEROS, scrape_native_histograms=True)
    bench.answers.format = Format.PROTOBUF
    NATIVE.start = bench.began - 5_000
    bench.answers.answers = [body([Family("h", HISTOGRAM, [Metric({}, NATIVE)])])]
    await bench.scrape(2)
    batch = bench.head.querier(*FOREVER).select([Matcher(MatchType.EQUAL, "__name__", "h")])
    found = [(t - bench.began, h.count, h.sum, h.layout.schema) for t, _, h in histograms_of_row(batch, 0)]
    assert found == [(-5_000, 0, 0, 3), (0, 6, 18.5, 3), (10_000, 6, 18.5, 3)]


async def test_start_times_are_kept_with_the_samples_where_they_are_to_be_stored(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ScrapeFeatures(store_starts=True))
    bench.answers.format = Format.PROTOBUF
    at = bench.began
    bench.answers.answers = [counter(5, at - 60_000), counter(6, at - 60_000), counter(1, at + 15_000)]
    await bench.scrape(3)
    batch = bench.head.querier(*FOREVER).select([Matcher(MatchType.EQUAL, "__name__", "c_total")])
    samples = [s for *_, data in written(batch, *FOREVER)[0] for s in read_xor2(data)]
    assert [(t - at, start - at, v) for t, start, v in samples] == [
        (0, -60_000, 5),
        (10_000, -60_000, 6),
        (20_000, 15_000, 1),
    ]


async def test_without_the_features_start_times_are_forgotten_and_created_lines_are_series(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ScrapeFeatures())
    bench.answers.format = Format.OPENMETRICS
    bench.answers.answers = [b"# TYPE c counter\nc_total 5\nc_created 1\n# EOF\n"]
    await bench.scrape()
    assert bench.stored("c_total") == [(0, 5)]
    assert bench.stored("c_created") == [(0, 1)]


async def test_types_and_units_are_labels_of_scraped_series_but_not_of_those_about_the_scrape(tmp_path: Path) -> None:
    bench = HeadBench(tmp_path, ScrapeFeatures(type_and_unit=True))
    bench.answers.format = Format.OPENMETRICS
    bench.answers.answers = [b"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 5\n# EOF\n"]
    await bench.scrape()
    batch = bench.head.querier(*FOREVER).select([])
    found = {labels["__name__"]: labels for labels in (batch.labels[i] for i in range(len(batch)))}
    target = {"instance": "host:1", "job": "test"}
    assert found["a_seconds"] == {"__name__": "a_seconds", "__type__": "gauge", "__unit__": "seconds"} | target
    assert found["up"] == {"__name__": "up"} | target
