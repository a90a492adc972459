"""Scraped histograms and exemplars in a real head."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from narthex.exposition import Format
from narthex.instrument import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.model.number import is_stale
from narthex.scrape.body_reading import NO_FEATURES, ScrapeFeatures, finest_schema
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings
from support.protobuf_metrics import COUNTER, HISTOGRAM, Exemplar, Family, Histogram, Metric, body
from support.scrape import Bench

FOREVER = (-(2**62), 2**62)
NATIVE = Histogram(6, 18.5, [(1, 4)], schema=3, zero_threshold=0.25, zero_count=1,
                   positive_spans=[(-2, 2), (1, 1)], positive=[1, 1, 3])  # fmt: skip


class HeadBench(Bench):
    """A loop that scrapes protobuf bodies into a head."""

    def __init__(
        self, path: Path, *answers: list[Family], features: ScrapeFeatures = NO_FEATURES, **settings: object
    ) -> None:
        self.head, _ = Head.open(path, Registry(), 7_200_000, 1 << 24, settings=HeadSettings(max_exemplars=10))
        super().__init__(*map(body, answers), appendable=self.head, features=features, **settings)
        self.answers.format = Format.PROTOBUF

    def stored(self, name: str) -> tuple[list[float], list[float]]:
        """Sums of the histograms and float samples of the series of this name, at most one."""
        querier = self.head.querier(*FOREVER)
        batch = querier.select([Matcher(MatchType.EQUAL, "__name__", name)])
        if not len(batch):
            return [], []
        sums = [float(v) for run in batch.histograms(0, *FOREVER) for v in run["sums"]]
        return sums, batch.samples(0, *FOREVER)[1].tolist()

    def last(self, name: str) -> float:
        return self.stored(name)[1][-1]


async def test_native_histograms_are_stored_and_end_with_a_stale_marker_of_their_own(tmp_path: Path) -> None:
    families = [Family("h", HISTOGRAM, [Metric({}, NATIVE)])]
    other = [Family("c_total", COUNTER, [Metric({}, 1.0)])]
    bench = HeadBench(tmp_path, families, families, other, scrape_native_histograms=True)
    await bench.scrape(3)
    assert bench.target.last_error == ""
    sums, floats = bench.stored("h")
    assert (sums[:2], [is_stale(v) for v in sums], floats) == ([18.5, 18.5], [False, False, True], [])
    assert bench.stored("h_count") == ([], [])
    assert bench.stored("scrape_samples_scraped")[1] == [1.0, 1.0, 1.0]
    assert bench.stored("scrape_samples_post_metric_relabeling")[1] == [1.0, 1.0, 1.0]


async def test_the_sample_limit_counts_histograms(tmp_path: Path) -> None:
    families = [Family("h", HISTOGRAM, [Metric({"k": str(k)}, NATIVE) for k in range(2)])]
    families.append(Family("c_total", COUNTER, [Metric({}, 1.0)]))
    bench = HeadBench(tmp_path, families, scrape_native_histograms=True, sample_limit=2)
    await bench.scrape()
    assert bench.target.last_error == "sample limit exceeded"
    assert bench.last("scrape_samples_post_metric_relabeling") == 3.0
    assert bench.stored("h") == bench.stored("c_total") == ([], [])


async def test_too_many_buckets_at_the_coarsest_resolution_fail_the_scrape(tmp_path: Path) -> None:
    wide = Histogram(2, 1.0, schema=0, positive_spans=[(-900, 1), (2000, 1)], positive=[1, 1])
    families = [Family("h", HISTOGRAM, [Metric({}, wide)]), Family("c_total", COUNTER, [Metric({}, 1.0)])]
    bench = HeadBench(tmp_path, families, scrape_native_histograms=True, native_histogram_bucket_limit=1)
    await bench.scrape()
    assert bench.target.last_error == "histogram bucket limit exceeded"
    assert bench.last("up") == 0.0
    assert bench.stored("c_total") == ([], [])
    assert bench.metrics.exceeded_bucket_limit.value == 1


async def test_a_faulty_histogram_fails_the_scrape_in_words(tmp_path: Path) -> None:
    bad = Histogram(9, 1.0, schema=0, positive_spans=[(0, 1)], positive=[4])
    families = [Family("h", HISTOGRAM, [Metric({}, bad)]), Family("c_total", COUNTER, [Metric({}, 1.0)])]
    bench = HeadBench(tmp_path, families, scrape_native_histograms=True)
    await bench.scrape()
    assert bench.target.last_error.startswith("histogram's observation count should equal")
    assert bench.last("up") == 0.0
    assert bench.stored("c_total") == ([], [])


async def test_exemplars_are_stored_once_and_late_ones_are_only_counted_when_none_is_newer(tmp_path: Path) -> None:
    def shown(*exemplars: Exemplar) -> list[Family]:
        h = Histogram(1, 1.0, schema=0, positive_spans=[(0, 1)], positive=[1], exemplars=exemplars)
        return [Family("h", HISTOGRAM, [Metric({}, h)])]

    old, new = Exemplar({"id": "old"}, 1.0, 1_000), Exemplar({"id": "new"}, 2.0, 2_000)
    bench = HeadBench(
        tmp_path,
        shown(new, old),
        shown(new, old),
        shown(old),
        scrape_native_histograms=True,
        features=ScrapeFeatures(exemplars=True),
    )
    await bench.scrape(3)
    found = bench.head.exemplars([[Matcher(MatchType.EQUAL, "__name__", "h")]], *FOREVER)
    assert [(e.timestamp, e.labels["id"]) for e in found[0][1]] == [(1_000, "old"), (2_000, "new")]
    assert bench.metrics.exemplars_out_of_order.value == 1


@pytest.mark.parametrize(
    ("factor", "schema"), [(0.0, 8), (1.0, 8), (1.002, 8), (1.1, 2), (2.0, 0), (4.0, -1), (1e9, -4), (math.inf, -4)]
)
def test_the_finest_schema_grows_by_the_factor_at_least(factor: float, schema: int) -> None:
    assert finest_schema(factor) == schema
