"""Queries that ask for too much: each gets its error, memory stays bounded, scrapes and other answers stay on time."""

from __future__ import annotations

import itertools
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.exporter import Exporter
from support.waiting import wait_until

_SERIES = 2000
_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: app
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
_ENDLESS = "double_exponential_smoothing(vector(time())[30d:1s], (time() % 7 + 1) / 10, 0.5)"
"""Over thousands of steps this takes a core for minutes: under factors that change from step to step each window of
millions of samples is smoothed anew."""
_TOO_MANY = "query processing would load too many samples into memory in query execution"


@pytest.fixture
def server(tmp_path: Path, exporter: Exporter, start: Callable[..., ApiServer]) -> Iterator[ApiServer]:
    """A server with two thousand series of `m`; that it still stops on request is part of every test."""
    exporter.body = "".join(f'm{{i="{i}"}} {i}\n' for i in range(_SERIES))
    (tmp_path / "prometheus.yml").write_text(_CONFIG.format(port=exporter.port))
    running = start("--enable-feature=promql-experimental-functions", "--query.max-samples=10000000").ready()
    wait_until("samples", lambda: running.value("count(m)") == _SERIES)
    yield running
    assert running.stop() == 0


def ask(server: ApiServer, path: str = "query", **form: object) -> tuple[int, str, str]:
    """Status, error type and error of a query sent as a form, which may be of any length."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v1/{path}", data=urllib.parse.urlencode(form).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, "", ""
    except urllib.error.HTTPError as e:
        with e:
            answer = json.loads(e.read())
            return e.code, answer["errorType"], answer["error"]


def peak_memory(server: ApiServer) -> int:
    """Bytes that the process held at most so far."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def running_queries(server: ApiServer) -> float:
    text = server.request("/metrics")[1].decode()
    return float(text.split("\nprometheus_engine_queries ")[1].split()[0])


def endless(server: ApiServer, **more: object) -> tuple[int, str, str]:
    now = int(time.time())
    return ask(server, "query_range", query=_ENDLESS, start=now - 600_000, end=now, step=60, **more)


_TOO_DEEP = "expression is nested too deeply: more than 100 levels"
_CASES: list[tuple[str, int, str, str]] = [
    ("(" * 1000 + "m" + ")" * 1000, 400, "bad_data", _TOO_DEEP),
    ("(" * 200_000, 400, "bad_data", _TOO_DEEP),
    ("-" * 200_000 + "m", 400, "bad_data", _TOO_DEEP),
    ("abs(" * 100_000, 400, "bad_data", _TOO_DEEP),
    (" or ".join(["m"] * 10_000), 400, "bad_data", "expression is nested too deeply: more than 250 levels"),
    ("m[" + "(" * 100_000, 400, "bad_data", "parse error"),
    ('m{i=~"((a{0,100}){0,100}){0,100}"}', 400, "bad_data", "invalid regular expression"),
    ('m{i=~"' + "(x*" * 300 + "y" + ")*" * 300 + '"}', 200, "", ""),
    ('m{i=~"' + "(((x+)+)+)+y" + '"}', 200, "", ""),
    ('m{i=~"' + "|".join(f"x{i}.*y" for i in range(20_000)) + '"}', 200, "", ""),
    ("topk(1e18, m)", 200, "", ""),
    ("topk(1e19, m)", 422, "execution", "Scalar value 1e+19 overflows int64"),
    ("m @ 9e15 offset 290y", 200, "", ""),
    ("m @ -9e15", 200, "", ""),
    ("m[290y]", 200, "", ""),
    ("m[300y]", 400, "bad_data", "duration out of range"),
    ("count_over_time(vector(1)[290y:1ms])", 422, "execution", _TOO_MANY),
    ("sum_over_time(m[2h:1ms])", 422, "execution", _TOO_MANY),
    ("label_join(" * 60 + "m" + ', "i", "", "i", "i")' * 60, 422, "execution", _TOO_MANY),  # doubles labels 60 times
    ("label_replace(" * 60 + "m" + ', "i", "$1$1", "i", "(.*)")' * 60, 422, "execution", _TOO_MANY),
]  # fmt: skip


def test_expressions_that_ask_for_too_much_get_their_errors(server: ApiServer) -> None:
    for query, code, error_type, error in _CASES:
        before = peak_memory(server)
        status, kind, message = ask(server, query=query)
        assert (status, kind) == (code, error_type) and error in message, f"{query[:60]}: {status} {message}"
        # Ten million samples of 16 bytes, and twice as much while they are made.
        assert peak_memory(server) - before < 600e6, f"{query[:60]} takes too much memory"


def test_limits_of_steps_are_those_of_prometheus(server: ApiServer) -> None:
    too_fine = (
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    )
    assert ask(server, "query_range", query="m", start=0, end=11_000, step=1)[0] == 200
    assert ask(server, "query_range", query="m", start=0, end=11_001, step=1) == (400, "bad_data", too_fine)
    assert ask(server, "query_range", query="m", start=-1e300, end=1e300, step=1)[:2] == (400, "bad_data")
    assert ask(server, "query_range", query="m", start=0, end=1, step=1e300)[:2] == (400, "bad_data")
    now = time.time()
    many = ask(server, "query_range", query="m", start=now - 11_000, end=now, step=1)
    assert many == (422, "execution", _TOO_MANY)


def test_a_query_in_a_url_may_be_long(server: ApiServer) -> None:
    long = "m{" + ",".join(f'l{i}=""' for i in range(20_000)) + ',i="7"}'
    assert len(server.query(long)) == 1


def test_a_query_out_of_time_ends_with_503_while_it_is_inside_of_one_window_function(server: ApiServer) -> None:
    begun = time.monotonic()
    answer = endless(server, timeout="1s")
    assert answer == (503, "timeout", "query timed out in expression evaluation")
    assert time.monotonic() - begun < 6


def test_a_query_whose_client_is_gone_stops(server: ApiServer) -> None:
    now = int(time.time())
    text = urllib.parse.urlencode({"query": _ENDLESS, "start": now - 600_000, "end": now, "step": 60})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"GET /api/v1/query_range?{text} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until("the query", lambda: running_queries(server) == 1)
    wait_until("its end", lambda: running_queries(server) == 0, timeout=10)


def test_while_ten_endless_queries_run_scrapes_are_on_time_and_others_are_answered(
    server: ApiServer, exporter: Exporter
) -> None:
    before = peak_memory(server)
    with ThreadPoolExecutor(10) as clients:
        asked = [clients.submit(endless, server, timeout="8s") for _ in range(10)]
        wait_until("queries", lambda: running_queries(server) >= 2)
        begun, scrapes = time.monotonic(), exporter.scrapes
        slowest = 0.0
        while not all(answer.done() for answer in asked):
            at = time.monotonic()
            assert server.request("/-/healthy")[0] == 200 and server.request("/metrics")[0] == 200
            slowest = max(slowest, time.monotonic() - at)
            time.sleep(0.2)
        seconds = time.monotonic() - begun
        scraped = exporter.scrapes - scrapes
        answers = [answer.result()[:2] for answer in asked]
    assert answers == [(503, "timeout")] * 10
    assert slowest < 2, "healthy and metrics were held up"
    assert scraped >= seconds - 2, f"{scraped} scrapes in {seconds:.1f} s at an interval of 1 s"
    times = [float(at) for at, _ in server.query("up[20s]")[0]["values"]]
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.5
    assert peak_memory(server) - before < 1.5e9
