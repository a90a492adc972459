"""The common kind of mechanism that asks an HTTP API at an interval, and words that many of them need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import aiohttp
from yarl import URL

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.config.sd.base import SDConfig
from narthex.config.strict import MAX_BYTES
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import RefreshProvider
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient, Signer, explain

ERROR_BYTES = 4096
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


class AnswerError(HTTPClientError):
    """An answer with a status that is none of success. `body` is its beginning, for those who know its form."""

    def __init__(self, status: int, reason: str | None, body: bytes = b"") -> None:
        super().__init__(f"the server answered {status} {reason or ''}".rstrip())
        self.status, self.body = status, body


class HttpApiProvider(RefreshProvider):
    """`http` is how the API is spoken to; a `signer` signs each request and is closed with the provider."""

    def __init__(
        self,
        config: SDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        http: HTTPClientConfig,
        signer: Signer | None = None,
    ) -> None:
        super().__init__(config.mechanism, config_name, config.refresh_seconds, metrics, clock)
        self._client = HTTPClient(http, clock=clock, signer=signer)

    async def close(self) -> None:
        await self._client.close()

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """The body of a successful answer (2xx), of at most 64 MiB. A whole request may take one refresh interval."""
        where = URL(url, encoded=True)
        response = await self._client.request(method, where, timeout_seconds=self._interval, headers=headers, body=body)
        async with response:
            if not 200 <= response.status < 300:
                raise AnswerError(response.status, response.reason, await response.content.read(ERROR_BYTES))
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > MAX_BYTES:
                    raise HTTPClientError(f"the answer is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return bytes(answer)

    def failure(self, error: Exception) -> str | None:
        expected = aiohttp.ClientError | HTTPClientError | OSError
        return explain(error) if isinstance(error, expected) else None


def host_port(host: str, port: int) -> str:
    """An address as targets have it; IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def label_name(text: str) -> str:
    """Free text as a part of a label name."""
    return _NOT_IN_NAMES.sub("_", text)


def surrounded(values: Iterable[str], separator: str = ",") -> str:
    """A list as a label value, with the separator around it too, so that a regular expression need not know places."""
    return f"{separator}{separator.join(values)}{separator}"
