"""Spans of a server's scrapes, rules and queries, and the targets that learn of the trace; a reload turns it off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.api_server import ApiServer
from support.exporter import Exporter
from support.trace_collector import attributes, http_collector
from support.waiting import wait_until

Start = Callable[..., ApiServer]


def test_spans_and_targets_share_traces_until_a_reload_ends_it(
    start: Start, tmp_path: Path, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OTEL_BSP_SCHEDULE_DELAY", "100")  # milliseconds
    exporter.body = "fine 1\n"
    (tmp_path / "rules.yml").write_text("groups: [{name: g, rules: [{record: twice, expr: fine * 2}]}]")
    plain = (
        "global: {scrape_interval: 300ms, evaluation_interval: 300ms}\nrule_files: [rules.yml]\nscrape_configs:\n"
        "- job_name: app\n  params: {token: [very-secret]}\n  basic_auth: {username: u, password: very-secret}\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n"
        "- job_name: dead\n  static_configs: [{targets: ['127.0.0.1:1']}]\n"
    )
    with http_collector() as collector:
        tracing = (
            f"tracing: {{endpoint: '127.0.0.1:{collector.port}', client_type: http, insecure: true, "
            "sampling_fraction: 1, compression: gzip}\n"
        )
        config = tmp_path / "prometheus.yml"
        config.write_text(plain)
        server = start("--web.enable-lifecycle").ready()
        wait_until("a scrape", lambda: exporter.scrapes)
        assert "traceparent" not in exporter.headers
        config.write_text(plain + tracing)
        assert server.request("/-/reload", "POST")[0] == 200
        seen = wait_until("a trace at the target", lambda: exporter.headers.get("traceparent", ""))
        trace, span = (bytes.fromhex(part) for part in seen.split("-")[1:3])
        scrape = wait_until("its span", lambda: [s for s in collector.spans if s.span_id == span])[0]
        assert (scrape.name, scrape.trace_id) == ("HTTP GET", trace)
        told = attributes(scrape)
        assert (told["url.path"], told["server.port"]) == ("/metrics", exporter.port)
        assert (told["prometheus.job"], told["http.response.status_code"]) == ("app", 200)
        failed = wait_until("the dead target's", lambda: [s for s in collector.spans if s.status.code == 2])[0]
        assert attributes(failed)["prometheus.job"] == "dead"
        rule = wait_until("a rule's span", lambda: collector.named("rule"))[0]
        assert attributes(rule) == {"rule": "twice", "group": "g", "file": str(tmp_path / "rules.yml")}
        inner = wait_until("its query", lambda: [s for s in collector.spans if s.parent_span_id == rule.span_id])[0]
        assert (inner.name, attributes(inner)["query"]) == ("query", "fine * 2")
        server.query("vector(42)")
        wait_until("a query", lambda: "vector(42)" in [attributes(s)["query"] for s in collector.named("query")])
        assert all(b"very-secret" not in request.SerializeToString() for request in collector.requests)

        config.write_text(plain)
        assert server.request("/-/reload", "POST")[0] == 200
        wait_until("a scrape without a trace", lambda: "traceparent" not in exporter.headers)
        assert server.stop() == 0
