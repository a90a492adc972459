"""Counts, durations and sizes of HTTP requests, under Prometheus' names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from narthex.instrument import Counter, Histogram, Registry

_SECONDS = (0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0)
_BYTES = tuple(float(10**n) for n in range(2, 10))
_CLIENT_GONE = 499

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RouteMetrics:
    """Of the requests of one route."""

    def __init__(self, name: str, requests: Counter, seconds: Histogram, size: Histogram) -> None:
        self._name, self._requests, self._ok = name, requests, requests.labels(name, "200")
        self._seconds, self._bytes = seconds.labels(name), size.labels(name)

    def answered(self, code: int, seconds: float, size: int) -> None:
        self._bytes.observe(float(size))
        self.ended(code, seconds)

    def ended(self, code: int, seconds: float) -> None:
        """For a request without an answer."""
        self._seconds.observe(seconds)
        (self._ok if code == 200 else self._requests.labels(self._name, str(code))).inc()


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

    def route(self, name: str) -> RouteMetrics:
        return RouteMetrics(name, self._requests, self._seconds, self._bytes)

    def counted(self, name: str, handler: Handler) -> Handler:
        """`handler`, with its requests counted under `name`."""
        metrics = self.route(name)

        async def answer(request: web.Request) -> web.StreamResponse:
            start = time.perf_counter()
            try:
                response = await handler(request)
            except BaseException as e:
                metrics.ended(_code(e), time.perf_counter() - start)
                raise
            metrics.answered(response.status, time.perf_counter() - start, response.content_length or 0)
            return response

        return answer


def _code(error: BaseException) -> int:
    match error:
        case web.HTTPException():
            return error.status
        case asyncio.CancelledError():
            return _CLIENT_GONE
        case _:
            return 500
