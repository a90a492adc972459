"""A data directory handed from Debian's Prometheus to Narthex and back, and the other way round, by real programs.

One scrapes and is killed, the other answers every query as the first did, scrapes on and is killed, and so on. The log
carries two hours: the target tells its own timestamps, each answer 15 s after the one before. The blocks are tiny ones,
cut from scrapes of the present.
"""

from __future__ import annotations

import math
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api_server import ApiServer, narthex_server, prometheus_server
from support.exporter import Exporter
from support.process import needs
from support.waiting import wait_until

pytestmark = [needs("prometheus", "promtool"), pytest.mark.timeout(300)]

STEP = 15
TWO_HOURS = 7200
MODELS = ("llama-3-8b", "qwen-2-72b", "ä€😀")
EXPRESSIONS = [
    'queue_length{instance="a",model="llama-3-8b"}',
    "queue_length",
    '{__name__=~"requests_total|queue_.*",instance!="b",model=~"(llama|qwen).*"}',
    "sum by (model) (rate(requests_total[5m]))",
    "increase(requests_total[10m]) > 100",
    "histogram_quantile(0.99, sum by (le, model) (rate(duration_seconds_bucket[5m])))",
    "avg_over_time(cache_usage_ratio[2h])",
    "max_over_time(queue_length[1h])",
    "quantile_over_time(0.95, queue_length[30m])",
    "sum by (instance) (rate(errors_total[5m])) / sum by (instance) (rate(requests_total[5m]))",
    "topk(2, rate(requests_total[5m]))",
    "max_over_time(sum by (model) (rate(requests_total[5m]))[1h:1m])",
    "stddev_over_time(cache_usage_ratio[10m])",
    "count by (__name__) ({instance=~'.+'})",
    "requests_total offset 10m unless on (model) queue_length < 3",
    "predict_linear(cache_usage_ratio[20m], 600)",
    "deriv(queue_length[10m]) and on (instance, model) cache_usage_ratio",
    "changes(restarted[1h]) + resets(requests_total[1h])",
    "absent(queue_length) or count(queue_length)",
    "label_replace(last_over_time(queue_length[3m]), 'kind', '$1', 'model', '([a-z]+).*')",
    "timestamp(restarted)",
    "sum(present_over_time(requests_total[90m]))",
]


def body(step: int, milliseconds: int | None) -> str:
    """What the target shows in its step; series come, pause and go, counters start again."""
    lines = []
    for m, model in enumerate(MODELS):
        for i, instance in enumerate("abc"):
            if (step // 60 + m + i) % 5 == 0:
                continue
            n = 100_000 + step % 200 * (m + 1) * 7 + i  # rate() of counters near 0 is another one since 2.42
            labels = f'instance="{instance}",model="{model}"'
            lines += [
                f"requests_total{{{labels}}} {n}",
                f"errors_total{{{labels}}} {n // 9}",
                f"queue_length{{{labels}}} {(n * 31) % 17}",
                f"cache_usage_ratio{{{labels}}} {abs(math.sin(n / 50)):.6f}",
                f"restarted{{{labels}}} {step // 200}",
                *(
                    f'duration_seconds_bucket{{{labels},le="{le}"}} {n * share // 10}'
                    for le, share in (("0.1", 3), ("0.5", 7), ("+Inf", 10))
                ),
            ]
    stamp = "" if milliseconds is None else f" {milliseconds}"
    return "".join(f"{line}{stamp}\n" for line in lines)


class Target:
    """The exporter's next step with each scrape while it is `limit` steps at most, then an error."""

    def __init__(self, start: float | None) -> None:
        """`start`: seconds of the first step's own timestamp; None: the scraper's time counts."""
        self.start, self.step, self.limit = start, 0, 0
        self.exporter = Exporter(self._next)

    def _next(self, _: str) -> str:
        if self.step >= self.limit:
            self.exporter.status = 503
            return ""
        self.exporter.status = 200
        self.step += 1
        return body(self.step, None if self.start is None else round((self.start + self.step * STEP) * 1000))

    def advance(self, steps: int) -> None:
        """Until the scraper took so many more steps and one error, after which nothing of this target changes."""
        self.limit += steps
        wait_until("scrapes", lambda: self.step == self.limit, 90)
        before = self.exporter.scrapes
        wait_until("a failed scrape", lambda: self.exporter.scrapes >= before + 2)

    @property
    def time(self) -> float:
        """Shortly after the newest step, seconds. A sample just at the begin of a range counted until 3.0."""
        assert self.start is not None
        return self.start + self.step * STEP + 7


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    target = Target(time.time() - TWO_HOURS - 600 if request.param == "log" else None)
    yield target
    target.exporter.close()


def config(path: Path, target: Target, interval: str) -> Path:
    path.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        f"scrape_configs:\n- job_name: told\n  honor_labels: true\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{target.exporter.port}']}}]\n"
    )
    return path


def answers(server: ApiServer, end: float, span: int, step: int) -> dict[str, Any]:
    """Everything that is asked, by question; `end` in seconds."""
    found: dict[str, Any] = {}
    times = {"start": f"{end - span:.3f}", "end": f"{end:.3f}"}
    for expression in EXPRESSIONS:
        found[f"instant {expression}"] = points(server.api("query", query=expression, time=f"{end:.3f}"))
        found[f"range {expression}"] = points(server.api("query_range", query=expression, step=step, **times))
    named = {"match[]": '{model!=""}', **times}
    found["series"] = sorted(str(sorted(s.items())) for s in server.api("series", **named))
    found["labels"] = server.api("labels", **named)
    for name in ("__name__", "model", "instance", "le"):
        found[f"values of {name}"] = server.api(f"label/{name}/values", **named)
    return found


def points(data: Any) -> dict[Any, dict[float, float]]:
    return {
        tuple(sorted(row["metric"].items())): {float(t): float(v) for t, v in row.get("values") or [row["value"]]}
        for row in data["result"]
    }


def compare(found: dict[str, Any], want: dict[str, Any]) -> None:
    """Equal, but for the last bits of sums that are taken in another order."""
    for question, expected in want.items():
        if not isinstance(expected, dict):
            assert found[question] == expected, question
            continue
        assert found[question].keys() == expected.keys(), question
        for labels, row in expected.items():
            got = found[question][labels]
            assert got.keys() == row.keys(), (question, labels)
            far = {t: (got[t], v) for t, v in row.items() if not same(got[t], v)}
            assert not far, (question, labels, far)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


Start = Callable[..., ApiServer]
ORDERS = [
    pytest.param((prometheus_server, narthex_server), id="prometheus-first"),
    pytest.param((narthex_server, prometheus_server), id="narthex-first"),
]


@pytest.mark.parametrize("target", ["log"], indirect=True)
@pytest.mark.parametrize("order", ORDERS)
def test_two_hours_of_scrapes_survive_kills_in_the_log(
    tmp_path: Path, target: Target, order: tuple[Start, Start]
) -> None:
    data, file = tmp_path / "data", config(tmp_path / "prometheus.yml", target, "20ms")
    flags = ("--storage.tsdb.min-block-duration=8h", "--storage.tsdb.max-block-duration=8h")
    first, second = order
    with first(file, data, *flags) as server:
        server.ready()
        target.advance(TWO_HOURS // STEP)
        end = target.time
        want = answers(server, end, TWO_HOURS, 60)
        assert sum(map(bool, want.values())) > 40
        server.stop(signal.SIGKILL)
    with second(file, data, *flags) as server:
        compare(answers(server.ready(), end, TWO_HOURS, 60), want)
        target.advance(12)
        longer_end = target.time
        longer = answers(server, longer_end, TWO_HOURS, 60)
        compare(answers(server, end, TWO_HOURS, 60), want)
        server.stop(signal.SIGKILL)
    with first(file, data, *flags) as server:
        compare(answers(server.ready(), longer_end, TWO_HOURS, 60), longer)
        target.advance(4)
        compare(answers(server, end, TWO_HOURS, 60), want)
        count = sum(len(row["values"]) for row in server.query('{model!=""}[3h]', time=target.time))
        server.stop()
    assert promtool("dump", data).count('model="') == count


def promtool(command: str, data: Path) -> str:
    done = subprocess.run(["promtool", "tsdb", command, str(data)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def block_names(data: Path) -> set[str]:
    return {p.parent.name for p in data.glob("*/meta.json")}


@pytest.mark.parametrize("target", ["blocks"], indirect=True)
@pytest.mark.parametrize("order", ORDERS)
def test_blocks_of_scrapes_go_back_and_forth(tmp_path: Path, target: Target, order: tuple[Start, Start]) -> None:
    data, file = tmp_path / "data", config(tmp_path / "prometheus.yml", target, "100ms")
    flags = ("--storage.tsdb.min-block-duration=4s", "--storage.tsdb.max-block-duration=12s")
    target.limit = 1 << 30
    end, want = 0.0, dict[str, Any]()
    seen: set[str] = set()
    for start in (*order, order[0]):
        with start(file, data, *flags) as server:
            server.ready()
            if want:
                compare(answers(server, end, 30, 1), want)
            wait_for_new_block(data, seen)
            end = time.time()
            wait_for_samples(server, end)
            want = answers(server, end, 30, 1)
            server.stop(signal.SIGKILL)
    listed = promtool("list", data)
    assert all(name in listed for name in block_names(data))
    assert "requests_total" in promtool("analyze", data)
    assert promtool("dump", data).count("queue_length") > 100


def wait_for_new_block(data: Path, seen: set[str]) -> None:
    wait_until("a new block", lambda: block_names(data) - seen, 90)
    seen |= block_names(data)


def wait_for_samples(server: ApiServer, end: float) -> None:
    """Until no scrape before `end` (seconds) can come any more."""
    wait_until("a scrape after the end", lambda: (server.value("min(timestamp(up))") or 0.0) > end)
