"""AWS keys as a value, and as the JSON documents in which AWS hands them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from narthex.errors import HTTPClientError


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """`expires` in seconds since the epoch, None for keys without an end."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    expires: float | None = None


def keys_from_json(document: Any, giver: str, *, token: str = "Token") -> AwsKeys:
    """Keys as metadata services and credential processes give them. Raises HTTPClientError that names the giver."""
    document = document if isinstance(document, dict) else {}
    return usable(
        document.get("AccessKeyId"),
        document.get("SecretAccessKey"),
        document.get(token) or "",
        document.get("Expiration"),
        giver,
    )


def usable(access: Any, secret: Any, token: Any, expires: Any, giver: str) -> AwsKeys:
    """Keys out of untrusted parts; `expires` is RFC 3339 text or None."""
    parts = (access, secret, token)
    if not all(isinstance(part, str) and (not part or part.isprintable()) for part in parts) or not (access and secret):
        raise HTTPClientError(f"{giver} gave no usable AWS keys")
    try:
        end = None if expires is None else _seconds(str(expires))
    except ValueError:
        raise HTTPClientError(f"{giver} gave AWS keys with an end that is not a time") from None
    return AwsKeys(access, secret, token, end)


def _seconds(text: str) -> float:
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
