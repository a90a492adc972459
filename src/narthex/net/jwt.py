"""Signed JSON Web Tokens (RFC 7519) with an RSA key, as token servers take them for a client's credentials."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from narthex.errors import HTTPClientError


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
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        raise HTTPClientError(f"{giver} needs RSA signatures: install narthex[cloud]") from None
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise HTTPClientError(f"{giver}: the private key is not an RSA key in PEM form without a password") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise HTTPClientError(f"{giver}: the private key is not an RSA key")
    digest = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}[algorithm]
    parts = ({"alg": algorithm, "typ": "JWT", **(header or {})}, dict(claims))
    text = ".".join(encoded(orjson.dumps(part)) for part in parts)
    return f"{text}.{encoded(private.sign(text.encode(), padding.PKCS1v15(), digest))}"


def encoded(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
