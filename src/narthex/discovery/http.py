"""Discovery from one HTTP endpoint that answers with a JSON list of target groups."""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp

from narthex.clock import Clock
from narthex.config.sd.plain import HttpSDConfig
from narthex.config.strict import MAX_BYTES
from narthex.config.target_file import parse_json_groups
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import RefreshProvider
from narthex.discovery.static import target_group
from narthex.errors import ConfigError, HTTPClientError
from narthex.model.number import format_float
from narthex.model.target_group import TargetGroup
from narthex.net import HTTPClient, explain


class HttpProvider(RefreshProvider):
    def __init__(self, config: HttpSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__("http", config_name, config.refresh_seconds, metrics, clock)
        self._config, self._metrics = config, metrics
        self._client = HTTPClient(config.http_client, clock=clock)

    async def close(self) -> None:
        await self._client.close()

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        headers = {
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": format_float(config.refresh_seconds),
        }
        response = await self._client.get(config.url.text, timeout_seconds=config.refresh_seconds, headers=headers)
        async with response:
            if response.status != 200:
                raise HTTPClientError(f"the server answered {response.status} {response.reason or ''}".rstrip())
            if response.content_type != "application/json":
                raise HTTPClientError(f'the answer has content type "{response.content_type}", not application/json')
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise HTTPClientError(f"the answer is larger than {MAX_BYTES // 1024 // 1024} MiB")
        url = config.url.text
        groups = parse_json_groups(bytes(body), str(config.url))
        return [target_group(group, f"{url}:{i}", {"__meta_url": url}) for i, group in enumerate(groups)]

    def failure(self, error: Exception) -> str | None:
        self._metrics.http_failures.inc()
        if isinstance(error, ConfigError):
            return str(error)
        return explain(error) if isinstance(error, aiohttp.ClientError | HTTPClientError | OSError) else None
