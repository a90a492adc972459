"""Floats, native histograms and exemplars that are pushed to a server or an agent arrive where it forwards them to."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from narthex.native import snappy_compress
from reference.chunk_histogram import Histogram, Layout
from support.api_server import ApiServer, narthex_server
from support.histogram_protobuf import histogram_message
from support.process import free_port
from support.prometheus import Prometheus
from support.remote_write import FIRST, SECOND
from support.waiting import wait_until
from support.write_requests import Series, version1, version2

CONFIG = """
global: {{scrape_interval: 1h}}
remote_write:
  - url: http://127.0.0.1:{receiver}/api/v1/write
    protobuf_message: {message}
    send_exemplars: true
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 50ms, min_shards: 3}}
"""
KINDS = "--enable-feature=exemplar-storage,native-histograms"
TAKES = "--web.enable-remote-write-receiver"
EXPONENTIAL = Layout(1, 0.25, ((0, 2), (1, 1)), ((3, 1),))
CUSTOM = Layout(-53, 0.0, ((0, 3),), (), (1.0, 2.5))


def integers(n: int) -> Histogram:
    return Histogram(EXPONENTIAL, 6 + 4 * n, 1, 2.5 * n, {0: 2 + n, 1: n + 1, 3: n + 1}, {3: n + 1}, 0)


def floats(n: int) -> Histogram:
    return Histogram(EXPONENTIAL, 4.5 + n, 1.0, 0.5 * n, {0: 1.5 + n, 1: 0.5, 3: 0.5}, {3: 1.0}, 0)


def custom(n: int) -> Histogram:
    return Histogram(CUSTOM, 3 + n, 0, 0.5 * n, {0: 1 + n, 1: 1, 2: 1}, {}, 0)


def pushed(now: int, names: Mapping[str, Callable[[int], Histogram]]) -> list[Series]:
    times = [now - 1000 * (50 - n) for n in range(50)]
    plain = [
        Series(
            {"__name__": "plain", "k": str(k)},
            [(t, float(n * k)) for n, t in enumerate(times)],
            exemplars=[({"trace_id": f"t{k}"}, times[-1], float(k))],
        )
        for k in range(30)
    ]
    made = [
        Series({"__name__": name}, histograms=[histogram_message(t, make(n)) for n, t in enumerate(times)])
        for name, make in names.items()
    ]
    return [*plain, *made]


def push(server: ApiServer, body: bytes, message: str) -> None:
    headers = {"Content-Encoding": "snappy", "Content-Type": f"application/x-protobuf;proto={message}"}
    url = f"http://127.0.0.1:{server.port}/api/v1/write"
    urllib.request.urlopen(urllib.request.Request(url, snappy_compress(body), headers), timeout=30).close()


def held(server: ApiServer, now: int) -> dict[str, Any]:
    """Raw samples of all series and their exemplars, by labels."""
    rows = server.query('{__name__=~"plain|integers|floats|custom"}[5m]', time=now / 1000)
    out = {str(sorted(r["metric"].items())): r.get("values", r.get("histograms")) for r in rows}
    found = server.api("query_exemplars", query="plain", start=now / 1000 - 300, end=now / 1000 + 1)
    return out | {f"exemplars {e['seriesLabels']['k']}": e["exemplars"] for e in found}


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def receiver(running: ExitStack, folder: Path, kind: str) -> ApiServer:
    if kind == "prometheus":
        return running.enter_context(Prometheus(folder / "received", KINDS))
    config = folder / "receiver.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    return running.enter_context(narthex_server(config, folder / "received", TAKES, KINDS)).ready()


def sender(running: ExitStack, folder: Path, agent: bool) -> ApiServer:
    """Forwards to the receiver, from the log in `data`."""
    where = (
        ["--agent", f"--storage.agent.path={folder / 'data'}"] if agent else [f"--storage.tsdb.path={folder / 'data'}"]
    )
    port = free_port()
    command = [sys.executable, "-m", "narthex", "server", f"--config.file={folder / 'sender.yml'}", *where]
    command += [f"--web.listen-address=127.0.0.1:{port}", TAKES, KINDS]
    return running.enter_context(ApiServer(command, port, folder / f"sender-{port}.log")).ready()


@pytest.mark.parametrize("agent", [False, True])
@pytest.mark.parametrize(("kind", "message"), [("prometheus", FIRST), ("narthex", FIRST), ("narthex", SECOND)])
def test_everything_that_is_pushed_is_forwarded(
    tmp_path: Path, running: ExitStack, kind: str, message: str, agent: bool
) -> None:
    now = round(time.time()) * 1000
    names = {"integers": integers, "floats": floats}
    if message == SECOND:
        names["custom"] = custom  # the first version has no fields for them
    end = receiver(running, tmp_path, kind)
    (tmp_path / "sender.yml").write_text(CONFIG.format(receiver=end.port, message=message))
    first = sender(running, tmp_path, agent)
    series = pushed(now, names)
    half = len(series) // 2
    push(first, version2(series[:half]) if message == SECOND else version1(series[:half]), message)
    first.kill()  # what it acknowledged is in its log
    again = sender(running, tmp_path, agent)
    push(again, version2(series[half:]) if message == SECOND else version1(series[half:]), message)
    (direct := tmp_path / "direct").mkdir()
    reference = receiver(running, direct, kind)
    push(reference, version2(series) if message == SECOND else version1(series), message)
    wanted = held(reference, now)
    assert len(wanted) == 30 + len(names) + 30 and all(len(rows) in (1, 50) for rows in wanted.values())
    wait_until("everything", lambda: held(end, now) == wanted, 15.0)
    assert again.stop() == 0
