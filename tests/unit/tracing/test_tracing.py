"""Spans reach a collector; a plain installation is spared all of it."""

from __future__ import annotations

import logging
import ssl
import subprocess
import sys
from typing import Any

import pytest
import trustme

from narthex.config.storage import TracingConfig
from narthex.errors import HTTPClientError
from narthex.tracing import Tracing, spans
from narthex.tracing.http import endpoint_url
from narthex.tracing.sdk import BATCH, QUEUE
from support.trace_collector import attributes, grpc_collector, http_collector


def config(port: int, **settings: Any) -> TracingConfig:
    defaults = {"client_type": "http", "insecure": True, "sampling_fraction": 1.0, "timeout": 5000}
    return TracingConfig(endpoint=f"127.0.0.1:{port}", **(defaults | settings))


@pytest.mark.parametrize("kind", ["http", "grpc"])
async def test_spans_nest_and_arrive_with_headers_when_tracing_ends(kind: str) -> None:
    with http_collector() if kind == "http" else grpc_collector() as collector:
        tracing = Tracing()
        await tracing.apply(
            config(collector.port, client_type=kind, compression="gzip", headers={"X-Tenant": "team-1"})
        )
        with tracing.span("outer", {"rule": "r"}) as outer, tracing.span("inner", {}, client=True) as inner:
            inner.note("answers", 3)
            outer.failed("QueryError")
        await tracing.stop()
    assert collector.headers["x-tenant"] == "team-1"
    (first,), (second,) = collector.named("inner"), collector.named("outer")
    assert first.trace_id == second.trace_id and first.parent_span_id == second.span_id
    assert (first.kind, attributes(first)) == (first.SPAN_KIND_CLIENT, {"answers": 3})
    assert (second.kind, attributes(second)) == (second.SPAN_KIND_INTERNAL, {"rule": "r"})
    assert (second.status.code, second.status.message) == (second.status.STATUS_CODE_ERROR, "QueryError")
    version, trace, span, flags = inner.headers["traceparent"].split("-")
    assert (version, trace, span) == ("00", first.trace_id.hex(), first.span_id.hex())
    assert int(flags, 16) & 1  # sampled
    resource = {a.key: a.value.string_value for a in collector.requests[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "narthex"


async def test_what_is_not_sampled_is_not_sent_but_its_trace_goes_on() -> None:
    with http_collector() as collector:
        tracing = Tracing()
        await tracing.apply(config(collector.port, sampling_fraction=0.0))
        with tracing.span("a", {}) as span:
            assert not int(span.headers["traceparent"][-2:], 16) & 1
        await tracing.stop()
        assert collector.requests == []


async def test_the_texts_of_exceptions_stay_here() -> None:
    with http_collector() as collector:
        tracing = Tracing()
        await tracing.apply(config(collector.port))
        with pytest.raises(HTTPClientError), tracing.span("a", {}):
            raise HTTPClientError("GET http://host/?token=very-secret")
        await tracing.stop()
    assert collector.named("a")
    assert b"very-secret" not in collector.requests[0].SerializeToString()


async def test_spans_that_nobody_takes_do_not_pile_up() -> None:
    with http_collector() as collector:
        collector.gate.clear()
        tracing = Tracing()
        await tracing.apply(config(collector.port))
        for i in range(5 * QUEUE):
            with tracing.span("a", {"i": i}):
                pass
        collector.gate.set()
        await tracing.stop()
    # What waited, and the batch that was on its way.
    assert QUEUE / 2 < len(collector.spans) <= QUEUE + BATCH
    assert max(attributes(span)["i"] for span in collector.spans) == 5 * QUEUE - 1


async def test_only_a_changed_section_makes_another_tracer() -> None:
    with http_collector() as collector:
        tracing = Tracing()
        await tracing.apply(config(collector.port))
        tracer = tracing._tracer
        await tracing.apply(config(collector.port))
        assert tracing._tracer is tracer
        await tracing.apply(config(collector.port, sampling_fraction=0.5))
        assert tracing._tracer is not tracer and tracing.on
        await tracing.apply(None)
        assert not tracing.on


async def test_without_opentelemetry_the_extra_is_named_and_nothing_is_traced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "narthex.tracing.sdk", None)
    tracing = Tracing()
    with caplog.at_level(logging.ERROR):
        await tracing.apply(config(1))
    assert caplog.messages == [spans.MISSING] and "narthex[trace]" in spans.MISSING
    with tracing.span("a", {}) as span:
        assert not tracing.on and span.headers == {}


def test_a_server_that_traces_nothing_imports_nothing_for_it() -> None:
    code = (
        "import sys, narthex.app.server.main; "
        "print([m for m in sys.modules if m.split('.')[0] in ('opentelemetry', 'grpc', 'requests')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_tls_settings_that_cannot_be_used_are_refused_and_leave_tracing_as_it_was() -> None:
    tracing = Tracing()
    unreadable = {"ca_file": "/nowhere/ca.pem"}
    for kind in ("http", "grpc"):
        with pytest.raises(HTTPClientError, match=r"/nowhere/ca\.pem"):
            await tracing.apply(config(1, client_type=kind, insecure=False, tls_config=unreadable))
    with pytest.raises(HTTPClientError, match="insecure_skip_verify: use client_type http"):
        await tracing.apply(config(1, client_type="grpc", insecure=False, tls_config={"insecure_skip_verify": True}))
    assert not tracing.on


@pytest.mark.parametrize(("name", "trusted"), [("collector.test", True), ("other.test", False)])
async def test_a_collector_behind_tls_is_known_by_the_sections_own_ca_and_name(name: str, trusted: bool) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("collector.test").configure_cert(context)
    tls = {"ca": authority.cert_pem.bytes().decode(), "server_name": name}
    with http_collector(context) as collector:
        tracing = Tracing()
        await tracing.apply(config(collector.port, insecure=False, tls_config=tls, timeout=1000))
        with tracing.span("a", {}):
            pass
        await tracing.stop()
    assert bool(collector.named("a")) is trusted


@pytest.mark.parametrize(
    ("endpoint", "insecure", "url"),
    [
        ("host:4318", True, "http://host:4318/v1/traces"),
        ("host:4318", False, "https://host:4318/v1/traces"),
        ("host/own/path", False, "https://host/own/path"),
        ("http://host:1/v1/traces", False, "http://host:1/v1/traces"),
    ],
)
def test_an_endpoint_is_a_host_or_a_whole_address(endpoint: str, insecure: bool, url: str) -> None:
    assert endpoint_url(TracingConfig(endpoint=endpoint, insecure=insecure)) == url
