"""What series measure, in the log of a head that is scraped into."""

from __future__ import annotations

from pathlib import Path

from narthex.exposition import Format
from narthex.instrument import Registry
from narthex.model.labels import Labels
from narthex.native import wal_records
from narthex.scrape.body_reading import ScrapeFeatures
from narthex.tsdb.head import Head
from narthex.tsdb.wal import list_segments
from support.protobuf_metrics import COUNTER, HISTOGRAM, Family, Histogram, Metric, body
from support.scrape import Bench

COUNTER_NUMBER, GAUGE_NUMBER, HISTOGRAM_NUMBER = 1, 2, 3
FIRST = b"""# HELP c_total What it counts.
# TYPE c_total counter
c_total{k="1"} 1
# TYPE h histogram
h_bucket{le="+Inf"} 1
h_count 1
h_sum 2
loose_total 1
# HELP g A gauge.
# TYPE g gauge
g 1
"""


class MetadataBench(Bench):
    def __init__(self, path: Path, *answers: bytes, wanted: bool = True, format: Format = Format.TEXT) -> None:
        self.head, _ = Head.open(path, Registry(), 7_200_000, 1 << 24)
        self._path = path
        super().__init__(*answers, appendable=self.head, features=ScrapeFeatures(metadata_records=wanted))
        self.answers.format = format

    def of(self, name: str, **labels: str) -> tuple[int, str, str] | None:
        """Type, unit and help of the series with the target's labels."""
        appender = self.head.appender()
        ref = appender.series(Labels({**self.target.labels, "__name__": name, **labels}))
        appender.rollback()
        return self.head.core.metadata(ref)

    def records(self) -> int:
        """Records of metadata in the log."""
        segments = list_segments(self._path / "wal") or list_segments(self._path)
        return sum(record[0] == 6 for s in segments for record in wal_records(s.path.read_bytes())[0])


async def test_series_of_a_family_have_its_metadata(tmp_path: Path) -> None:
    bench = MetadataBench(tmp_path, FIRST)
    await bench.scrape(1)
    assert bench.of("c_total", k="1") == (COUNTER_NUMBER, "", "What it counts.")
    assert bench.of("g") == (GAUGE_NUMBER, "", "A gauge.")
    for name in ("h_count", "h_sum"):
        assert bench.of(name) == (HISTOGRAM_NUMBER, "", "")
    assert bench.of("h_bucket", le="+Inf") == (HISTOGRAM_NUMBER, "", "")
    assert bench.of("loose_total") in (None, (0, "", ""))


async def test_what_is_known_is_not_logged_again_and_what_is_new_is(tmp_path: Path) -> None:
    more = FIRST.replace(b"c_total{", b'c_total{k="2"} 1\nc_total{')
    other = more.replace(b"A gauge", b"Another gauge")
    bench = MetadataBench(tmp_path, FIRST, FIRST, more, other, more, more)
    counts = []
    for _ in range(6):
        await bench.scrape(1)
        counts.append(bench.records())
    assert counts == [1, 1, 2, 3, 4, 4]
    assert bench.of("c_total", k="2") == (COUNTER_NUMBER, "", "What it counts.")
    assert bench.of("g") == (GAUGE_NUMBER, "", "A gauge.")  # as it was before it changed


async def test_metadata_that_comes_after_its_series_is_taken(tmp_path: Path) -> None:
    bench = MetadataBench(tmp_path, b"g 1\n", b"# TYPE g gauge\ng 1\n")
    await bench.scrape(2)
    assert bench.of("g") == (GAUGE_NUMBER, "", "")


async def test_openmetrics_and_protobuf_say_units_and_family_names(tmp_path: Path) -> None:
    text = b"# TYPE c_seconds counter\n# UNIT c_seconds seconds\n# HELP c_seconds Time.\nc_seconds_total 1\n# EOF\n"
    bench = MetadataBench(tmp_path / "text", text, format=Format.OPENMETRICS)
    await bench.scrape(1)
    assert bench.of("c_seconds_total") == (COUNTER_NUMBER, "seconds", "Time.")
    families = [
        Family("p_total", COUNTER, [Metric({}, 1.0)]),
        Family("h", HISTOGRAM, [Metric({}, Histogram(1, 1.0, classic=[(1.0, 1)]))]),
    ]
    bench = MetadataBench(tmp_path / "protobuf", body(families), format=Format.PROTOBUF)
    await bench.scrape(1)
    assert (found := bench.of("p_total")) is not None and found[0] == COUNTER_NUMBER
    assert (found := bench.of("h_count")) is not None and found[0] == HISTOGRAM_NUMBER


async def test_what_a_failed_scrape_rolled_back_is_told_by_the_next(tmp_path: Path) -> None:
    bench = MetadataBench(tmp_path, FIRST + b"x{ 1\n", FIRST)
    await bench.scrape(2)
    assert bench.of("c_total", k="1") == (COUNTER_NUMBER, "", "What it counts.")


async def test_nothing_is_logged_where_nobody_wants_it(tmp_path: Path) -> None:
    bench = MetadataBench(tmp_path, FIRST, wanted=False)
    await bench.scrape(2)
    assert bench.records() == 0
