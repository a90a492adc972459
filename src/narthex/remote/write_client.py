"""One request to an endpoint and what its answer means. The protocol: https://prometheus.io/docs/specs/prw/."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs

from narthex.clock import Clock
from narthex.config.remote import MESSAGES, RemoteWriteConfig
from narthex.errors import HTTPClientError
from narthex.net import HTTPClient, Signer, explain
from narthex.net.aws_signer import SigV4Signer
from narthex.net.azure_auth import AzureSigner
from narthex.net.google_auth import GoogleSigner

MAX_EXPLANATION = 256  # bytes of an endpoint's words on why it refused
_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


class Fate(Enum):
    TAKEN = "taken"
    AGAIN = "again"
    """Worth another attempt: the network, or the endpoint's own trouble."""
    REFUSED = "refused"


class Written(NamedTuple):
    samples: int
    histograms: int
    exemplars: int


@dataclass(frozen=True)
class Answer:
    fate: Fate
    status: int = 0
    problem: str = ""
    wait_seconds: float = 0.0
    """Retry-After; 0: the endpoint did not say."""
    written: Written | None = None
    """What the endpoint says that it stored; None where it does not (version 1.0)."""


class WriteClient:
    """Raises HTTPClientError on settings that cannot work."""

    def __init__(self, config: RemoteWriteConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._url = config.url.text
        self._timeout = config.remote_timeout / 1000
        self._second = config.protobuf_message == MESSAGES[1]
        self._client = HTTPClient(
            config.http_client, clock=clock, signer=_signer(config, clock), any_address=config.round_robin_dns
        )
        kind = f"application/x-protobuf;proto={MESSAGES[1]}" if self._second else "application/x-protobuf"
        self._headers = {
            **{name: str(value) for name, value in config.headers.items()},
            hdrs.CONTENT_ENCODING: "snappy",
            hdrs.CONTENT_TYPE: kind,
            "X-Prometheus-Remote-Write-Version": "2.0.0" if self._second else "0.1.0",
        }

    async def send(self, body: bytes, attempt: int) -> Answer:
        """`attempt` counts from 0. Never raises for what the endpoint or the network do."""
        headers = {**self._headers, "Retry-Attempt": str(attempt)} if attempt else self._headers
        try:
            response = await self._client.request(
                "POST", self._url, timeout_seconds=self._timeout, headers=headers, body=body
            )
            async with response:
                return await self._judge(response)
        except (aiohttp.ClientError, HTTPClientError, TimeoutError, OSError) as e:
            return Answer(Fate.AGAIN, problem=explain(e))

    async def close(self) -> None:
        await self._client.close()

    async def _judge(self, response: aiohttp.ClientResponse) -> Answer:
        status = response.status
        if status // 100 == 2:
            await response.read()
            return Answer(Fate.TAKEN, status, written=_written(response.headers) if self._second else None)
        said = (await response.content.read(MAX_EXPLANATION)).decode(errors="replace").partition("\n")[0]
        problem = f"server returned HTTP status {status} {response.reason}: {said}"
        if status // 100 == 5 or (status == 429 and self._config.queue_config.retry_on_http_429):
            return Answer(Fate.AGAIN, status, problem, self._retry_after(response.headers))
        return Answer(Fate.REFUSED, status, problem, written=_written(response.headers) if self._second else None)

    def _retry_after(self, headers: Mapping[str, str]) -> float:
        """Seconds, or 0 where there is nothing that makes sense."""
        text = headers.get(hdrs.RETRY_AFTER, "")
        try:
            seconds = float(text)
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(text).timestamp() - self._clock.now()
            except ValueError:
                return 0.0
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _written(headers: Mapping[str, str]) -> Written:
    def number(name: str) -> int:
        text = headers.get(_WRITTEN.format(name), "")
        return int(text) if text.isascii() and text.isdigit() else 0

    return Written(number("Samples"), number("Histograms"), number("Exemplars"))


def _signer(config: RemoteWriteConfig, clock: Clock) -> Signer | None:
    if config.sigv4 is not None:
        return SigV4Signer(config.sigv4, clock, http=config.http_client)
    if config.azuread is not None:
        return AzureSigner(config.azuread, clock, config=config.http_client)
    if config.google_iam is not None:
        return GoogleSigner(clock, credentials_file=config.google_iam.credentials_file, config=config.http_client)
    return None
