"""Brings a target's body: one GET over a kept connection, read in pieces and counted while it comes."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from yarl import URL

from narthex.config.scrape import ScrapeConfig
from narthex.errors import HTTPClientError, ScrapeError
from narthex.exposition import Format, accept_header, choose_format
from narthex.model.number import format_float
from narthex.net.client import HTTPClient, explain
from narthex.net.kept_connection import Answer, BodyLimitExceeded
from narthex.tracing import OFF, Span, Tracing

OK = HTTPStatus.OK.value


class BodySizeExceeded(ScrapeError):
    """The body, decompressed, has body_size_limit bytes or more."""

    def __init__(self) -> None:
        super().__init__("body size limit exceeded")


@dataclass(frozen=True, slots=True)
class Body:
    data: bytes  # decompressed
    format: Format


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
        with self._tracing.span("HTTP GET", self._attributes, client=True) as span:
            answer = await self._ask(span)
        if answer.status != OK:
            raise ScrapeError(f"server returned HTTP status {answer.status} {answer.reason}".rstrip())
        return Body(answer.body, self._format(answer.content_type) if answer.body else Format.TEXT)

    async def _ask(self, span: Span) -> Answer:
        try:
            answer = await self._get.fetch(self._limit, span.headers)
        except BodyLimitExceeded as e:
            span.failed("body size limit exceeded")
            raise BodySizeExceeded from e
        except (aiohttp.ClientError, HTTPClientError, OSError) as e:  # TimeoutError is an OSError
            span.failed(type(e).__name__)  # texts may name addresses that a redirect led to
            raise ScrapeError(f'Get "{self._shown}": {explain(e)}') from e
        span.note("http.response.status_code", answer.status)
        if answer.status != OK:
            span.failed(f"HTTP status {answer.status}")
        return answer

    def close(self) -> None:
        """Ends the connection to the target."""
        self._get.close()

    def _format(self, content_type: str) -> Format:
        found = self._formats.get(content_type)
        if found is None:
            found = choose_format(content_type, self._fallback)
            # A target that makes up a new type each time must not fill the memory.
            self._formats = {content_type: found}
        return found
