"""Queries here over what Debian's Prometheus has, in both forms of answers: sample for sample what it has itself."""

from __future__ import annotations

import math
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from narthex.model.matcher import Matcher, MatchType
from narthex.native import ReadIntake, SeriesBatch, snappy_compress, snappy_decompress
from narthex.remote.read_request import read_request
from reference.chunk_histogram import Histogram, Layout, spans_of
from support.api_server import ApiServer, narthex_server
from support.chunks import floats_in, histograms_of_row
from support.process import needs
from support.prometheus import Prometheus

pytestmark = needs("prometheus")
# No sample is at the border of a window: the peer counts its beginning in.
START, STEP, COUNT = 1_700_000_000_000, 15_000, 230  # within the hour that a head still takes
END = START + COUNT * STEP
CONFIG = """
global: {{scrape_interval: 1h}}
remote_read: [{{url: 'http://127.0.0.1:{port}/api/v1/read', read_recent: true}}]
"""
QUERIES = (
    "far", "irate(far[5m])", 'sum by (zone) (far{zone=~"z[12]"})', "max_over_time(far[1h])", "far offset 10m",
    "absent(far)", "h", "h offset 5m", "histogram_sum(h)", "sum(h)", "histogram_count(h)",
    "far == 0 or none",
)  # fmt: skip


def histograms(floats: bool) -> list[tuple[int, Histogram]]:
    """One whose layout grows, with resets now and then."""
    rnd = random.Random(7)
    number = float if floats else int
    counts: dict[int, float] = {}
    out = []
    for k in range(COUNT):
        if k % 47 == 0:
            counts = {}
        for i in range(1 + k // 50):
            counts[i] = counts.get(i, 0) + number(rnd.randrange(1, 9))
        layout = Layout(2, 2.0**-128, spans_of(counts))
        h = Histogram(layout, number(sum(counts.values())), number(0), rnd.random() * 100, dict(counts))
        out.append((START + k * STEP + 1, h))
    return out


def floats(k: int) -> list[tuple[int, float]]:
    """With gaps, and with values that compress badly; those of the last ones are no finite numbers now and then."""
    rnd = random.Random(k)
    odd = (math.inf, -math.inf) if k >= 28 else ()
    samples = ((START + n * STEP + k + 1, rnd.choice((0.0, float(n), rnd.random(), *odd))) for n in range(COUNT))
    return [sample for sample in samples if rnd.random() < 0.95]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with Prometheus(tmp_path_factory.mktemp("peer") / "data", "--enable-feature=native-histograms") as peer:
        peer.write(
            ({"__name__": "far" if k < 28 else "odd", "zone": f"z{k % 3}", "k": str(k)}, floats(k)) for k in range(30)
        )
        peer.write_histograms(({"__name__": "h", "floats": str(f)}, histograms(f)) for f in (False, True))
        yield peer


def matrix(server: ApiServer, query: str) -> list[Any]:
    answer = server.api("query_range", query=query, start=START / 1000, end=END / 1000, step=37)
    return sorted(answer["result"], key=lambda row: sorted(row["metric"].items()))


def test_queries_give_what_the_peer_gives(tmp_path: Path, peer: Prometheus) -> None:
    config = tmp_path / "ours.yml"
    config.write_text(CONFIG.format(port=peer.port))
    with narthex_server(config, tmp_path / "ours") as ours:
        ours.wait_ready()
        for query in QUERIES:
            wanted = matrix(peer, query)
            assert near(matrix(ours, query), wanted), query
            assert wanted or query.startswith("absent")
        for selector in ("far[3h]", "odd[3h]", "h[3h]"):
            wanted = peer.query(selector, time=END / 1000)
            found = {str(row["metric"]): row for row in ours.query(selector, time=END / 1000)}
            assert found == {str(row["metric"]): row for row in wanted}, selector
        found = ours.api("series", **{"match[]": '{__name__=~"far|odd|h"}'})
        wanted = peer.api("series", **{"match[]": '{__name__=~"far|odd|h"}'})
        assert sorted(map(str, found)) == sorted(map(str, wanted)) and len(found) == 32


def near(found: Any, wanted: Any) -> bool:
    """Equal, but for the last digits of sums that are taken in another order."""
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict) and found.keys() == wanted.keys() and all(near(found[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(near, found, wanted))
    try:
        a, b = float(found), float(wanted)
    except ValueError:
        return bool(found == wanted)
    return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))


def answer(peer: Prometheus, selector: Matcher, *, frames: bool) -> SeriesBatch:
    body = read_request([selector], START, END, labels_only=False)
    if not frames:  # without the list of forms that are accepted
        body = snappy_compress(snappy_decompress(body, 1 << 20)[: -len(b"\x12\x02\x01\x00")])
    request = urllib.request.Request(
        f"http://127.0.0.1:{peer.port}/api/v1/read", body, {"Content-Type": "application/x-protobuf"}
    )
    intake = ReadIntake([], frames=frames, frame_limit=1 << 20, limit=1 << 30, labels_only=False)
    with urllib.request.urlopen(request, timeout=30) as response:
        assert ("streamed" in response.headers["Content-Type"]) == frames
        while piece := response.read(1000):
            intake.feed(piece)
    return intake.finish()


def test_both_forms_of_answers_have_the_samples_that_were_written(peer: Prometheus) -> None:
    for k in range(30):
        selector = Matcher(MatchType.EQUAL, "k", str(k))
        read = [floats_in(answer(peer, selector, frames=frames)) for frames in (True, False)]
        assert read[0] == read[1] and len(read[0]) == len(floats(k)) > 200


def test_chunks_of_histograms_have_the_samples_that_were_written(peer: Prometheus) -> None:
    batch = answer(peer, Matcher(MatchType.EQUAL, "__name__", "h"), frames=True)  # the peer's samples leave them out
    for row, of_floats in enumerate((False, True)):
        wanted = [plain(t, h) for t, h in histograms(of_floats)]
        assert [plain(t, h) for t, _, h in histograms_of_row(batch, row)] == wanted


def plain(t: int, h: Histogram) -> tuple[Any, ...]:
    """Without what is known of resets, and without empty buckets, which a chunk may have more of."""
    return t, h.layout.schema, h.count, h.zero_count, h.sum, {i: n for i, n in h.positive.items() if n}
