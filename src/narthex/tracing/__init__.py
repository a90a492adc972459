"""Spans of scrapes, queries and rule evaluations, sent by OTLP where `tracing:` is configured (extra `trace`).

Open first spans.py, which everybody uses and which imports nothing of OpenTelemetry; sdk.py is loaded when tracing is
turned on.
"""

from narthex.tracing.spans import OFF, Span, Tracing

__all__ = ["OFF", "Span", "Tracing"]
