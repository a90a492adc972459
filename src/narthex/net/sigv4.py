"""AWS Signature Version 4: the headers that make a request one of an AWS account.

Source of the formulas: "Create a signed AWS API request" of the AWS IAM user guide.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus

from yarl import URL

from narthex.net.aws_keys import AwsKeys

ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = frozenset(("content-type", "host"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for, beside its day."""

    region: str
    service: str


def sign(
    method: str, url: URL, headers: Mapping[str, str], body: bytes, keys: AwsKeys, scope: Scope, now: float
) -> dict[str, str]:
    """X-Amz-Date, the session's token if there is one, and Authorization; `now` in seconds since the epoch.

    Host, Content-Type and X-Amz-* headers are signed: what proxies may change on the way is left out.
    """
    time = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": time}
    if keys.session_token:
        added["X-Amz-Security-Token"] = keys.session_token
    signed = {"host": _host(url)}
    for name, value in (*headers.items(), *added.items()):
        lower = name.lower()
        if lower in _SIGNED or lower.startswith("x-amz-"):
            signed[lower] = " ".join(value.split())
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method,
            quote(url.raw_path or "/", safe="/-_.~"),
            _query(url.raw_query_string),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    day = f"{time[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = f"{ALGORITHM}\n{time}\n{day}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{keys.secret_key}".encode()
    for part in day.split("/"):
        key = _mac(key, part)
    added["Authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key}/{day}, SignedHeaders={names}, Signature={_mac(key, text).hex()}"
    )
    return added


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _host(url: URL) -> str:
    """The Host header as the client sends it."""
    host = url.host_subcomponent or ""
    return host if url.is_default_port() or url.port is None else f"{host}:{url.port}"


def _query(text: str) -> str:
    pairs = []
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        pairs.append((quote(unquote_plus(name), safe="-_.~"), quote(unquote_plus(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
