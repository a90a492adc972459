"""What load commands bring into a real head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from narthex.errors import StorageError
from narthex.instrument.registry import Registry
from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.promql.promqltest.commands import Load
from narthex.promql.promqltest.loading import load
from narthex.promql.promqltest.script import parse_script
from narthex.tsdb.head import Head
from narthex.tsdb.head_settings import HeadSettings

SETTINGS = HeadSettings(xor2=True, histogram_starts=True, store_starts=True)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    head, _ = Head.open(tmp_path, Registry(), 86_400_000, 1 << 25, settings=SETTINGS)
    yield head
    head.close()


def loaded(head: Head, text: str, name: str) -> SeriesBatch:
    (command,) = parse_script(text)
    assert isinstance(command, Load)
    load(command, head)
    return head.querier(0, 1 << 40).select([Matcher(MatchType.EQUAL, "__name__", name)])


def test_histograms_are_stored_with_buckets_and_start_times(head: Head) -> None:
    text = (
        "load 1m\n  h@st _ -30s+0sx1\n"
        "  h {{schema:1 sum:2 count:3 z_bucket:1 z_bucket_w:0.5 buckets:[1 0 1] offset:-2}}x2\n"
    )
    runs = loaded(head, text, "h").histograms(0, 0, 1 << 40)
    assert [t for run in runs for t in run["times"].tolist()] == [0, 60_000, 120_000]
    assert [t for run in runs for t in run["start_times"].tolist()] == [0, 30_000, 90_000]
    first = runs[0]
    assert (first["schema"], first["zero_threshold"], first["positive_spans"]) == (1, 0.5, [(-2, 3)])
    assert first["buckets"][0].tolist() == [1, 0, 1]
    assert (first["counts"][0], first["sums"][0], first["zero_counts"][0]) == (3, 2, 1)


def test_floats_and_histograms_of_one_series_mix(head: Head) -> None:
    batch = loaded(head, "load 1m\n  m 1 {{count:1 buckets:[1]}} _ 2 stale\n", "m")
    assert batch.samples(0, 0, 1 << 40)[0].tolist() == [0, 180_000, 240_000]
    assert [t for run in batch.histograms(0, 0, 1 << 40) for t in run["times"].tolist()] == [60_000]


def test_classic_histograms_become_native_ones_with_custom_buckets(head: Head) -> None:
    text = (
        "load_with_nhcb 1m\n"
        '  h_bucket{le="+Inf"} 7\n  h_bucket{le="0.5"} 1\n  h_bucket{le="2"} 4\n  h_bucket{le="bad"} 9\n'
        "  h_count 7\n  h_sum 12.5\n"
    )
    (run,) = loaded(head, text, "h").histograms(0, 0, 1 << 40)
    assert (run["schema"], run["bounds"], run["positive_spans"]) == (-53, [0.5, 2.0], [(0, 3)])
    assert run["buckets"].tolist() == [[1, 3, 3]]
    assert (run["counts"].tolist(), run["sums"].tolist()) == ([7], [12.5])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('h_bucket{le="1"} 2\n  h_bucket{le="2"} 1', "count is not cumulative: 1 < 2"),
        ('h_bucket{le="+Inf"} 2\n  h_count 3', "count mismatch: count=3"),
        ('h_bucket{le="1"} -2', "must be non-negative"),
        ("h_sum 1", "count must be provided when no buckets are present"),
    ],
)
def test_classic_histograms_that_make_no_sense_fail_the_load(head: Head, lines: str, reason: str) -> None:
    with pytest.raises(StorageError, match=reason):
        loaded(head, f"load_with_nhcb 1m\n  {lines}\n", "h")


def test_a_histogram_that_storage_refuses_is_named_with_its_line(head: Head) -> None:
    with pytest.raises(StorageError, match=r"line 2: sample of .* at 0 ms was not stored: .*count is negative"):
        loaded(head, "load 1m\n  h {{count:1 buckets:[-5]}}\n", "h")
