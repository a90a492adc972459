"""The webhook receiver: POSTs the group as JSON, payload version 4."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import orjson

from narthex import __version__
from narthex.alertmanager.notification import Notification, NotifyError
from narthex.model.rfc3339 import format_rfc3339

_REGEX_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_MAX_ERROR_BODY = 1024  # bytes of a receiver's answer that an error message quotes


class PostClient(Protocol):
    """What is needed of an HTTP client: POST with a body, status and start of the answer back."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limit: int) -> tuple[int, bytes]: ...


@dataclass
class Webhook:
    """`max_alerts` 0 sends all; `timeout` (seconds) 0 leaves the limit to the flush."""

    client: PostClient
    url: str
    index: int
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: float = 0.0
    name: str = "webhook"

    async def notify(self, notification: Notification) -> None:
        body = orjson.dumps(payload(notification, self.max_alerts))
        headers = {"Content-Type": "application/json", "User-Agent": f"Alertmanager/{__version__}"}
        try:
            async with asyncio.timeout(self.timeout or None):
                status, answer = await self.client.post(self.url, body, headers, _MAX_ERROR_BODY)
        except TimeoutError:
            raise NotifyError(
                f"webhook did not answer within {self.timeout:g}s", retry=True, reason="contextDeadlineExceeded"
            ) from None
        except (aiohttp.ClientError, OSError) as e:
            raise NotifyError(f"webhook cannot be reached: {_reason(e)}", retry=True) from None
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


def _reason(error: BaseException) -> str:
    """An exception's text without the URL, which may hold a secret."""
    return type(error).__name__ if isinstance(error, aiohttp.InvalidURL) else str(error) or type(error).__name__


def _status_reason(status: int) -> str:
    if status in (401, 403):
        return "authError"
    if status == 429:
        return "rateLimited"
    return "clientError" if status // 100 == 4 else "serverError"
