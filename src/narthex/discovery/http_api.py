"""The common kind of mechanism that asks an HTTP API at an interval, and words that many of them need."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def require_json(self) -> None:
        """Raises HTTPClientError when the content is said to be something else."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind.lower() != "application/json":
            raise HTTPClientError(f'the answer has content type "{kind}", not application/json')


class HttpApi:
    """Requests to one API with the settings of a section. A whole request may take `timeout_seconds`."""

    def __init__(
        self,
        http: HTTPClientConfig,
        clock: Clock,
        timeout_seconds: float,
        *,
        signer: Signer | None = None,
        unix_socket: str | None = None,
    ) -> None:
        """A `signer` signs each request and is closed with the API; `unix_socket` is dialled instead of hosts."""
        self._client = HTTPClient(http, clock=clock, signer=signer, unix_socket=unix_socket)
        self._timeout = timeout_seconds

    async def close(self) -> None:
        await self._client.close()

    async def answer(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Container[int] = range(200, 300),
    ) -> Answer:
        """An answer with a status among `accept` and a body of at most 64 MiB. A text `url` is encoded already.

        Raises AnswerError for other statuses, else as HTTPClient.request.
        """
        where = url if isinstance(url, URL) else URL(url, encoded=True)
        response = await self._client.request(method, where, timeout_seconds=self._timeout, headers=headers, body=body)
        async with response:
            if response.status not in accept:
                raise AnswerError(response.status, response.reason, await response.content.read(ERROR_BYTES))
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise HTTPClientError(f"the answer is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return Answer(response.status, response.headers, bytes(content))


class HttpApiProvider(RefreshProvider):
    """`http` is how the API is spoken to. A whole request may take one refresh interval."""

    def __init__(
        self,
        config: SDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        http: HTTPClientConfig,
        signer: Signer | None = None,
        unix_socket: str | None = None,
    ) -> None:
        super().__init__(config.mechanism, config_name, config.refresh_seconds, metrics, clock)
        self.api = HttpApi(http, clock, config.refresh_seconds, signer=signer, unix_socket=unix_socket)

    async def close(self) -> None:
        await self.api.close()

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """The body of a successful answer (2xx)."""
        return (await self.api.answer(url, method=method, headers=headers, body=body)).body

    def failure(self, error: Exception) -> str | None:
        return failure_words(error)


def failure_words(error: Exception) -> str | None:
    """The words for a request or an answer that failed; None for what is a bug of ours."""
    expected = aiohttp.ClientError | HTTPClientError | OSError
    return explain(error) if isinstance(error, expected) else None


def host_port(host: str, port: int | str) -> str:
    """An address as targets have it; IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def label_name(text: str) -> str:
    """Free text as a part of a label name."""
    return _NOT_IN_NAMES.sub("_", text)


def surrounded(values: Iterable[str], separator: str = ",") -> str:
    """A list as a label value, with the separator around it too, so that a regular expression need not know places."""
    return f"{separator}{separator.join(values)}{separator}"
