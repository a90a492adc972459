"""Discovery from one HTTP endpoint that answers with a JSON list of target groups."""

from __future__ import annotations

from collections.abc import Sequence

from yarl import URL

from narthex.clock import Clock
from narthex.config.sd.plain import HttpSDConfig
from narthex.config.target_file import parse_json_groups
from narthex.discovery.http_api import HttpApiProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.static import target_group
from narthex.errors import ConfigError
from narthex.model.number import format_float
from narthex.model.target_group import TargetGroup


class HttpProvider(HttpApiProvider):
    def __init__(self, config: HttpSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self._config, self._failures_of_http = config, metrics.http_failures

    async def refresh(self) -> Sequence[TargetGroup]:
        config = self._config
        headers = {
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": format_float(config.refresh_seconds),
        }
        url = config.url.text
        answer = await self.api.answer(URL(url), headers=headers, accept=(200,))
        answer.require_json()
        groups = parse_json_groups(answer.body, str(config.url))
        return [target_group(group, f"{url}:{i}", {"__meta_url": url}) for i, group in enumerate(groups)]

    def failure(self, error: Exception) -> str | None:
        self._failures_of_http.inc()
        return str(error) if isinstance(error, ConfigError) else super().failure(error)
