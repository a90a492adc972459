"""`narthex promtool tsdb` beside Debian's promtool: equal directories give equal text, equal text equal blocks."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reference.chunk_bits import STALE, float_of
from reference.chunk_histogram import GAUGE, Histogram, Layout, spans_of
from support.process import needs
from support.prometheus import Prometheus

pytestmark = needs("prometheus", "promtool")

HOUR = 3_600_000
STEP = 15_000
START = 1_700_000_000_000 // (2 * HOUR) * (2 * HOUR)
SAMPLES = 230  # less than the hour that a head looks back
ODD = 'a "quoted" \\ text\n\twith \x01 control \x7f, é, \u00a0, \u200b, \U0001f600 and \U000e0001'
VALUES = [0.0, -0.0, 1.0, -2.5, 1e6, 999_999.0, 123_456_789.0, 0.0001, 0.00001, 1e-300, 1e300, 5e-324, 0.1, 100_000.0]
SPECIAL = [float("nan"), float("inf"), float("-inf"), float_of(STALE)]


def run(tool: list[str], *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*tool, "tsdb", *args], capture_output=True, timeout=60)


PEER = ["promtool"]
OURS = [sys.executable, "-m", "narthex", "promtool"]


def both(*args: str) -> tuple[bytes, bytes]:
    """What both print; they must agree on the exit code."""
    theirs, ours = run(PEER, *args), run(OURS, *args)
    assert ours.returncode == theirs.returncode, (ours.stderr, theirs.stderr)
    return theirs.stdout, ours.stdout


def histograms(seed: int, floats: bool, gauge: bool) -> list[tuple[int, Histogram]]:
    rnd = random.Random(seed)
    positive: dict[int, float] = {}
    negative: dict[int, float] = {}
    out = []
    for k in range(60):
        for side, low, high in ((positive, -9, 12), (negative, 0, 3)):
            for i in range(low, high, 1 + k % 2):
                side[i] = side.get(i, 0) + rnd.randrange(4) + (0.25 if floats else 0)
        zeros = k if not floats else k + 0.5
        count = sum(positive.values()) + sum(negative.values()) + zeros
        layout = Layout(3, 0.001, spans_of(positive), spans_of(negative))
        hint = {"hint": GAUGE} if gauge else {}
        out.append(
            (START + k * STEP, Histogram(layout, count, zeros, rnd.random(), dict(positive), dict(negative), **hint))
        )
    return out


@pytest.fixture(scope="module")
def peer_data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A block of Prometheus with histograms and odd labels, and its own answers about the histograms."""
    rnd = random.Random(7)
    source = tmp_path_factory.mktemp("peer") / "data"
    with Prometheus(source, "--enable-feature=native-histograms", "--web.enable-admin-api") as peer:
        times = [START + k * STEP for k in range(SAMPLES)]
        for k in range(12):
            labels = {"__name__": "load" if k % 3 else "temperature", "core": str(k), "zone": f"eu-{k % 2}"}
            peer.write([(labels, [(t, rnd.choice(VALUES + SPECIAL)) for t in times])])
        peer.write([({"__name__": "odd", "text": ODD}, [(t, float(t)) for t in times[:20]])])
        peer.write_histograms([({"__name__": "calls"}, histograms(1, floats=False, gauge=False))])
        peer.write_histograms([({"__name__": "level"}, histograms(2, floats=True, gauge=True))])
        _, body = peer.request("/api/v1/admin/tsdb/snapshot", method="POST")
        name = json.loads(body)["data"]["name"]
        found = peer.query('{__name__=~"calls|level"}[2h]', time=f"{(START + SAMPLES * STEP) / 1000:.3f}")
    snapshot = source / "snapshots" / name
    (snapshot / "wal").mkdir()  # promtool insists on one
    return snapshot, {row["metric"]["__name__"]: row["histograms"] for row in found}


@pytest.fixture(scope="module")
def data(peer_data: tuple[Path, Any]) -> Path:
    return peer_data[0]


@pytest.fixture(scope="module")
def histogram_answers(peer_data: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    assert len(peer_data[1]) == 2
    return peer_data[1]


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that has samples in the log alone."""
    source = tmp_path_factory.mktemp("log") / "data"
    with Prometheus(source) as peer:
        for k in range(30):
            peer.write([({"__name__": "up", "job": f"j{k % 4}", "k": str(k)}, [(START + k * STEP, k / 7)])])
    return source


def test_the_table_of_blocks_is_the_same(data: Path) -> None:
    for args in ((), ("-r",)):
        theirs, ours = both("list", *args, str(data))
        assert ours == theirs and ours.count(b"\n") == 2


def test_a_directory_without_blocks_gives_the_same_table(unfinished: Path) -> None:
    theirs, ours = both("list", str(unfinished))
    assert ours == theirs


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--match=load",),
        (f"--min-time={START + 9 * STEP}", f"--max-time={START + 31 * STEP}"),
        ('--match={core=~"1."}', f"--min-time={START + 9 * STEP}"),
        ("--match=nothing",),
    ],
)
def test_a_dump_is_the_same_byte_for_byte(data: Path, args: tuple[str, ...]) -> None:
    theirs, ours = both("dump", *args, str(data))
    floats = b"".join(line for line in ours.splitlines(True) if b" {count:" not in line)  # 2.42 leaves histograms out
    assert floats == theirs
    assert len(theirs) > 1000 or args == ("--match=nothing",)


def number(text: str) -> str:
    """As a dump writes it: the shortest digits."""
    value = float(text)
    for digits in range(17):
        short = f"{value:.{digits}e}"
        if float(short) == value:
            break
    mantissa, exponent = short.split("e")
    if -4 <= int(exponent) < 6:
        return f"{value:.{max(0, digits - int(exponent))}f}"
    return f"{mantissa}e{exponent}"


def notation(histogram: dict[str, Any]) -> str:
    opening, closing = ("([([", "]))]")
    buckets = "".join(
        f", {opening[kind]}{number(low)},{number(high)}{closing[kind]}:{number(count)}"
        for kind, low, high, count in histogram.get("buckets", [])
    )
    return f"{{count:{number(histogram['count'])}, sum:{number(histogram['sum'])}{buckets}}}"


def test_histograms_are_dumped_as_prometheus_shows_them(data: Path, histogram_answers: dict[str, Any]) -> None:
    for name, answers in histogram_answers.items():
        want = [f'{{__name__="{name}"}} {notation(h)} {round(t * 1000)}' for t, h in answers]
        assert run(OURS, "dump", f"--match={name}", str(data)).stdout.decode().splitlines() == want


def test_a_dump_reads_the_log(unfinished: Path) -> None:
    theirs, ours = both("dump", str(unfinished))
    assert ours == theirs and ours.count(b"\n") == 30


def test_a_dump_writes_nothing_into_the_directory(unfinished: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(unfinished.rglob("*"))}

    before = state()
    assert run(OURS, "dump", str(unfinished)).returncode == 0
    assert state() == before


def ranked(text: bytes, title: str) -> list[tuple[int, bytes]]:
    section = text.split(f"\n{title}:\n".encode())[1].split(b"\n\n")[0]
    return sorted((int(m[1]), m[2]) for m in re.finditer(rb"^(\d+) (.*)$", section, re.M))


def test_an_analysis_gives_the_same_numbers(data: Path) -> None:
    theirs, ours = both("analyze", "--limit=1000", str(data))
    for title in (
        "Label pairs most involved in churning",
        "Label names most involved in churning",
        "Most common label pairs",
        "Label names with highest cumulative label value length",
        "Highest cardinality labels",
        "Highest cardinality metric names",
    ):
        assert ranked(ours, title) == ranked(theirs, title) != []
    head = re.compile(rb"^(Block ID|Duration|Label names|Postings .*): .*$", re.M)
    assert [m[0] for m in head.finditer(ours)] == [m[0] for m in head.finditer(theirs)]


@pytest.mark.parametrize(
    "args",
    [
        ("list", "--bogus"),
        ("list", "/nonexistent"),
        ("list", "a", "b", "c"),
        ("analyze", "/nonexistent"),
        ("analyze", os.devnull),
        ("dump", "--min-time=soon"),
        ("dump", "--match={", "/tmp"),
        ("nope",),
        (),
    ],
)
def test_mistakes_end_with_the_same_exit_code_and_nothing_on_standard_output(args: tuple[str, ...]) -> None:
    theirs, ours = both(*args)
    assert theirs == ours == b""


def test_usage_mistakes_are_told_in_the_same_words() -> None:
    for args in (("list", "--bogus"), ("list", "a", "b"), ("nope",), (), ("create-blocks-from",)):
        assert run(OURS, *args).stderr == run(PEER, *args).stderr


def openmetrics(order: str) -> str:
    """Fourteen hours of 20 series with gaps and odd values, by series or by time."""
    rnd = random.Random(1)
    lines = []
    for k in range(20):
        t = START + rnd.randrange(15000)
        while t < START + 14 * HOUR:
            value = rnd.choice(["NaN", "+Inf", "-Inf", "0", "-0.0", "1e300", str(k), str(rnd.random()), "1"])
            lines.append((t, k, f'load{{instance="h{k % 7}:9100",core="{k}"}} {value} {t / 1000:.3f}\n'))
            t += rnd.choice([15000, 15000, 15000, 15001, 60000, 1, 1_000_000])
    if order == "time":
        lines.sort()
    return "# TYPE load gauge\n# HELP load What it says.\n" + "".join(text for _, _, text in lines) + "# EOF\n"


@pytest.mark.parametrize("order", ["series", "time"])
@pytest.mark.parametrize("flags", [(), ("--max-block-duration=7h",)])
def test_blocks_of_both_from_the_same_text_are_equal(tmp_path: Path, order: str, flags: tuple[str, ...]) -> None:
    source = tmp_path / "in.om"
    source.write_text(openmetrics(order))
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for tool, data in ((PEER, theirs), (OURS, ours)):
        done = run(tool, "create-blocks-from", "openmetrics", *flags, str(source), str(data))
        assert done.returncode == 0, done.stderr
        (data / "wal").mkdir()
    assert both("dump", str(ours))[0] == both("dump", str(theirs))[0] != b""
    rows = [
        [line.split()[1:] for line in run(PEER, "list", str(data)).stdout.decode().splitlines()]
        for data in (theirs, ours)
    ]
    # Times, duration and samples; then chunks, which are cut by different rules where samples are irregular.
    assert [row[:4] for row in rows[0]] == [row[:4] for row in rows[1]]
    assert [row[-2] for row in rows[0]] == [row[-2] for row in rows[1]]
    sizes = [sum(int(row[-1]) for row in table[1:]) for table in rows]
    assert sizes[1] <= 1.02 * sizes[0]


def test_a_dump_can_be_imported_again_by_the_peer(data: Path, tmp_path: Path) -> None:
    dumped = run(OURS, "dump-openmetrics", '--match={__name__=~"load|temperature"}', str(data))
    (tmp_path / "in.om").write_bytes(dumped.stdout)
    done = run(PEER, "create-blocks-from", "openmetrics", str(tmp_path / "in.om"), str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    (tmp_path / "data" / "wal").mkdir()
    want = run(PEER, "dump", '--match={__name__=~"load|temperature"}', str(data)).stdout
    assert run(OURS, "dump", str(tmp_path / "data")).stdout == want != b""


@pytest.mark.parametrize(
    "text",
    ["", "a 1 1\n", "a 1\n# EOF\n", "a x 1\n# EOF\n", 'a{b="} 1 1\n# EOF\n', "a 1 1\n\n# EOF\n", "# EOF\n", "\x00"],
)
def test_bad_text_makes_no_blocks_and_the_same_exit_code(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.om").write_text(text)
    theirs, ours = (
        run(tool, "create-blocks-from", "openmetrics", str(tmp_path / "in.om"), str(tmp_path / tool[-1]))
        for tool in (PEER, OURS)
    )
    assert ours.returncode == theirs.returncode
    assert ours.stdout == theirs.stdout == b""
