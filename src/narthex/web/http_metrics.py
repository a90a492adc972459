"""Counts, durations and sizes of HTTP requests, under Prometheus' names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from narthex.instrument import Registry

_SECONDS = (0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0)
_BYTES = tuple(float(10**n) for n in range(2, 10))
_CLIENT_GONE = 499

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpMetrics:
    def __init__(self, registry: Registry) -> None:
        self._requests = registry.counter(
            "prometheus_http_requests_total", "Counter of HTTP requests.", ("handler", "code")
        )
        self._seconds = registry.histogram(
            "prometheus_http_request_duration_seconds", "Histogram of latencies for HTTP requests.", ("handler",),
            _SECONDS,
        )  # fmt: skip
        self._bytes = registry.histogram(
            "prometheus_http_response_size_bytes", "Histogram of response size for HTTP requests.", ("handler",), _BYTES
        )

    def counted(self, name: str, handler: Handler) -> Handler:
        """`handler`, with its requests counted under `name`."""
        self._requests.labels(name, "200")

        async def answer(request: web.Request) -> web.StreamResponse:
            start = time.perf_counter()
            code = _CLIENT_GONE
            try:
                response = await handler(request)
                code = response.status
                self._bytes.labels(name).observe(float(response.content_length or 0))
                return response
            except web.HTTPException as e:
                code = e.status
                raise
            except asyncio.CancelledError:
                raise
            except Exception:
                code = 500
                raise
            finally:
                self._seconds.labels(name).observe(time.perf_counter() - start)
                self._requests.labels(name, str(code)).inc()

        return answer
