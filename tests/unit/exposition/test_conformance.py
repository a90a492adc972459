"""The peers' exposition bodies, entry by entry: what the core makes of them equals what a plain parser reads, as text
and as the same content in protobuf."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.native import DecodeError, Reading, ScrapeCache
from reference import exposition
from support.exposition_protobuf import families
from support.protobuf import bytes_field, varint
from support.protobuf_metrics import Family, Histogram, Summary, body, label_fields

NOW = 1_730_000_000_000
LabelSet = tuple[tuple[str, str], ...]


def files() -> list[Path]:
    root = Path(__file__).parents[3]
    data = Path(os.environ.get("NARTHEX_CONFORMANCE", root.parent / "shared" / "conformance"))
    return sorted((data / "exposition").glob("*.txt"))


every_file = pytest.mark.parametrize(
    "file", files() or [pytest.param(None, marks=pytest.mark.skip("no exposition bodies (set NARTHEX_CONFORMANCE)"))]
)


def labels_of(labels: dict[str, str]) -> LabelSet:
    return tuple(sorted((n, v) for n, v in labels.items() if v))


class Core:
    """A scrape cache whose references are places in `known`."""

    def __init__(self, **options: Any) -> None:
        self.cache, self.reading = ScrapeCache(), Reading(exemplars=True, **options)
        self.known: list[LabelSet] = []

    def text(self, data: bytes, openmetrics: bool) -> Core:
        self.counts = self.cache.scan_text(data, NOW, self.reading, openmetrics)
        return self._resolved()

    def protobuf(self, data: bytes) -> Core:
        self.counts = self.cache.scan_protobuf(data, NOW, self.reading)
        return self._resolved()

    def _resolved(self) -> Core:
        ids = self.cache.unknown()
        first = len(self.known)
        self.known += [labels_of(labels) for labels in self.cache.labels(ids)]
        self.cache.assign(ids, np.arange(first, len(self.known), dtype=np.uint64))
        return self

    def samples(self) -> list[tuple[LabelSet, int, float]]:
        refs, times, values, _, duplicates = self.cache.samples()
        assert duplicates == 0
        return [(self.known[r], t, v) for r, t, v in zip(refs.tolist(), times.tolist(), values.tolist(), strict=True)]

    def starts(self) -> list[int]:
        starts, _ = self.cache.starts()
        return [0] * len(self.cache.samples()[0]) if starts is None else starts.tolist()

    def exemplars(self) -> list[tuple[LabelSet, LabelSet, int, float]]:
        refs, times, values, labels = self.cache.exemplars()
        rows = zip(refs.tolist(), times.tolist(), values.tolist(), strict=True)
        return [(self.known[r], labels_of(labels[i]), t, v) for i, (r, t, v) in enumerate(rows)]


def read_plainly(file: Path) -> exposition.Parsed:
    parsed = exposition.parse(file.read_bytes(), is_openmetrics(file))
    assert len(parsed.samples) > 20
    return parsed


def is_openmetrics(file: Path) -> bool:
    return ".om." in file.name


def samples_of(parsed: exposition.Parsed) -> list[tuple[LabelSet, int, float]]:
    return [(labels_of(s.labels), NOW if s.timestamp is None else s.timestamp, s.value) for s in parsed.samples]


def exemplars_of(parsed: exposition.Parsed) -> list[tuple[LabelSet, LabelSet, int, float]]:
    return [
        (labels_of(s.labels), labels_of(e.labels), NOW if e.timestamp is None else e.timestamp, e.value)
        for s in parsed.samples
        if (e := s.exemplar) is not None
    ]


def comparable(samples: list[tuple[LabelSet, int, float]]) -> list[tuple[LabelSet, int, str]]:
    return [(labels, t, "NaN" if math.isnan(v) else v.hex()) for labels, t, v in samples]


@every_file
def test_every_sample_exemplar_and_metadata_of_a_text_is_what_the_plain_parser_reads(file: Path) -> None:
    parsed = read_plainly(file)
    core = Core()
    for _ in range(2):  # as new series, and as known ones
        core.text(file.read_bytes(), is_openmetrics(file))
        assert comparable(core.samples()) == comparable(samples_of(parsed))
        assert sorted(core.exemplars()) == sorted(exemplars_of(parsed))
        core.cache.commit()
    metadata = core.cache.metadata()
    assert {family: kind for family, kind, _, _ in metadata if family in parsed.types} == parsed.types
    assert {family: help for family, _, help, _ in metadata if family in parsed.helps} == parsed.helps
    assert {family: unit for family, _, _, unit in metadata if unit} == parsed.units


@every_file
def test_the_same_content_in_protobuf_gives_the_same_entries(file: Path) -> None:
    parsed = read_plainly(file)
    sent = families(parsed)
    created = {s.text for s in parsed.samples if is_created(s)}
    expected = [s for s in parsed.samples if s.text not in created]
    core = Core()
    for _ in range(2):
        core.protobuf(body(sent))
        assert sorted(comparable(core.samples())) == sorted(comparable(samples_of(exposition.Parsed(expected))))
        assert sorted(core.exemplars()) == sorted(exemplars_of(parsed))
        core.cache.commit()
    help_of = {f.name: f.help for f in sent}
    assert {family: help for family, _, help, _ in core.cache.metadata()} == help_of
    assert set(parsed.helps.values()) == {help for help in help_of.values() if help}


def is_created(sample: exposition.Sample) -> bool:
    return sample.labels["__name__"] == f"{sample.family}_created"


@every_file
def test_start_times_of_created_lines_and_of_protobuf_are_what_the_plain_parser_reads(file: Path) -> None:
    sent = body(families(read_plainly(file)))
    parsed = exposition.with_starts(read_plainly(file)) if is_openmetrics(file) else read_plainly(file)
    starts = [s.start for s in parsed.samples]
    assert any(starts) == (file.name == "alltypes.5mfs.om.txt")
    text, protobuf = Core(starts=True), Core(starts=True)
    for _ in range(2):
        text.text(file.read_bytes(), is_openmetrics(file))
        assert comparable(text.samples()) == comparable(samples_of(parsed))
        assert text.starts() == starts
        protobuf.protobuf(sent)
        found = zip(comparable(protobuf.samples()), protobuf.starts(), strict=True)
        assert sorted(found) == sorted(zip(comparable(samples_of(parsed)), starts, strict=True))
        text.cache.commit()
        protobuf.cache.commit()


@every_file
def test_types_and_units_become_labels_in_text_and_in_protobuf_alike(file: Path) -> None:
    sent = body(families(read_plainly(file)))
    parsed = exposition.with_starts(read_plainly(file)) if is_openmetrics(file) else read_plainly(file)
    for sample in parsed.samples:
        # In text the newest TYPE line counts.
        kind = parsed.types.get(sample.family, "")
        sample.labels |= {"__type__": kind, "__unit__": parsed.units.get(sample.family, "")}
    expected = sorted(comparable(samples_of(parsed)))
    core = Core(starts=True, type_and_unit=True)
    assert sorted(comparable(core.text(file.read_bytes(), is_openmetrics(file)).samples())) == expected
    assert sorted(comparable(Core(type_and_unit=True).protobuf(sent).samples())) == expected


@every_file
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_text_is_refused_at_the_line_where_the_plain_parser_refuses_it(
    file: Path, data: st.DataObject
) -> None:
    sound = file.read_bytes()
    at = data.draw(st.integers(0, len(sound) - 1))
    junk = data.draw(st.sampled_from([b"", b'"', b"{", b"}", b"\n", b" ", b"\xff", b"x", b"#", b"="]))
    damaged = sound[:at] + junk + sound[at + data.draw(st.integers(0, 3)) :]
    core = Core()
    if data.draw(st.booleans()):
        core.text(sound, is_openmetrics(file))
        core.cache.commit()
    try:
        parsed = exposition.parse(damaged, is_openmetrics(file))
    except exposition.Malformed as malformed:
        with pytest.raises(DecodeError) as caught:
            core.text(damaged, is_openmetrics(file))
        line = int(str(caught.value).removeprefix("line ").partition(":")[0])
        # Where a quoted text does not end, the line that opens it and those that it swallows are all of them places.
        assert line <= malformed.line
        assert line == malformed.line or quote_is_open(damaged, line, malformed.line)
        return
    core.text(damaged, is_openmetrics(file))
    times_and_values = [(t, v) for _, t, v in comparable(samples_of(parsed))]
    assert core.counts.samples == len(times_and_values)


def quote_is_open(text: bytes, first: int, last: int) -> bool:
    lines = text.split(b"\n")
    return b'"' in b"\n".join(lines[first - 1 : last])


@every_file
def test_a_damaged_protobuf_body_is_refused_at_its_family(file: Path) -> None:
    sent = families(read_plainly(file))
    places = offsets(sent)
    for i in {0, len(sent) // 2, len(sent) - 1}:
        for damaged in broken(sent, i):
            core = Core()
            with pytest.raises(DecodeError, match=rf"^metric family at byte {places[i]}: "):
                core.protobuf(damaged)


def offsets(sent: list[Family]) -> list[int]:
    sizes = [len(body([family])) for family in sent]
    return [sum(sizes[:i]) for i in range(len(sizes))]


def broken(sent: list[Family], i: int) -> Iterator[bytes]:
    before, after = body(sent[:i]), body(sent[i + 1 :])
    sound = sent[i].encode()
    for bad in (
        sound + b"\x0f",  # a wire type that does not exist
        sound + b"\x22\x7f",  # a metric that runs past the end
        sound[:-1],
        sound + bytes_field(4, label_fields({"": "x"})),
    ):
        yield before + varint(len(bad)) + bad + after


def test_the_bodies_hold_every_classic_type_and_the_encoder_says_them_all() -> None:
    if not files():
        pytest.skip("no exposition bodies (set NARTHEX_CONFORMANCE)")
    kinds = [
        type(metric.value) for file in files() for family in families(read_plainly(file)) for metric in family.metrics
    ]
    assert {float, Histogram, Summary} == set(kinds)
