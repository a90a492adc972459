"""What work is wrapped in: a span while tracing is on, next to nothing while it is off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from narthex.config.storage import TracingConfig

log = logging.getLogger(__name__)

Attributes = Mapping[str, str | int]

MISSING = "tracing is configured but OpenTelemetry is not installed, no spans are sent: pip install 'narthex[trace]'"


class Span:
    """A span while nothing is traced. It takes everything and keeps nothing."""

    headers: Mapping[str, str] = {}
    """What tells the other side of a request about the trace (W3C trace context)."""

    def note(self, name: str, value: str | int) -> None:
        """Adds an attribute. Neither attributes nor errors may hold secrets, such as what a URL has in its query."""

    def failed(self, error: str) -> None:
        """The work did not succeed."""


class Tracer(Protocol):
    """Spans that are sent. `stop` blocks until what waits was sent or the exporter's timeout is over."""

    def span(self, name: str, attributes: Attributes, *, client: bool) -> AbstractContextManager[Span]: ...

    def stop(self) -> None: ...


_NOTHING = nullcontext(Span())


class Tracing:
    """Off until `apply`. Spans may be begun on any thread; within a thread or task they nest."""

    def __init__(self) -> None:
        self._config: TracingConfig | None = None
        self._tracer: Tracer | None = None
        self.on = False
        """Whether spans go anywhere."""

    def span(self, name: str, attributes: Attributes, *, client: bool = False) -> AbstractContextManager[Span]:
        """`client`: the work is a request to somebody else."""
        tracer = self._tracer
        return _NOTHING if tracer is None else tracer.span(name, attributes, client=client)

    async def apply(self, config: TracingConfig | None) -> None:
        """Turns tracing on or off, or changes where spans go; a section that is the same changes nothing.

        Without OpenTelemetry an error is logged and the server goes on: monitoring is worth more than its traces.
        Raises HTTPClientError or ConfigError for TLS settings that cannot be used; tracing is then as it was.
        """
        if config == self._config:
            return
        tracer = None
        if config is not None:
            try:
                from narthex.tracing.sdk import SdkTracer
            except ImportError:
                log.error(MISSING)
            else:
                tracer = SdkTracer(config)
        old, self._tracer, self._config = self._tracer, tracer, config
        self.on = tracer is not None
        if old is not None:
            await asyncio.to_thread(old.stop)

    async def stop(self) -> None:
        """Sends what waits."""
        await self.apply(None)


OFF = Tracing()
"""Of those whom nobody gave another."""
