"""Brings a target's body: one GET over a kept connection, read in pieces and counted while it comes."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
from yarl import URL

from narthex.config.scrape import ScrapeConfig
from narthex.errors import HTTPClientError, ScrapeError
from narthex.exposition import Format, accept_header, choose_format
from narthex.model.number import format_float
from narthex.net.answer import Answer, BodyLimitExceeded
from narthex.net.client import HTTPClient, explain
from narthex.tracing import OFF, Tracing

OK = HTTPStatus.OK.value
_FAILURES = (aiohttp.ClientError, HTTPClientError, OSError)  # TimeoutError is an OSError


class BodySizeExceeded(ScrapeError):
    """The body, decompressed, has body_size_limit bytes or more."""

    def __init__(self) -> None:
        super().__init__("body size limit exceeded")


class Body(NamedTuple):
    """`release` is to be called once the data are needed no more."""

    data: bytes | memoryview  # decompressed
    format: Format
    release: Callable[[], None]


class Fetcher:
    """Requests to one target. Everything that stays the same between scrapes is made once."""

    def __init__(
        self, client: HTTPClient, url: str, timeout: int, config: ScrapeConfig, tracing: Tracing = OFF
    ) -> None:
        """`timeout` is milliseconds and covers the whole exchange."""
        self._url = URL(url)
        self._shown = str(self._url.with_password("xxxxx") if self._url.password else self._url)
        self._timeout = timeout / 1000
        self._limit = config.body_size_limit
        self._fallback = config.fallback_scrape_protocol
        headers = {
            "Accept": accept_header(config.scrape_protocols, config.metric_name_escaping_scheme),
            "Accept-Encoding": "gzip, zstd" if config.enable_compression else "identity",
            "X-Prometheus-Scrape-Timeout-Seconds": format_float(self._timeout),
        }
        self._tracing = tracing
        # Without what follows a question mark, where some targets are given tokens.
        self._attributes: dict[str, str | int] = {
            "http.request.method": "GET",
            "url.scheme": self._url.scheme,
            "url.path": self._url.path,
            "server.address": self._url.host or "",
            "server.port": self._url.port or 0,
            "prometheus.job": config.job_name,
        }
        self._get = client.prepare_get(self._url, self._timeout, headers)
        self._formats: dict[str, Format] = {}

    async def fetch(self) -> Body:
        """Raises ScrapeError with the text for the target's lastError."""
        if self._tracing.on:
            return self._body(await self._traced())
        try:
            answer = await self._get.fetch(self._limit)
        except _FAILURES as e:
            raise self._failure(e) from e
        return self._body(answer)

    async def _traced(self) -> Answer:
        with self._tracing.span("HTTP GET", self._attributes, client=True) as span:
            try:
                answer = await self._get.fetch(self._limit, span.headers)
            except _FAILURES as e:
                # Texts may name addresses that a redirect led to.
                span.failed(str(e) if isinstance(e, BodyLimitExceeded) else type(e).__name__)
                raise self._failure(e) from e
            span.note("http.response.status_code", answer.status)
            if answer.status != OK:
                span.failed(f"HTTP status {answer.status}")
        return answer

    def _failure(self, error: Exception) -> ScrapeError:
        if isinstance(error, BodyLimitExceeded):
            return BodySizeExceeded()
        return ScrapeError(f'Get "{self._shown}": {explain(error)}')

    def _body(self, answer: Answer) -> Body:
        if answer.status != OK:
            raise ScrapeError(f"server returned HTTP status {answer.status} {answer.reason}".rstrip())
        found = self._formats.get(answer.content_type)
        if found is None:
            found = self._new_format(answer.content_type) if answer.body else Format.TEXT
        return Body(answer.body, found, answer.release)

    def close(self) -> None:
        """Ends the connection to the target."""
        self._get.close()

    def _new_format(self, content_type: str) -> Format:
        found = choose_format(content_type, self._fallback)
        # A target that makes up a new type each time must not fill the memory.
        self._formats = {content_type: found}
        return found
