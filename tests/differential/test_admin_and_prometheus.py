"""The admin API of both servers: the same answers, and directories that the other one opens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from narthex.instrument.registry import Registry
from narthex.model.labels import Labels
from narthex.tsdb.db import DB
from narthex.tsdb.options import DBOptions
from support.api_server import ApiServer, narthex_server, prometheus_server
from support.clock import FakeClock
from support.process import needs

pytestmark = needs("prometheus")

HOUR = 3_600_000
START = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR
FLAGS = ("--storage.tsdb.retention.time=100y", "--web.enable-admin-api", "--log.level=warn")


def fill(data: Path) -> None:
    """Five hours of six series: a block and a log."""
    db = DB.open(data, DBOptions(retention_time=0), Registry(), FakeClock(START / 1000))
    for t in range(START, START + 5 * HOUR, 30_000):
        appender = db.appender()
        sets = [Labels({"__name__": "wave", "host": f"h{k % 3}", "k": str(k)}) for k in range(6)]
        refs = np.array([appender.series(s) for s in sets], np.uint64)
        appender.append(refs, np.full(6, t, np.int64), np.arange(6) * 1000.0 + (t - START) / 30_000)
        appender.commit()
    db.maintain()
    db.close()


class Pair:
    """Both servers, each on a directory of its own with the same samples."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.ours = self.start(narthex_server, "narthex")
        self.theirs = self.start(prometheus_server, "prometheus")

    def start(self, make: Callable[..., ApiServer], name: str) -> ApiServer:
        config = self.folder / f"{name}.yml"
        config.write_text("global: {}\n")
        server = make(config, self.folder / name, *FLAGS)
        self.stack.enter_context(server)
        return server.ready()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    for name in ("narthex", "prometheus"):
        fill(tmp_path / name)
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def everything(server: ApiServer) -> object:
    end = (START + 5 * HOUR) / 1000
    rows = server.query('{__name__=~".+"}[6h]', time=end)
    return sorted(([sorted(r["metric"].items()), r["values"]] for r in rows), key=str)


def post(server: ApiServer, name: str, **query: object) -> tuple[int, object]:
    status, body = server.request(f"/api/v1/admin/tsdb/{name}", "POST", **query)
    return status, json.loads(body) if body else None


def test_deleting_and_cleaning_leave_the_same_samples_in_both(pair: Pair) -> None:
    assert everything(pair.ours) == everything(pair.theirs)
    query = {"match[]": ['wave{host="h1"}', '{k="5"}'], "start": START / 1000 + 600, "end": START / 1000 + 3600.5}
    for server in (pair.ours, pair.theirs):
        assert post(server, "delete_series", **query) == (204, None)
        assert post(server, "delete_series", **{"match[]": 'wave{k="2"}', "start": START / 1000 + 3600}) == (204, None)
    left = everything(pair.theirs)
    assert everything(pair.ours) == left
    for server in (pair.ours, pair.theirs):
        assert post(server, "clean_tombstones") == (204, None)
    assert everything(pair.ours) == everything(pair.theirs) == left
    counts = [
        [b["stats"] for b in s.api("status/tsdb/blocks")["blocks"]] if s is pair.ours else None
        for s in (pair.ours, pair.theirs)
    ]
    assert counts[0] is not None and counts[0][0].get("numTombstones", 0) == 0


def test_what_is_refused_is_refused_alike(pair: Pair) -> None:
    for name, query in (
        ("delete_series", {}),
        ("delete_series", {"match[]": "up{"}),
        ("delete_series", {"match[]": "up", "start": "yesterday"}),
        ("snapshot", {"skip_head": "maybe"}),
    ):
        ours, theirs = post(pair.ours, name, **query), post(pair.theirs, name, **query)
        assert ours[0] == theirs[0] == 400
        assert isinstance(ours[1], dict) and isinstance(theirs[1], dict)
        assert ours[1]["errorType"] == theirs[1]["errorType"]
        assert ours[1]["error"].split(":")[0] == theirs[1]["error"].split(":")[0]
    assert pair.ours.request("/api/v1/admin/tsdb/snapshot")[0] == pair.theirs.request("/api/v1/admin/tsdb/snapshot")[0]


def test_each_opens_the_snapshots_of_the_other(pair: Pair, tmp_path: Path) -> None:
    want = everything(pair.ours)
    assert want
    copies = []
    for server, name in ((pair.ours, "narthex"), (pair.theirs, "prometheus")):
        status, answer = post(server, "snapshot")
        assert status == 200 and isinstance(answer, dict)
        copies.append(tmp_path / name / "snapshots" / answer["data"]["name"])
    for make, copy in ((prometheus_server, copies[0]), (narthex_server, copies[1])):
        config = tmp_path / "copy.yml"
        config.write_text("global: {}\n")
        with make(config, copy, *FLAGS) as server:
            assert everything(server.ready()) == want
