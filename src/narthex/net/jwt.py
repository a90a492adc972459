"""Signed JSON Web Tokens (RFC 7519) with an RSA key, as token servers take them for a client's credentials."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from narthex.net.rsa import RsaKey


def signed(
    claims: Mapping[str, Any],
    key: bytes,
    *,
    algorithm: str = "RS256",
    header: Mapping[str, Any] | None = None,
    giver: str,
) -> str:
    """The compact form. `key` is a private RSA key as PEM; `algorithm` is RS256, RS384 or RS512.

    Raises HTTPClientError that names `giver`, the owner of the key.
    """
    private = RsaKey(key, giver=giver)
    parts = ({"alg": algorithm, "typ": "JWT", **(header or {})}, dict(claims))
    text = ".".join(encoded(orjson.dumps(part)) for part in parts)
    return f"{text}.{encoded(private.sign(text.encode(), int(algorithm[2:])))}"


def encoded(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
