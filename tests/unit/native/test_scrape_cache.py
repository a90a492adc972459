from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import REF_DROPPED, REF_UNSTORED, DecodeError, ScrapeCache
from reference import exposition

NOW = 1_700_000_000_000


class Target:
    """A cache driven as a scrape loop drives it: every label set gets a reference of its own."""

    def __init__(self, drop: frozenset[str] = frozenset()) -> None:
        self.cache = ScrapeCache()
        self.refs: dict[tuple[tuple[str, str], ...], int] = {}
        self.drop = drop
        self.asked = 0

    def ref(self, labels: dict[str, str]) -> int:
        if labels["__name__"] in self.drop:
            return REF_DROPPED
        return self.refs.setdefault(tuple(sorted(labels.items())), len(self.refs) + 1)

    def scrape(self, body: bytes, openmetrics: bool = False) -> tuple[list[tuple[int, int, bytes]], set[int]]:
        """(reference, timestamp, value bits) of each sample and the references that vanished."""
        counts = self.cache.scan(body, NOW, openmetrics)
        self.asked = counts.unknown
        if counts.unknown:
            ids = self.cache.unknown()
            refs = [self.ref(labels) for labels in self.cache.labels(ids)]
            self.cache.assign(ids, np.array(refs, dtype=np.uint64))
        refs_, times, values, kept, duplicates = self.cache.samples()
        assert kept == len(refs_) + duplicates
        gone = set(self.cache.vanished().tolist())
        self.cache.commit()
        bits = [struct.pack("<d", v) for v in values.tolist()]
        return list(zip(refs_.tolist(), times.tolist(), bits, strict=True)), gone


def expected(target: Target, parsed: exposition.Parsed) -> list[tuple[int, int, bytes]]:
    out, seen = [], set()
    for sample in parsed.samples:
        if sample.timestamp is None and sample.text in seen:
            continue
        seen.add(sample.text)
        at = NOW if sample.timestamp is None else sample.timestamp
        nan = struct.pack("<Q", 0x7FF8000000000001)
        out.append(
            (target.ref(sample.labels), at, nan if math.isnan(sample.value) else struct.pack("<d", sample.value))
        )
    return out


def tracked(target: Target, parsed: exposition.Parsed) -> set[int]:
    return {target.ref(s.labels) for s in parsed.samples if s.timestamp is None}


@pytest.mark.parametrize(
    "file", ["1histogram.om.txt", "alltypes.237mfs.nometa.prom.txt", "alltypes.237mfs.prom.txt", "alltypes.5mfs.om.txt"]
)
def test_files_of_the_peers_read_as_the_plain_parser_reads_them(conformance: Path, file: str) -> None:
    body = (conformance / "exposition" / file).read_bytes()
    openmetrics = ".om." in file
    target = Target()
    parsed = exposition.parse(body, openmetrics)
    assert len(parsed.samples) > 20
    got, _ = target.scrape(body, openmetrics)
    assert got == expected(target, parsed)
    again, gone = target.scrape(body, openmetrics)
    assert again == got
    assert (target.asked, gone) == (0, set())
    types = {family: kind for family, kind, _, _ in target.cache.metadata() if family in parsed.types}
    helps = {family: text for family, _, text, _ in target.cache.metadata() if family in parsed.helps}
    assert (types, helps) == (parsed.types, parsed.helps)


@pytest.mark.parametrize("file", ["e2e-output.txt", "e2e-64k-page-output.txt"])
def test_node_exporter_output_reads_as_the_plain_parser_reads_it(conformance: Path, file: str) -> None:
    body = (conformance / "node-exporter" / file).read_bytes()
    target = Target()
    got, _ = target.scrape(body)
    assert got == expected(target, exposition.parse(body))


LINES = st.sampled_from(
    [
        b"a 1\n",
        b"a 2.5 1700000000123\n",
        b"b{} +Inf\n",
        b'b{x="1"} -Inf\n',
        b'b{x="1",y="a b"} NaN\n',
        b'b{y="a b",x="1"} 12\n',
        b'c_bucket{le="1"} 3\n',
        b'c_bucket{le="+Inf"} 3\n',
        b's{quantile="0.50"} 1e-7\n',
        b"# TYPE c histogram\n",
        b"# TYPE s summary\n",
        b"# TYPE s counter\n",
        b"# HELP c some \\n help\n",
        b"# HELP c other help\n",
        b"# a comment\n",
        b"\n",
        b'{"utf.8 name",l="v"} 7\n',
        b'd{l="q\\"u\\\\o\\nte"} 4\n',
        b'd{l="\xc3\xa9"} 5\n',
        b'e{a="",b="x"} 6\n',
        b"f 123456789012345678\n",
        b"f 0.1e5 \n",
        b'  g\t{ h = "i" , } \t 1 \t 12 \n',
        b'h_total 1.0 # {id="x"} 0.5 1.7\n',
        b"h_total 1.0 12.5\n",
        b"# UNIT c_seconds seconds\n",
        b"a 1",
        b"# EOF\n",
    ]
)
BROKEN = st.sampled_from(
    [
        b"a\n",
        b"a one\n",
        b"a 0x10\n",
        b"a 1_0\n",
        b"a 1e999\n",
        b"a 1 -5\n",
        b"a 1 99999999999999999999\n",
        b"a 1 2 3\n",
        b'b{x="1"\n',
        b'b{x="1} 2\n',
        b"b{x=1} 2\n",
        b'b{x="1",x="2"} 3\n',
        b'b{"x"} 3\n',
        b'b{x="\xff"} 3\n',
        b"# TYPE a nonsense\n",
        b"# HELP 5a text\n",
        b"# HELP a \xff\n",
        b'{x="1"} 2\n',
        b"5a 1\n",
        b"\xff 1\n",
        b'b{x="1" y="2"} 3\n',
    ]
)
BODIES = st.lists(st.one_of(LINES, LINES, LINES, LINES, LINES, LINES, LINES, LINES, BROKEN), max_size=12).map(b"".join)
MUTATED = st.builds(
    lambda body, at, junk: body[: at % (len(body) + 1)] + junk + body[at % (len(body) + 1) + 1 :],
    BODIES,
    st.integers(0, 500),
    st.binary(max_size=3),
)


@settings(max_examples=200)
@given(bodies=st.lists(st.tuples(st.one_of(BODIES, MUTATED), st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_bodies_in_sequence_read_as_the_plain_parser_reads_each(bodies: list[tuple[bytes, bool, bool]]) -> None:
    target = Target()
    live: set[int] = set()
    for body, openmetrics, ended in bodies:
        text = body + b"# EOF\n" if openmetrics and ended else body
        try:
            parsed = exposition.parse(text, openmetrics)
        except exposition.Malformed as malformed:
            with pytest.raises(DecodeError, match=r"^line \d+: ") as caught:
                target.scrape(text, openmetrics)
            assert str(caught.value).startswith(f"line {malformed.line}:") or b'"' in text
            assert set(target.cache.fail().tolist()) == live
            live = set()
            continue
        got, gone = target.scrape(text, openmetrics)
        assert got == expected(target, parsed)
        present = {target.ref(s.labels) for s in parsed.samples}
        assert gone == live - present
        live = tracked(target, parsed)


def test_a_line_that_moved_or_came_or_went_is_still_known() -> None:
    target = Target()
    lines = [b'm{i="%d"} %d\n' % (i, i) for i in range(500)]
    target.scrape(b"".join(lines))
    changed = [*lines[250:], b"new 1\n", *lines[:200]]
    got, gone = target.scrape(b"".join(changed))
    assert target.asked == 1
    assert gone == set(range(201, 251))
    assert [ref for ref, _, _ in got] == [*range(251, 501), 501, *range(1, 201)]
    _, gone = target.scrape(b"".join(reversed(changed)))
    assert (target.asked, gone) == (0, set())


def test_dropped_series_are_asked_for_once() -> None:
    target = Target(drop=frozenset({"noise"}))
    for asked in (2, 0):
        got, _ = target.scrape(b"noise 1\nsignal 2\n")
        assert (target.asked, len(got)) == (asked, 1)


def test_an_unstored_series_comes_up_again_and_counts_as_kept() -> None:
    cache = ScrapeCache()
    assert cache.scan(b"a 1\nb 2\n", NOW).unknown == 2
    cache.assign(cache.unknown(), np.array([1, REF_UNSTORED], dtype=np.uint64))
    refs, _, _, kept, _ = cache.samples()
    assert (refs.tolist(), kept) == ([1], 2)
    cache.fail()
    assert cache.scan(b"a 1\nb 2\n", NOW).unknown == 1
    assert cache.known_kept() == 2


def test_after_a_failed_scrape_every_series_is_stale_once() -> None:
    target = Target()
    target.scrape(b"a 1\nb 2\n")
    with pytest.raises(DecodeError, match="line 3: "):
        target.cache.scan(b"a 1\nc 2\nnonsense\n", NOW)
    assert target.cache.fail().tolist() == [1, 2]
    assert target.cache.fail().tolist() == []
    got, gone = target.scrape(b"a 1\n")
    assert (len(got), gone, target.asked) == (1, set(), 0)


def test_two_lines_of_one_series_vanish_together() -> None:
    target = Target()
    target.scrape(b'a{x="1",y="2"} 1\n')
    _, gone = target.scrape(b'a{y="2",x="1"} 1\n')
    assert gone == set()


def test_series_with_timestamps_vanish_silently_unless_tracked() -> None:
    for track, expected_gone in ((False, []), (True, [1])):
        target = Target()
        target.scrape(b"a 1 5\n")
        target.cache.scan(b"", NOW, track_explicit=track)
        assert target.cache.vanished().tolist() == expected_gone


def test_a_malformed_body_does_not_change_which_series_get_stale_markers() -> None:
    target = Target()
    target.scrape(b"a 1\n")
    with pytest.raises(DecodeError):
        target.cache.scan(b"a 2 5\n 1\n", NOW)
    assert target.cache.fail().tolist() == [1]


def test_timestamps_that_are_not_honoured_become_the_scrapes_own() -> None:
    cache = ScrapeCache()
    counts = cache.scan(b"a 1 5\na 2 6\n", NOW, honor_timestamps=False)
    assert (counts.samples, counts.explicit_timestamps) == (2, 2)
    cache.assign(cache.unknown(), np.array([1], dtype=np.uint64))
    _, times, values, kept, duplicates = cache.samples()
    assert (times.tolist(), values.tolist(), kept, duplicates) == ([NOW], [1.0], 2, 1)


def test_metadata_follows_its_lines_and_stays_ten_scans() -> None:
    target = Target()
    target.scrape(b"# HELP a one\n# TYPE a gauge\na 1\n")
    target.scrape(b"# HELP a two\n# TYPE a counter\na 1\n")
    assert target.cache.metadata() == [("a", "counter", "two", "")]
    for _ in range(10):
        target.scrape(b"b 1\n")
        assert len(target.cache.metadata()) == 1
    target.scrape(b"b 1\n")
    assert target.cache.metadata() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'ok 1\nbad{x="\xff"} 1\n', "line 2: invalid UTF-8 in label value"),
        (b"<html><body>hello</body></html>\n", 'line 1: expected a metric name, got "<html><body>hello'),
        (b'a{b="1",b="2"} 1\n', 'line 1: label name "b" is not unique'),
        (b"\n\na 12ab\n", 'line 3: expected a number as value, got "12ab"'),
        (b"a 1 1.5\n", "line 1: expected the end of the line after the timestamp"),
    ],
)
def test_errors_name_line_and_reason(body: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        ScrapeCache().scan(body, NOW)
    assert str(caught.value).startswith(reason)


def test_ids_that_are_no_series_are_refused() -> None:
    cache = ScrapeCache()
    cache.scan(b"# HELP a b\na 1\n", NOW)
    for bad in (0, 99):
        with pytest.raises(IndexError):
            cache.labels(np.array([bad], dtype=np.uint32))
        with pytest.raises(IndexError):
            cache.assign(np.array([bad], dtype=np.uint32), np.array([1], dtype=np.uint64))


def test_a_known_series_costs_its_text_and_little_more() -> None:
    target = Target()
    lines = [b'metric_name_%d{label="value"} %d\n' % (i, i) for i in range(5000)]
    target.scrape(b"".join(lines))
    text = sum(line.index(b" ") for line in lines)
    assert target.cache.memory_bytes() < text + 45 * len(lines)
