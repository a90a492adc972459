"""`promtool tsdb dump`: the peer's own expectations, and the text of single samples."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.app.promtool.dump import dump_openmetrics, dump_samples, dump_series
from narthex.instrument.registry import Registry
from narthex.model.labels import Labels, quote
from narthex.native import SeriesBatch, foreign_texts, sample_lines
from narthex.tsdb.head import Head

EVER = (-(2**63), 2**63 - 1)
EVERYTHING = ["{__name__=~'(?s:.*)'}"]


def stored(path: Path, series: dict[tuple[tuple[str, str], ...], list[float]]) -> Path:
    """A directory whose log holds a sample a minute from time zero on."""
    head, _ = Head.open(path, Registry(), 7_200_000, 1 << 20)
    appender = head.appender()
    for labels, values in series.items():
        ref = appender.series(Labels(labels))
        times = np.arange(len(values), dtype=np.int64) * 60_000
        appender.append(np.full(len(values), ref, dtype=np.uint64), times, np.array(values))
    appender.commit()
    head.close()
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    down = [5.0, 4, 3, 2, 1]
    return stored(
        tmp_path,
        {
            (("__name__", "metric"), ("foo", "bar"), ("baz", "abc")): down[::-1],
            (("__name__", "heavy_metric"), ("foo", "bar")): down,
            (("__name__", "heavy_metric"), ("foo", "foo")): down,
        },
    )


@pytest.mark.parametrize(
    ("number", "mint", "maxt", "match"),
    [
        (1, *EVER, EVERYTHING),
        (1, *EVER, ["{foo=~'.+'}", "{foo=~'.+'}"]),
        (1, *EVER, [*EVERYTHING, "{baz='abc'}"]),
        (1, *EVER, ["heavy_metric", "{baz='abc'}"]),
        (2, *EVER, ["{__name__='heavy_metric',foo='foo'}", "metric"]),
        (3, 60_000, 120_000, ["metric"]),
    ],
)
def test_dumps_are_those_of_the_peer(
    data: Path,
    conformance: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    number: int,
    mint: int,
    maxt: int,
    match: list[str],
) -> None:
    for work, kind in ((dump_samples, "test"), (dump_series, "series")):
        assert work(data, mint, maxt, match) == 0
        want = (conformance / "promtool" / f"dump-{kind}-{number}.prom").read_bytes()
        assert capfdbinary.readouterr().out == want


def test_an_openmetrics_dump_is_that_of_the_peer(
    tmp_path: Path, conformance: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    counter = (("__name__", "my_counter"), ("foo", "bar"), ("baz", "abc"))
    gauge = (("__name__", "my_gauge"), ("bar", "foo"), ("abc", "baz"))
    stored(tmp_path, {counter: [1, 2, 3, 4, 5], gauge: [9, 8, 0, 4, 7]})
    assert dump_openmetrics(tmp_path, *EVER, EVERYTHING) == 0
    assert capfdbinary.readouterr().out == (conformance / "promtool" / "dump-openmetrics-test.prom").read_bytes()


def test_a_name_that_needs_quotes_is_dumped_so_that_it_can_be_imported(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    stored(tmp_path, {(("__name__", "a.b"), ("c d", "é")): [1], (("__name__", "ü"),): [2]})
    assert dump_openmetrics(tmp_path, *EVER, EVERYTHING) == 0
    want = '{"a.b","c d"="é"} 1 0.000\n{"ü"} 2 0.000\n# EOF\n'
    assert capfdbinary.readouterr().out.decode() == want


def test_series_are_json_as_go_writes_it(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    stored(tmp_path, {(("__name__", "a"), ("b", '<é"&\u2028>')): [1]})
    assert dump_series(tmp_path, *EVER, EVERYTHING) == 0
    assert capfdbinary.readouterr().out.decode() == '{"__name__":"a","b":"\\u003cé\\"\\u0026\\u2028\\u003e"}\n'


def test_a_cut_log_gives_what_it_has_and_stays_as_it_is(data: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (segment,) = (data / "wal").iterdir()
    whole = segment.read_bytes().rstrip(b"\0")
    segment.write_bytes(whole[:-3])
    assert dump_samples(data, *EVER, EVERYTHING) == 0
    assert capfdbinary.readouterr().out == b""  # the only commit is the one that was cut
    assert segment.read_bytes() == whole[:-3]


def line(value: float, t: int = 0, labels: tuple[tuple[str, str], ...] = ()) -> tuple[str, str]:
    """A sample in both forms."""
    batch = SeriesBatch()
    batch.add_columns([("__name__", "m"), *labels], np.array([t]), np.array([value]))
    quoted = {text: quote(text) for text in foreign_texts(batch.labels)}
    dump, openmetrics = (sample_lines(batch, 0, *EVER, form, quoted, 1 << 20) for form in (False, True))
    assert dump[0] == openmetrics[0] == 1
    return dump[1].decode(errors="surrogateescape"), openmetrics[1].decode(errors="surrogateescape")


def go_shortest(value: float) -> str:
    """The twin: Go's 'g' with precision -1."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # Python's repr has the shortest digits; %e rounds others to even.
    number = Decimal(repr(value)).normalize()
    digits, exponent = len(number.as_tuple().digits) - 1, number.adjusted()
    if exponent < -4 or exponent >= 6:
        mantissa, _, power = f"{number:.{digits}e}".partition("e")
        return f"{mantissa}e{int(power):+03d}"
    return f"{number:.{max(0, digits - exponent)}f}"


@given(
    st.floats(allow_subnormal=True)
    | st.integers(-(10**7), 10**7).map(float)
    | st.integers(0, 10**9).map(lambda n: n / 1000)
)
def test_numbers_are_the_shortest_that_read_back(value: float) -> None:
    assert line(value)[0] == f'{{__name__="m"}} {go_shortest(value)} 0\n'


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-10_000, 10_000))
def test_times_are_milliseconds_or_seconds(t: int) -> None:
    dump, openmetrics = line(1, t)
    assert dump.split()[-1] == str(t)
    assert openmetrics == f"m{{}} 1 {float(t) / 1000:.3f}\n"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_labels_are_quoted_as_the_model_quotes_them(name: str, value: str) -> None:
    if name == "__name__":
        return
    dump, _ = line(1, 0, ((name, value),))
    assert dump == f"{Labels({'__name__': 'm', name: value})} 1 0\n"


def test_a_stale_marker_is_not_a_number() -> None:
    (stale,) = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))
    assert line(stale)[0].split()[-2] == "NaN"


def test_lines_come_in_pieces_of_whole_series() -> None:
    batch = SeriesBatch()
    for k in range(50):
        batch.add_columns([("__name__", f"m{k:02d}")], np.arange(40), np.ones(40))
    row, out = 0, b""
    while row < len(batch):
        before = row
        row, piece = sample_lines(batch, row, *EVER, False, {}, 2000)
        assert row > before and len(piece) < 4000
        out += piece
    assert out.count(b"\n") == 50 * 40
