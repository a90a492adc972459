"""Debian's node exporter and Prometheus' own metrics, scraped by us and by Debian's Prometheus side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from support.api_server import ApiServer, narthex_server, prometheus_server
from support.process import free_port, needs
from support.waiting import wait_until

pytestmark = needs("prometheus", "prometheus-node-exporter")

Series = frozenset[tuple[str, str]]
REPORTS = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}  # fmt: skip
# What counts up, and gauges that never change. Other gauges may depend on the moment and on who asks.
STEADY = re.compile(
    "(.+_(total|sum|count|bucket|info)|node_boot_time_seconds|node_memory_MemTotal_bytes|node_filesystem_size_bytes"
    "|node_network_mtu_bytes|process_start_time_seconds|process_max_fds|prometheus_config_last_reload_successful)"
)


@dataclass
class Pair:
    narthex: ApiServer
    prometheus: ApiServer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("peers")
    port, own = free_port(), free_port()
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"- job_name: node\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        f"- job_name: prometheus\n  static_configs: [{{targets: ['127.0.0.1:{own}']}}]\n"
    )
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (
        ApiServer(command, port, folder / "exporter.log") as exporter,
        prometheus_server(folder / "prometheus.yml", folder / "theirs", port=own) as theirs,
        narthex_server(folder / "prometheus.yml", folder / "ours") as ours,
    ):
        exporter.wait_ready("/")
        yield Pair(ours.ready(), theirs.ready())


def with_float_bounds(labels: dict[str, str]) -> Series:
    """Prometheus 2 keeps bounds as they were written; 3, which we follow, writes them as floats."""
    bounds = {n: str(float(labels[n])).replace("inf", "+Inf") for n in ("le", "quantile") if n in labels}
    return frozenset({**labels, **bounds}.items())


def current(server: ApiServer, job: str) -> set[Series]:
    """What the newest scrape brought."""
    found = (one["metric"] for one in server.query(f'{{job="{job}"}}'))
    return {with_float_bounds(m) for m in found if m["__name__"] not in REPORTS}


def history(server: ApiServer, job: str) -> dict[Series, list[float]]:
    found = server.query(f'{{job="{job}"}}[5m]')
    return {
        with_float_bounds(one["metric"]): [float(v) for _, v in one["values"]]
        for one in found
        if one["metric"]["__name__"] not in REPORTS
    }


def scrapes(server: ApiServer, job: str, least: int) -> bool:
    return (server.value(f'count_over_time(up{{job="{job}"}}[5m])') or 0) >= least


def added_is_there(server: ApiServer, job: str) -> bool:
    """Two questions: a scrape between them may add more."""
    added = server.value(f'sum_over_time(scrape_series_added{{job="{job}"}}[5m])')
    return added == len(server.api("series", **{"match[]": f'{{job="{job}",__name__!~"{"|".join(REPORTS)}"}}'}))


def still(values: list[float]) -> bool:
    return len({v.hex() for v in values}) == 1


@pytest.mark.parametrize("job", ["node", "prometheus"])
def test_both_have_the_same_series_and_values(pair: Pair, job: str) -> None:
    servers = (pair.narthex, pair.prometheus)
    for server in servers:
        wait_until("three scrapes", partial(scrapes, server, job, 3))
    # Asking the peer makes new series of its own, which the next scrape of each brings.
    wait_until("the same series", lambda: current(pair.narthex, job) == current(pair.prometheus, job))
    ours, theirs = history(pair.narthex, job), history(pair.prometheus, job)
    assert len(current(pair.narthex, job)) > 300
    both = [s for s in ours.keys() & theirs.keys() if STEADY.fullmatch(dict(s)["__name__"])]
    both_still = [s for s in both if still(ours[s]) and still(theirs[s])]
    assert len(both_still) > 100
    for series in both_still:
        assert ours[series][0].hex() == theirs[series][0].hex(), dict(series)
    at = pair.narthex.query(f'scrape_samples_scraped{{job="{job}"}}')[0]["value"][0]
    for server in servers:
        assert server.value(f'min_over_time(up{{job="{job}"}}[5m])') == 1
        when = {"time": at}
        counted = server.value(f'count({{job="{job}",__name__!~"{"|".join(REPORTS)}"}})', **when)
        for report in ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling"):
            assert server.value(f'{report}{{job="{job}"}}', **when) == counted
        wait_until("what was added to be what is there", partial(added_is_there, server, job))
