"""Access tokens of clouds: fetched when needed, kept for half their life, sent as `Authorization: Bearer`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from yarl import URL

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import HTTPClientError
from narthex.net.client import HTTPClient, explain
from narthex.net.oauth2 import MAX_ANSWER_BYTES

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    seconds: float
    """How long it is good for, from now."""


class BearerSigner(ABC):
    """A `Signer` of narthex.net.client. One fetch at a time; a token that is still good outlives a failed one."""

    def __init__(self, clock: Clock, config: HTTPClientConfig | None = None) -> None:
        """`config` is how token servers are spoken to; its own credentials are not for them and must not be set."""
        self._clock = clock
        self.client = HTTPClient(config or HTTPClientConfig(follow_redirects=False), clock=clock)
        self._lock = asyncio.Lock()
        self._value, self._renew, self._end = "", 0.0, 0.0

    @abstractmethod
    async def fetch(self) -> AccessToken:
        """A new token. Raises HTTPClientError, or what the HTTP client raises."""

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token()}"}

    async def token(self) -> str:
        async with self._lock:
            now = self._clock.monotonic()
            if not self._value or now >= self._renew:
                try:
                    fetched = await self.fetch()
                except (HTTPClientError, aiohttp.ClientError, OSError):
                    if not self._value or now >= self._end:
                        raise
                    return self._value
                self._value = fetched.value
                self._renew, self._end = now + fetched.seconds / 2, now + fetched.seconds
            return self._value

    async def close(self) -> None:
        await self.client.close()

    async def ask(
        self, method: str, url: str, giver: str, headers: Mapping[str, str], form: bytes | None = None
    ) -> AccessToken:
        """Sends one request for a token to `giver`, which errors name; they never quote the answer."""
        status, body = await self.exchange(method, url, giver, headers, form)
        document = json_object(body)
        if status != 200:
            error = document.get("error")
            code = f" ({error[:100]})" if isinstance(error, str) and error.isprintable() else ""
            raise HTTPClientError(f"{giver} answered {status}{code}")
        value = document.get("access_token")
        try:
            seconds = float(document.get("expires_in") or 0)
        except (TypeError, ValueError):
            seconds = 0.0
        if not isinstance(value, str) or not value or not value.isprintable() or not 0 < seconds < float("inf"):
            raise HTTPClientError(f"{giver} gave no usable access token")
        return AccessToken(value, seconds)

    async def exchange(
        self, method: str, url: str, giver: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body (at most 1 MiB of it) of an answer of `giver`. Raises HTTPClientError that names it."""
        try:
            response = await self.client.request(
                method, url, timeout_seconds=TIMEOUT_SECONDS, headers=headers, body=body
            )
            async with response:
                return response.status, await response.content.read(MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, OSError) as e:
            raise HTTPClientError(f"{giver}: {explain(e)}") from None


def json_object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
