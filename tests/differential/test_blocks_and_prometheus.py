"""Debian's Prometheus, started on a directory of our blocks, answers with the samples that went in."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narthex.model.matcher import Matcher, MatchType
from narthex.native import SeriesBatch
from narthex.tsdb.block_set import BlockOptions, Blocks
from narthex.tsdb.block_write import write_block

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed (Debian: prometheus)")

HOUR = 3_600_000
START = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR
FOREVER = (-(2**62), 2**62)


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """Prometheus on `data` without targets; gives its base URL."""
    config = data.parent / "empty.yml"
    config.write_text("global: {}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    assert PROMETHEUS is not None
    command = [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address={address}"]
    command += ["--storage.tsdb.retention.time=100y", "--web.enable-admin-api", "--log.level=warn"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            try:
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "prometheus does not get ready"
                time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        if process.stderr:
            process.stderr.close()


def ask(base: str, path: str, **params: str) -> Any:
    with urllib.request.urlopen(f"{base}/api/v1/{path}?{urllib.parse.urlencode(params)}", timeout=20) as response:
        body = json.load(response)
    assert body["status"] == "success"
    return body["data"]


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


def theirs(base: str, selector: str, hours: int) -> Rows:
    end = str((START + hours * HOUR) / 1000)
    result = ask(base, "query", query=f"{selector}[{hours + 1}h]", time=end)["result"]
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
    with serving(data) as base:
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
            assert theirs(base, selector, 10) == want
        assert ask(base, "label/k/values") == blocks.querier(*FOREVER).label_values("k")
        assert ask(base, "labels") == blocks.querier(*FOREVER).label_names()


def test_deletions_by_prometheus_are_seen_here(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_block(data, batch_of(START, START + 2 * HOUR), START, START + 2 * HOUR)
    before = Blocks(data)
    before.load()
    with serving(data) as base:
        query = {"match[]": 'wave{host="h2"}', "start": str(START / 1000 + 600), "end": str(START / 1000 + 1800.5)}
        request = f"{base}/api/v1/admin/tsdb/delete_series?{urllib.parse.urlencode(query)}"
        urllib.request.urlopen(urllib.request.Request(request, method="POST"), timeout=10).close()
        left = theirs(base, "wave", 2)
    blocks = Blocks(data)
    blocks.load()
    assert blocks.blocks[0].meta.stats.tombstones == 5
    assert ours(blocks, []) == left != ours(before, [])
