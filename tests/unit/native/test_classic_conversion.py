"""Classic histograms that become native ones with custom buckets, from text, OpenMetrics and protobuf."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from narthex.native import Reading, ScrapeCache
from support.protobuf_metrics import HISTOGRAM, Exemplar, Family, Histogram, Metric, body

NOW = 1_700_000_000_000
Series = tuple[tuple[str, str], ...]


class Target:
    """A cache that converts; every label set gets a reference of its own."""

    def __init__(self, **options: Any) -> None:
        self.cache, self.known = ScrapeCache(), list[Series]()
        self.reading = Reading(convert_histograms=True, **options)

    def scrape(self, data: bytes, format: str = "text") -> dict[Series, float | dict[str, Any]]:
        if format == "protobuf":
            self.counts = self.cache.scan_protobuf(data, NOW, self.reading)
        else:
            self.counts = self.cache.scan_text(data, NOW, self.reading, format == "openmetrics")
        ids = self.cache.unknown()
        self.cache.assign(ids, np.array([self.ref(labels) for labels in self.cache.labels(ids)], dtype=np.uint64))
        refs, _, values, _, _ = self.cache.samples()
        out: dict[Series, float | dict[str, Any]] = dict(
            zip([self.known[r] for r in refs.tolist()], values.tolist(), strict=True)
        )
        refs, times, batch, _, self.over = self.cache.histograms()
        rows = [(run, k) for run in batch.runs() for k in range(len(run["sums"]))]
        for ref, time, (run, k) in zip(refs.tolist(), times.tolist(), rows, strict=True):
            assert (run["schema"], run["positive_spans"]) == (-53, [(0, len(run["bounds"]) + 1)])
            out[self.known[ref]] = {
                "bounds": run["bounds"],
                "counts": run["buckets"][k].tolist(),
                "count": run["counts"][k],
                "sum": run["sums"][k],
                "floats": run["floats"],
                "time": time,
            }
        return out

    def ref(self, labels: dict[str, str]) -> int:
        key = tuple(sorted(labels.items()))
        if key not in self.known:
            self.known.append(key)
        return self.known.index(key)


def name(text: str, **labels: str) -> Series:
    return tuple(sorted({"__name__": text, **labels}.items()))


TEXT = b"""# TYPE h histogram
h_bucket{a="b",le="0.5"} 1
h_bucket{a="b",le="1"} 4
h_bucket{a="b",le="+Inf"} 6
h_sum{a="b"} 7.5
h_count{a="b"} 6
"""
CONVERTED = {
    "bounds": [0.5, 1.0],
    "counts": [1, 3, 2],
    "count": 6,
    "sum": 7.5,
    "floats": False,
    "time": NOW,
}


def of_buckets(buckets: list[tuple[str, str]], count: str | None, format: str = "text") -> bytes:
    lines = ["# TYPE h histogram", *(f'h_bucket{{le="{bound}"}} {n}' for bound, n in buckets)]
    lines += [] if count is None else [f"h_count {count}"]
    return ("\n".join([*lines, "h_sum 1"]) + "\n").encode()


@pytest.mark.parametrize("format", ["text", "openmetrics"])
def test_lines_of_a_histogram_become_one_sample_first_and_again(format: str) -> None:
    data = TEXT + (b"# EOF\n" if format == "openmetrics" else b"")
    target = Target()
    for again in range(3):
        assert target.scrape(data, format) == {name("h", a="b"): CONVERTED}
        assert (target.counts.samples, target.counts.unknown) == (1, 0 if again else 1)
        assert target.cache.vanished().tolist() == []
        target.cache.commit()


def test_a_protobuf_histogram_is_converted_unless_it_is_native() -> None:
    classic = Histogram(6, 7.5, [(0.5, 1), (1, 4)])
    native = Histogram(1, 1.0, [(1, 1)], schema=0, positive_spans=[(0, 1)], positive=[1])
    families = [Family("h", HISTOGRAM, [Metric({"a": "b"}, classic)])]
    target = Target()
    assert target.scrape(body(families), "protobuf") == {name("h", a="b"): CONVERTED}
    target = Target(native_histograms=True)
    target.cache.scan_protobuf(body([Family("n", HISTOGRAM, [Metric({}, native)])]), NOW, target.reading)
    target.cache.assign(target.cache.unknown(), np.array([0], dtype=np.uint64))
    assert [run["schema"] for run in target.cache.histograms()[2].runs()] == [0]


def test_classic_series_stay_beside_it_when_they_are_wanted() -> None:
    found = Target(classic_histograms=True).scrape(TEXT)
    assert found[name("h", a="b")] == CONVERTED
    assert found[name("h_bucket", a="b", le="1.0")] == 4.0
    assert len(found) == 6
    families = [Family("h", HISTOGRAM, [Metric({"a": "b"}, Histogram(6, 7.5, [(0.5, 1), (1, 4)]))])]
    assert Target(classic_histograms=True).scrape(body(families), "protobuf") == found


def test_lines_of_several_histograms_may_be_mixed_and_labels_in_any_order() -> None:
    lines = [
        b"# TYPE h histogram",
        *(b'h_bucket{le="%s",x="1",y="2"} %d' % (le, n) for le, n in ((b"1", 1), (b"+Inf", 2))),
        *(b'h_bucket{le="%s",x="3",y="2"} %d' % (le, n) for le, n in ((b"1", 5), (b"+Inf", 9))),
        b'h_count{y="2",x="1"} 2',
        b'h_count{y="2",x="3"} 9',
        b"# TYPE other gauge",
        b"other 1",
    ]
    target = Target()
    for _ in range(2):
        found = target.scrape(b"\n".join(lines))
        assert {k: v["counts"] if isinstance(v, dict) else v for k, v in found.items()} == {
            name("h", x="1", y="2"): [1, 1],
            name("h", x="3", y="2"): [5, 4],
            name("other"): 1.0,
        }
        target.cache.commit()
    target.scrape(b"\n".join([lines[0], *lines[3:5], lines[6]]))
    assert target.counts.unknown == 0
    assert {target.known[r] for r in target.cache.vanished().tolist()} == {name("h", x="1", y="2"), name("other")}


def test_series_of_the_family_that_are_no_part_stay_series() -> None:
    data = b'# TYPE h histogram\nh_created 5\nh_bucket{le="x"} 1\ng_bucket{le="1"} 2\nh_count 0\n'
    assert set(Target().scrape(data)) == {
        name("h_created"),
        name("h_bucket", le="x"),
        name("g_bucket", le="1.0"),
        name("h"),
    }


@pytest.mark.parametrize(
    ("buckets", "count"),
    [
        ([("1", "NaN"), ("+Inf", "2")], "2"),
        ([("1", "-1"), ("+Inf", "2")], "2"),
        ([("1", "3"), ("+Inf", "2")], "2"),
        ([("1", "1"), ("+Inf", "2")], "3"),
        ([("1", "1"), ("1.0", "2"), ("+Inf", "2")], "2"),
        ([("1", "5")], "3"),
        ([("1", "1")], "NaN"),
        ([("1", "1")], "-1"),
        ([], None),
    ],
)
def test_what_is_no_histogram_is_left_out(buckets: list[tuple[str, str]], count: str | None) -> None:
    target = Target()
    assert target.scrape(of_buckets([("1", "1"), ("+Inf", "1")], "1")) != {}
    target.cache.commit()
    assert target.scrape(of_buckets(buckets, count)) == {}
    assert [target.known[r] for r in target.cache.vanished().tolist()] == [name("h")]


@pytest.mark.parametrize(
    ("buckets", "count", "bounds", "counts"),
    [
        ([("2", "3"), ("1", "1")], "4", [1.0, 2.0], [1, 2, 1]),  # any order, the last bucket missing
        ([("1", "1"), ("+Inf", "2")], None, [1.0], [1, 1]),
        ([], "3", [], [3]),
        ([("1", "0.5"), ("+Inf", "2")], "2", [1.0], [0.5, 1.5]),
    ],
)
def test_what_is_missing_is_made_up_and_fractions_make_floats(
    buckets: list[tuple[str, str]], count: str | None, bounds: list[float], counts: list[float]
) -> None:
    found = Target().scrape(of_buckets(buckets, count))[name("h")]
    assert isinstance(found, dict)
    assert (found["bounds"], found["counts"]) == (bounds, counts)
    assert found["floats"] == any(c != math.floor(c) for c in counts)


def test_custom_buckets_over_the_limit_are_not_reduced_and_long_gaps_do_not_count() -> None:
    gap = [(str(k), "1") for k in range(1, 9)]
    target = Target(bucket_limit=2)
    target.scrape(of_buckets([*gap, ("9", "2"), ("+Inf", "2")], "2"))
    assert target.over == 0
    target.scrape(of_buckets([("1", "1"), ("2", "2"), ("3", "3")], "3"))
    assert target.over == 1


def test_exemplars_with_a_time_go_to_the_converted_histogram() -> None:
    data = b"""# TYPE h histogram
h_bucket{le="1"} 1 # {id="a"} 0.5 12.5
h_bucket{le="+Inf"} 1 # {id="b"} 0.5
h_count 1
# EOF
"""
    target = Target(exemplars=True)
    target.scrape(data, "openmetrics")
    refs, times, _, labels = target.cache.exemplars()
    assert [(target.known[r], t) for r, t in zip(refs.tolist(), times.tolist(), strict=True)] == [(name("h"), 12_500)]
    assert labels[0] == {"id": "a"}
    h = Histogram(1, 0.5, [(1, 1)], {0: Exemplar({"id": "a"}, 0.5, 12_500)})
    target.scrape(body([Family("h", HISTOGRAM, [Metric({}, h)])]), "protobuf")
    assert target.cache.exemplars()[1].tolist() == [12_500]
