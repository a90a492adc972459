"""The webhook receiver: POSTs the group as JSON, payload version 4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from narthex.alertmanager.notification import Notification, NotifyError
from narthex.errors import HTTPClientError
from narthex.model.rfc3339 import format_rfc3339
from narthex.net.client import HTTPClient, explain
from narthex.net.secret_files import read_secret

_REGEX_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_HEADERS = {"Content-Type": "application/json"}
_MAX_ERROR_BODY = 1024  # bytes of a receiver's answer that an error message quotes


@dataclass
class Webhook:
    """Exactly one of `url` and `url_file` (read at each send) is set.

    `max_alerts` 0 sends all; `timeout` (seconds) 0 leaves the limit to the flush.
    """

    client: HTTPClient
    url: str
    url_file: str
    index: int
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: float = 0.0
    name: str = "webhook"

    async def notify(self, notification: Notification) -> None:
        body = orjson.dumps(payload(notification, self.max_alerts))
        try:
            url = read_secret(self.url_file, "webhook URL") if self.url_file else self.url
            response = await self.client.request(
                "POST", url, timeout_seconds=self.timeout or None, headers=_HEADERS, body=body
            )
            async with response:
                status, answer = response.status, await response.content.read(_MAX_ERROR_BODY)
        except (TimeoutError, HTTPClientError, aiohttp.ClientError, OSError) as e:
            reason = "contextDeadlineExceeded" if isinstance(e, TimeoutError) else "other"
            raise NotifyError(explain(e), retry=True, reason=reason) from None
        if status // 100 != 2:
            text = answer.decode(errors="replace").strip()
            raise NotifyError(
                f"unexpected status code {status}: {text}", retry=status // 100 == 5, reason=_status_reason(status)
            )


def payload(notification: Notification, max_alerts: int = 0) -> dict[str, Any]:
    """The JSON object; alerts beyond `max_alerts` are counted in truncatedAlerts."""
    alerts = notification.alerts[:max_alerts] if max_alerts else notification.alerts
    return {
        "receiver": "".join("\\" + c if c in _REGEX_SPECIAL else c for c in notification.receiver),
        "status": notification.status,
        "alerts": [
            {
                "status": "resolved" if a.resolved_at(notification.now) else "firing",
                "labels": a.labels.as_dict(),
                "annotations": a.annotations.as_dict(),
                "startsAt": format_rfc3339(a.starts_at),
                "endsAt": format_rfc3339(a.ends_at),
                "generatorURL": a.generator_url,
                "fingerprint": a.fingerprint,
            }
            for a in alerts
        ],
        "groupLabels": notification.group_labels.as_dict(),
        "commonLabels": notification.common_labels().as_dict(),
        "commonAnnotations": notification.common_annotations().as_dict(),
        "externalURL": notification.external_url,
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": len(notification.alerts) - len(alerts),
        "notification_reason": notification.reason,
    }


def _status_reason(status: int) -> str:
    if status in (401, 403):
        return "authError"
    if status == 429:
        return "rateLimited"
    return "clientError" if status // 100 == 4 else "serverError"
