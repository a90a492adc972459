"""From a receiver's configuration to the integrations that send for it."""

from __future__ import annotations

from collections.abc import Iterable

from narthex import __version__
from narthex.alertmanager.config import AlertmanagerConfig, ReceiverConfig
from narthex.alertmanager.notification import Integration
from narthex.alertmanager.receivers.webhook import Webhook
from narthex.config.http_client import HTTPClientConfig
from narthex.net.client import HTTPClient

USER_AGENT = f"Alertmanager/{__version__}"


class Receivers:
    """The receivers that some route uses, built; `close` lets go of their connections."""

    def __init__(self, config: AlertmanagerConfig) -> None:
        used = {route.receiver for route in config.root().walk()}
        self._clients: list[HTTPClient] = []
        self._default = config.global_.http_config
        self.by_name = {r.name: list(self._build(r)) for r in config.receivers if r.name in used}

    def _build(self, receiver: ReceiverConfig) -> Iterable[Integration]:
        for index, webhook in enumerate(receiver.webhook_configs):
            yield Webhook(
                client=self._client(webhook.http_config),
                url=webhook.url.reveal(),
                url_file=webhook.url_file,
                index=index,
                send_resolved=webhook.send_resolved,
                max_alerts=webhook.max_alerts,
                timeout=webhook.timeout / 1000,
            )

    def _client(self, own: HTTPClientConfig | None) -> HTTPClient:
        client = HTTPClient(own or self._default, user_agent=USER_AGENT)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
