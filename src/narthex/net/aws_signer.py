"""Requests to AWS: a `sigv4` section as the signer of an HTTP client."""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from narthex.clock import Clock
from narthex.config.cloud_auth import SigV4Config
from narthex.config.http_client import HTTPClientConfig
from narthex.net.aws_credentials import AwsCredentials
from narthex.net.sigv4 import Scope, sign

REMOTE_WRITE_SERVICE = "aps"


class SigV4Signer:
    """Signs each request to one service under one SigV4Config; a `Signer` of narthex.net.client."""

    def __init__(
        self,
        config: SigV4Config,
        clock: Clock,
        *,
        default_service: str = REMOTE_WRITE_SERVICE,
        environment: Mapping[str, str] | None = None,
        http: HTTPClientConfig | None = None,
    ) -> None:
        """`http` is how STS is spoken to."""
        self._credentials = AwsCredentials(config, clock, environment=environment, http=http)
        self._clock, self._service = clock, config.service_name or default_service

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Raises HTTPClientError when no credentials or no region can be had."""
        keys, region = await self._credentials.keys(), await self._credentials.region()
        return sign(method, url, headers, body, keys, Scope(region, self._service), self._clock.now())

    async def region(self) -> str:
        return await self._credentials.region()

    async def close(self) -> None:
        await self._credentials.close()
