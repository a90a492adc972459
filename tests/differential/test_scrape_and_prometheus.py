"""The same targets scraped by us and by Debian's Prometheus: same series, same values, same verdict on bad bodies."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

from aiohttp import web

from narthex.clock import SystemClock
from narthex.config.scrape import GlobalConfig
from narthex.instrument import Registry
from narthex.model.target_group import TargetGroup
from narthex.scrape import Manager
from support.api_server import ApiServer, prometheus_server
from support.memory_storage import MemoryStorage
from support.process import free_port, needs
from support.scrape import job
from support.waiting import until, wait_until

pytestmark = needs("prometheus", "prometheus-node-exporter")

# Left out where Prometheus 2.42 differs from 3.x, which we follow: {__name__="a"} without a name before it, blanks
# before a name, a trailing comma in OpenMetrics, le and quantile in float form.
TEXT = [
    b"a 1\n",
    b"a 1",
    b"\n\na\t1 \t\n",
    b"a{} 1\n",
    b'a {x="1"} 1\n',
    b'a{x="1",} 1\n',
    b'a{ x = "1" , y = "2" } 1\n',
    b'a{x="1"}2\n',
    b"a+1\n",
    b"a:b_c:d 1\n",
    b'a{x="q\\"u\\\\o\\nte\\t"} 1\n',
    b'a{x="one\ntwo"} 1\n',
    b'a{x=""} 1\n',
    b'a{x="",y="1"} 1\n',
    b"a +Inf\nb -Inf\nc inf\nd 1e3\ne .5\nf 5.\ng -0\nh 1e-400\ni +infinity\nj 0e5\n",
    b"a 1\na 2\n",
    b'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n',
    b"a 1 %d\n" % (int(time.time()) * 1000),
    b"# HELP a help\n# TYPE a counter\na 1\n",
    b"# HELP a\n# TYPE a untyped\na 1\n",
    b"#comment\n# another comment\n#\n# HELPer text\n# TYPEface\na 1\n",
    b"# HELP some.name with dots\na 1\n",
    b"# EOF\na 1\n",
    b'a{job="mine",instance="own"} 1\n',
    b'a{exported_job="x",job="mine"} 1\n',
    b'a{x="\xc3\xa9\xf0\x9f\x98\x80"} 1\n',
    b"",
    # Broken ones.
    b"a\n",
    b"a one\n",
    b"a 0x10\n",
    b"a 0x1p4\n",
    b"a 1_000\n",
    b"a 1e400\n",
    b"a +nan\n",
    b"a 1 -5\n",
    b"a 1 1.5\n",
    b"a 1 99999999999999999999\n",
    b"a 1 2 3\n",
    b"a 1\r\n",
    b"5a 1\n",
    b'a{x="1"\n',
    b'a{x="1} 2\n',
    b"a{x=1} 2\n",
    b"a{,} 2\n",
    b'a{x="1",,} 2\n',
    b'a{5x="1"} 2\n',
    b'a{x="1",x="2"} 3\n',
    b'a{__name__="b"} 3\n',
    b'{x="1"} 2\n',
    b'a{x="\xff"} 3\n',
    b"# TYPE a nonsense\na 1\n",
    b"# HELP 5a text\na 1\n",
    b"# HELP a \xff\na 1\n",
    b"a 1 {\n",
    b"<html></html>\n",
]
OPENMETRICS = [
    b"# TYPE a counter\n# HELP a help\na_total 1.0\na_created 123.5\n# EOF\n",
    b"a 1.0\n# EOF",
    b"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# EOF\n",
    b"a 1 %d.5\n# EOF\n" % int(time.time()),
    b'# TYPE a histogram\na_bucket{le="1.0"} 1 # {id="x"} 0.5\na_bucket{le="+Inf"} 2 # {id="y"} 1.5 1.5\n# EOF\n',
    b'a{x="1",y="2"} 1\n# EOF\n',
    b'# TYPE a info\na_info 1\n# TYPE b stateset\nb{b="x"} 1\n# TYPE c unknown\nc 1\n# EOF\n',
    # Broken ones.
    b"a 1.0\n",
    b"a 1.0\n# EOF\n\n",
    b"a 1.0\n# EOF\nb 1\n",
    b"a  1.0\n# EOF\n",
    b"a\t1.0\n# EOF\n",
    b"\na 1.0\n# EOF\n",
    b"# comment\na 1.0\n# EOF\n",
    b"#HELP a b\na 1.0\n# EOF\n",
    b'a{x="1", y="2"} 1\n# EOF\n',
    b'a {x="1"} 1\n# EOF\n',
    b"# TYPE a untyped\na 1\n# EOF\n",
    b"# UNIT a seconds\na 1\n# EOF\n",
    b"a 1 nan\n# EOF\n",
    b"a 1 1.5 2\n# EOF\n",
    b"a 1 #{} 1\n# EOF\n",
    b'a 1 # {x="1"}\n# EOF\n',
    b"a 1 # {x} 1\n# EOF\n",
    b"a 1 \n# EOF\n",
    b"a 1.0 # EOF\n",
]
CASES = {f"text{i}": (body, False) for i, body in enumerate(TEXT)} | {
    f"om{i}": (body, True) for i, body in enumerate(OPENMETRICS)
}
Series = dict[tuple[tuple[str, str], ...], str]
# Not compared: times, and what changes from the first scrape to the second.
REPORTS = {"scrape_duration_seconds", "scrape_series_added"}
# How far the reading of a bad body came.
PROGRESS = {"scrape_samples_scraped", "scrape_samples_post_metric_relabeling"}


async def serve(bodies: dict[str, tuple[bytes, bool]]) -> tuple[web.AppRunner, str]:
    async def answer(request: web.Request) -> web.Response:
        body, openmetrics = bodies[request.match_info["case"]]
        kind = "application/openmetrics-text; version=1.0.0; charset=utf-8" if openmetrics else "text/plain"
        return web.Response(body=body, headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_get("/{case}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"127.0.0.1:{runner.addresses[0][1]}"


def peer(folder: Path, targets: list[dict[str, str]]) -> ApiServer:
    """Debian's Prometheus with these targets, each `{__address__, __metrics_path__, case}`."""
    relabel = "".join(
        f"    - {{source_labels: [case], regex: '{t['case']}', target_label: __metrics_path__, "
        f"replacement: '{t['__metrics_path__']}'}}\n"
        for t in targets
    )
    static = "".join(f"    - {{targets: ['{t['__address__']}'], labels: {{case: '{t['case']}'}}}}\n" for t in targets)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n  - job_name: test\n"
        f"    relabel_configs:\n{relabel}    static_configs:\n{static}"
    )
    return prometheus_server(folder / "prometheus.yml", folder / "data", "--log.level=warn")


def verdicts(peer: ApiServer) -> dict[str, tuple[str, str]]:
    """Health and error by case; empty until each was scraped."""
    active = peer.api("targets")["activeTargets"]
    if any(t["health"] == "unknown" for t in active):
        return {}
    return {t["labels"]["case"]: (t["health"], t["lastError"]) for t in active}


def series_of(peer: ApiServer, case: str) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(sorted(labels.items())) for labels in peer.api("series", **{"match[]": f'{{case="{case}"}}'})}


def values_of(peer: ApiServer, case: str, metrics: set[str]) -> Series:
    out: Series = {}
    for metric in metrics:
        for result in peer.query(f'last_over_time({{__name__="{metric}",case="{case}"}}[100y])'):
            labels = {**result["metric"], "__name__": metric}
            out[tuple(sorted(labels.items()))] = result["value"][1]
    return out


def stored(storage: MemoryStorage, case: str) -> Series:
    out: Series = {}
    for labels, samples in storage.data.items():
        real = [value for _, value in samples if not math.isnan(value)]
        if labels.get("case") == case and real:
            out[tuple(labels.pairs())] = repr(float(real[-1]))
    return out


async def scraped(targets: list[dict[str, str]]) -> tuple[MemoryStorage, dict[str, tuple[str, str]]]:
    storage = MemoryStorage()
    manager = Manager(storage, SystemClock(), Registry())
    await manager.apply_config(GlobalConfig(), [job(scrape_interval=2000, scrape_timeout=2000)])
    await manager.update({"test": [TargetGroup("s", tuple(targets))]})
    await until("a scrape of each", lambda: all(t.last_scrape is not None for t in manager.active()))
    states = {t.labels["case"]: (t.health, t.last_error) for t in manager.active()}
    await manager.stop()
    return storage, states


async def test_both_take_and_refuse_the_same_bodies_and_store_the_same(tmp_path: Path) -> None:
    runner, address = await serve(CASES)
    targets = [{"__address__": address, "__metrics_path__": f"/{case}", "case": case} for case in CASES]
    try:
        with peer(tmp_path, targets) as prometheus:
            storage, ours = await scraped(targets)
            theirs = await asyncio.to_thread(wait_until, "scrapes by the peer", lambda: verdicts(prometheus))
            different = {
                case: (CASES[case][0], ours[case], theirs[case]) for case in CASES if ours[case][0] != theirs[case][0]
            }
            assert different == {}
            for case in CASES:
                left_out = REPORTS | (PROGRESS if ours[case][0] == "down" else set())
                mine = {k: v for k, v in stored(storage, case).items() if dict(k)["__name__"] not in left_out}
                values = values_of(prometheus, case, {dict(labels)["__name__"] for labels in mine})
                assert {k: float(v) for k, v in values.items()} == {k: float(v) for k, v in mine.items()}, CASES[case]
    finally:
        await runner.cleanup()


async def test_node_exporter_gives_both_the_same_series(tmp_path: Path) -> None:
    port = free_port()
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    target = {"__address__": f"127.0.0.1:{port}", "__metrics_path__": "/metrics", "case": "node"}
    with ApiServer(command, port, tmp_path / "exporter.log") as exporter:
        exporter.wait_ready("/")
        with peer(tmp_path, [target]) as prometheus:
            storage, ours = await scraped([target])
            theirs = wait_until("a scrape by the peer", lambda: verdicts(prometheus))
            assert (ours["node"], theirs["node"]) == (("up", ""), ("up", ""))
            mine, series = set(stored(storage, "node")), series_of(prometheus, "node")
    assert len(mine) > 300
    # The exporter's own series come into being while it is asked for the first time.
    own = ("promhttp_", "go_", "process_", "scrape_")
    assert {k for k in mine ^ series if not dict(k)["__name__"].startswith(own)} == set()
