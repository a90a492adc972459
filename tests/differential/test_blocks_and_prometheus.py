"""Debian's Prometheus, started on a directory of our blocks, answers with the samples that went in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.block_set import BlockOptions, Blocks
from narthex.tsdb.block_write import write_block
from support.api_server import ApiServer, prometheus_server
from support.process import needs

pytestmark = needs("prometheus")

HOUR = 3_600_000
START = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR
FOREVER = (-(2**62), 2**62)


@contextmanager
def serving(data: Path) -> Iterator[ApiServer]:
    """Prometheus on `data` without targets."""
    config = data.parent / "empty.yml"
    config.write_text("global: {}\n")
    flags = ("--storage.tsdb.retention.time=100y", "--web.enable-admin-api", "--log.level=warn")
    with prometheus_server(config, data, *flags) as server:
        yield server.ready()


def batch_of(mint: int, maxt: int) -> SeriesBatch:
    batch = SeriesBatch()
    for k in sorted(range(20), key=lambda k: (k % 4, str(k))):
        times = np.arange(mint + k * 100, maxt, 15_000 + k, dtype=np.int64)
        batch.add_columns(
            [("__name__", "wave"), ("host", f"h{k % 4}"), ("k", str(k))], times, np.round(np.sin(times / 1e6) * k, 3)
        )
    return batch


Rows = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def ours(blocks: Blocks, matchers: list[Matcher]) -> Rows:
    batch = blocks.querier(*FOREVER).select(matchers)
    return {
        tuple(batch.labels[row].items()): list(
            zip(*(column.tolist() for column in batch.samples(row, *FOREVER)), strict=True)
        )
        for row in range(len(batch))
    }


def theirs(peer: ApiServer, selector: str, hours: int) -> Rows:
    end = str((START + hours * HOUR) / 1000)
    result = peer.query(f"{selector}[{hours + 1}h]", time=end)
    return {
        tuple(sorted(row["metric"].items())): [(round(t * 1000), float(v)) for t, v in row["values"]] for row in result
    }


def test_prometheus_answers_the_same_from_blocks_that_were_written_and_compacted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for k in range(5):
        write_block(data, batch_of(START + 2 * k * HOUR, START + 2 * (k + 1) * HOUR), START + 2 * k * HOUR,
                    START + 2 * (k + 1) * HOUR)  # fmt: skip
    blocks = Blocks(data, BlockOptions(max_duration=18 * HOUR))
    blocks.load()
    blocks.compact()
    blocks.delete([Matcher(MatchType.EQUAL, "k", "7")], START + HOUR, START + 8 * HOUR)
    assert sorted(b.meta.level for b in blocks.blocks) == [1, 1, 2]
    with serving(data) as peer:
        wave = Matcher(MatchType.EQUAL, "__name__", "wave")
        for selector, matchers in [
            ("wave", [wave]),
            ('{host=~"h[12]"}', [Matcher(MatchType.REGEX, "host", "h[12]")]),
            ('wave{k!~"1.*"}', [wave, Matcher(MatchType.NOT_REGEX, "k", "1.*")]),
            (
                'wave{no="",host!="h0"}',
                [Matcher(MatchType.EQUAL, "no", ""), Matcher(MatchType.NOT_EQUAL, "host", "h0")],
            ),
        ]:
            want = ours(blocks, matchers)
            assert want
            assert theirs(peer, selector, 10) == want
        assert peer.api("label/k/values") == blocks.querier(*FOREVER).label_values("k")
        assert peer.api("labels") == blocks.querier(*FOREVER).label_names()


def test_deletions_by_prometheus_are_seen_here(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_block(data, batch_of(START, START + 2 * HOUR), START, START + 2 * HOUR)
    before = Blocks(data)
    before.load()
    with serving(data) as peer:
        query = {"match[]": 'wave{host="h2"}', "start": START / 1000 + 600, "end": START / 1000 + 1800.5}
        status, _ = peer.request("/api/v1/admin/tsdb/delete_series", "POST", **query)
        assert status == 204
        left = theirs(peer, "wave", 2)
    blocks = Blocks(data)
    blocks.load()
    assert blocks.blocks[0].meta.stats.tombstones == 5
    assert ours(blocks, []) == left != ours(before, [])
