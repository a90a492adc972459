"""The two servers, each over its own copy of a data directory with blocks, a head and a log."""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from differential.promql_fuzz.data import BLOCKS_END, HOUR, START, Series
from differential.promql_fuzz.queries import Query
from narthex.native import SeriesBatch
from narthex.tsdb.block_write import write_block
from support.api_server import ApiServer, narthex_server
from support.prometheus import Prometheus

_KEEP = "--storage.tsdb.retention.time=100y"


@dataclass(frozen=True)
class Answer:
    """`data` of a success; else the error's type and text."""

    data: Any
    error_type: str = ""
    error: str = ""


class Peer:
    """One connection to a server, kept open. `renames` are functions whose name this version spells another way."""

    def __init__(self, server: ApiServer, renames: dict[str, str]) -> None:
        self.server, self.renames = server, renames
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, query: Query) -> Answer:
        text = query.expr
        for ours, theirs in self.renames.items():
            text = text.replace(ours, theirs)
        form = {"query": text}
        if query.step:
            form |= {"start": _seconds(query.start), "end": _seconds(query.end), "step": _seconds(query.step)}
        else:
            form["time"] = _seconds(query.start)
        path = "/api/v1/query_range" if query.step else "/api/v1/query"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, urllib.parse.urlencode(form), headers)
        answer = json.loads(self._connection.getresponse().read())
        if answer["status"] == "success":
            return Answer(answer["data"])
        return Answer(None, answer["errorType"], answer["error"])

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Pair:
    narthex: Peer
    prometheus: Peer


@contextmanager
def serving(series: list[Series], folder: Path) -> Iterator[Pair]:
    """Both servers with these series; skips the test where Prometheus is not installed."""
    data, copy = folder / "prometheus-data", folder / "narthex-data"
    data.mkdir()
    start = START // (2 * HOUR) * (2 * HOUR)
    for begin in range(start, BLOCKS_END, 2 * HOUR):
        write_block(data, _batch(series, begin, begin + 2 * HOUR), begin, begin + 2 * HOUR)
    with Prometheus(data, _KEEP) as writer:
        writer.write((labels, [s for s in samples if s[0] >= BLOCKS_END]) for labels, samples in series)
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("lock", "queries.active"))
    config = folder / "narthex.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    with Prometheus(data, _KEEP) as prometheus, narthex_server(config, copy, _KEEP, *_FEATURES) as narthex:
        pair = Pair(Peer(narthex.ready(), {}), Peer(prometheus, {"double_exponential_smoothing": "holt_winters"}))
        try:
            yield pair
        finally:
            pair.narthex.close()
            pair.prometheus.close()


_FEATURES = ("--enable-feature=promql-experimental-functions",)


def _batch(series: list[Series], begin: int, end: int) -> SeriesBatch:
    batch = SeriesBatch()
    for labels, samples in sorted(series, key=lambda one: sorted(one[0].items())):
        inside = [s for s in samples if begin <= s[0] < end]
        if inside:
            times, values = np.array([t for t, _ in inside], np.int64), np.array([v for _, v in inside], np.float64)
            batch.add_columns(sorted(labels.items()), times, values)
    return batch


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"
