"""Spans by OpenTelemetry's SDK. Importing this module needs the extra `trace`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind, Status, StatusCode

from narthex import __version__
from narthex.config.storage import TracingConfig
from narthex.tracing.spans import Attributes, Span

QUEUE = 2048
"""Spans that wait to be sent; the oldest make room for newer ones."""
BATCH = 512


class SdkTracer:
    """One TracerProvider. Its batches are sent from a thread of its own."""

    def __init__(self, config: TracingConfig) -> None:
        resource = Resource.create({"service.name": "narthex", "service.version": __version__})
        sampler = ParentBased(TraceIdRatioBased(config.sampling_fraction))
        self._provider = TracerProvider(sampler, resource, shutdown_on_exit=False)
        self.processor = BatchSpanProcessor(_exporter(config), max_queue_size=QUEUE, max_export_batch_size=BATCH)
        self._provider.add_span_processor(self.processor)
        self._tracer = self._provider.get_tracer("narthex", __version__)

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, client: bool) -> Iterator[Span]:
        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        # Exceptions are not recorded: their texts and traces are not made to be sent away.
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Real(span)

    def stop(self) -> None:
        self._provider.shutdown()


class _Real(Span):
    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        headers: dict[str, str] = {}
        inject(headers)
        self.headers = headers

    def note(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def failed(self, error: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, error))


def _exporter(config: TracingConfig) -> SpanExporter:
    if config.client_type == "http":
        from narthex.tracing.http import http_exporter

        return http_exporter(config)
    from narthex.tracing.grpc import grpc_exporter

    return grpc_exporter(config)
