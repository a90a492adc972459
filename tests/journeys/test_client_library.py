"""Targets made with Prometheus' client library for Python: every sample that the client has is what queries give."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, PlatformCollector, Summary
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.samples import Sample

from support.api_server import ApiServer
from support.client_target import client_target
from support.waiting import wait_until

Start = Callable[..., ApiServer]
Series = frozenset[tuple[str, str]]
ODD = ['quote " here', "back\\slash", "new\nline", "Köln \N{SNOWMAN} \N{GRINNING FACE}", "a=b,c{d}#e", " ", "", "\\n"]
REPORTS = (
    "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)  # fmt: skip


class Moments:
    """Families that only collectors of one's own make: samples with a time, numbers that are not finite."""

    def __init__(self, time: int) -> None:
        self.time = time

    def collect(self) -> Iterator[Metric]:
        timed = GaugeMetricFamily("timed", "With a time of its own.", labels=["kind"])
        timed.add_metric(["past"], 4.5, timestamp=self.time)
        yield timed
        limits = GaugeMetricFamily("limits", "Numbers at the end.", labels=["kind"])
        for value in (math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, -0.0, 0.1 + 0.2, 2.0**53):
            limits.add_metric([repr(value)], value)
        yield limits
        queue = GaugeHistogramMetricFamily("queue", "Ages of what waits.", labels=["kind"])
        queue.add_metric(["a"], buckets=[("1.0", 2.0), ("+Inf", 3.0)], gsum_value=7.5)
        yield queue


def everything(time: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    PlatformCollector(registry)
    registry.register(Moments(time))
    requests = Counter("http_requests", "Requests: all \\ of\nthem.", ["path", "instance"], registry=registry)
    for i, odd in enumerate(ODD):
        requests.labels(odd, f"own-{i}").inc(i + 0.5)
    Counter("bytes", "With a unit.", unit="bytes", registry=registry).inc(3, exemplar={"trace_id": "t-1"})
    Gauge("temperature", "", ["place"], registry=registry).labels("Nürnberg").set(-3.25)
    latency = Histogram("latency", "Times.", ["route"], unit="seconds", buckets=(0.1, 1, 2.5, 10), registry=registry)
    for value in (0.05, 0.7, 2, 400):
        latency.labels("/").observe(value, exemplar={"trace_id": f"at {value}", "odd": 'quo"te'})
    Summary("sizes", "Sizes.", registry=registry).observe(12)
    Info("build", "The build.", registry=registry).info({"version": "1.2", "odd": 'a"b\\c'})
    Enum("state", "The state.", ["of"], states=["starting", "running"], registry=registry).labels("x").state("running")
    Counter("grpc.calls", "A name with a dot.", ["grpc.method"], registry=registry).labels("Get").inc(2)
    return registry


def samples(registry: CollectorRegistry) -> Iterator[tuple[Metric, Sample]]:
    for family in registry.collect():
        for sample in family.samples:
            yield family, sample


def series(name: str, labels: dict[str, str]) -> Series:
    """Without labels of the target, which a label of the sample makes room for; an empty label is none."""
    named = {"__name__": name, **labels}
    if "instance" in labels:
        named["exported_instance"] = named.pop("instance")
    return frozenset((n, v) for n, v in named.items() if v)


def underscored(name: str) -> str:
    return name.replace(".", "_")


def families(registry: CollectorRegistry, *, openmetrics: bool, shown: Callable[[str], str]) -> dict[str, Any]:
    """Metadata as the API gives it. The text format has neither all types nor units."""
    found = {}
    for family in registry.collect():
        name, kind, unit = family.name, family.type, family.unit
        if not openmetrics:
            suffix = {"counter": "_total", "info": "_info"}.get(kind, "")
            name, unit = name + suffix, ""
            kind = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram"}.get(kind, kind)
            for end in ("_created", "_gsum", "_gcount"):
                if any(s.name == family.name + end for s in family.samples):
                    found[shown(family.name + end)] = {"type": "gauge", "help": family.documentation, "unit": ""}
        found[shown(name)] = {"type": kind, "help": family.documentation, "unit": unit}
    return found


def exemplars(registry: CollectorRegistry) -> set[tuple[Series, Series, str, float]]:
    return {
        (
            series(s.name, s.labels),
            frozenset(s.exemplar.labels.items()),
            number(s.exemplar.value),
            int(s.exemplar.timestamp * 1000) / 1000,
        )
        for _, s in samples(registry)
        if s.exemplar
    }


def number(value: float) -> str:
    """Equal numbers, and no others, give the same text."""
    return float(value).hex()


def queried(server: ApiServer, selector: str) -> dict[Series, str]:
    found = {}
    for one in server.query(selector):
        labels = {n: v for n, v in one["metric"].items() if n not in ("job", "instance")}
        found[frozenset(labels.items())] = number(float(one["value"][1]))
    return found


@pytest.mark.parametrize("protocol", ["PrometheusText0.0.4", "PrometheusText1.0.0", "OpenMetricsText1.0.0"])
def test_every_sample_of_the_client_is_what_queries_give(start: Start, tmp_path: Path, protocol: str) -> None:
    past = int(time.time()) - 5
    registry = everything(past)
    with client_target(registry) as target:
        (tmp_path / "prometheus.yml").write_text(
            f"scrape_configs:\n- job_name: client\n  scrape_interval: 500ms\n  scrape_protocols: [{protocol}]\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]\n"
        )
        server = start("--enable-feature=exemplar-storage").ready()
        wait_until("two scrapes", lambda: (server.value("count_over_time(up[1m])") or 0) >= 2)
        kind = "application/openmetrics-text" if protocol.startswith("Open") else "text/plain"
        assert target.answers[0]["Content-Type"].startswith(f"{kind}; version={protocol[-5:]}")
        assert {one["Content-Encoding"] for one in target.answers} == {"gzip"}
        shown = underscored if protocol.endswith("0.0.4") else str
        expected = {
            series(shown(s.name), {shown(n): v for n, v in s.labels.items()}): number(s.value)
            for _, s in samples(registry)
        }
        none = "|".join(REPORTS)
        got = queried(server, f'{{job="client",__name__!~"{none}"}}')
        assert got == expected
        assert len(expected) >= 49
        assert server.value('up{job="client"}') == 1
        assert server.value("scrape_samples_scraped") == len(expected)
        assert server.value("sum_over_time(scrape_series_added[1m])") == len(expected)
        timed = server.query("timed[1m]")[0]["values"]
        assert [(t, float(v)) for t, v in timed] == [(past, 4.5)]
        openmetrics = protocol.startswith("Open")
        known = families(registry, openmetrics=openmetrics, shown=shown)
        assert server.api("metadata") == {name: [one] for name, one in known.items()}
        of_target = server.api("targets/metadata", match_target='{job="client"}')
        own = {"instance": f"127.0.0.1:{target.port}", "job": "client"}
        assert {one.pop("metric"): one for one in of_target} == {n: {**one, "target": own} for n, one in known.items()}
        assert stored_exemplars(server) == (exemplars(registry) if openmetrics else set())


def stored_exemplars(server: ApiServer) -> set[tuple[Series, Series, str, float]]:
    found = server.api("query_exemplars", query='{job="client"}', start=0, end=9_999_999_999)
    return {
        (
            frozenset((n, v) for n, v in one["seriesLabels"].items() if n not in ("job", "instance")),
            frozenset(e["labels"].items()),
            number(float(e["value"])),
            e["timestamp"],
        )
        for one in found
        for e in one["exemplars"]
    }
