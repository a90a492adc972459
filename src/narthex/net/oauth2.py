"""OAuth 2 client credentials and JWT grants: a token is fetched when needed, kept until shortly before it expires."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import orjson

from narthex.clock import Clock
from narthex.config.http_client import GRANT_JWT, OAuth2
from narthex.errors import HTTPClientError
from narthex.net.jwt import signed
from narthex.net.secret_files import read_secret

EXPIRY_MARGIN_SECONDS = 10.0
ASSERTION_SECONDS = 3600
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
MAX_ANSWER_BYTES = 1024 * 1024

Post = Callable[[str, bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]
"""Sends a form to a URL with headers; gives status and (bounded) body."""


class TokenSource:
    """`header()` is the Authorization value. One fetch at a time; a changed secret file ends the token's life."""

    def __init__(self, config: OAuth2, post: Post, clock: Clock) -> None:
        self._config, self._post, self._clock = config, post, clock
        self._lock = asyncio.Lock()
        self._header, self._expires, self._secret = "", 0.0, ""
        self._secret_in_form: bool | None = None  # servers differ; learnt with the first token

    async def header(self) -> str:
        """Raises HTTPClientError when no token can be had, aiohttp's errors when the server cannot be reached."""
        secret = self._current_secret()
        if self._header and secret == self._secret and self._clock.monotonic() < self._expires:
            return self._header
        async with self._lock:
            if not (self._header and secret == self._secret and self._clock.monotonic() < self._expires):
                await self._fetch(secret)
        return self._header

    def _current_secret(self) -> str:
        config = self._config
        if config.grant_type == GRANT_JWT:
            if config.client_certificate_key_file:
                return read_secret(config.client_certificate_key_file, "client certificate key")
            return config.client_certificate_key.reveal()
        if config.client_secret_file:
            return read_secret(config.client_secret_file, "client secret")
        return config.client_secret.reveal()

    async def _fetch(self, secret: str) -> None:
        config = self._config
        if config.grant_type == GRANT_JWT:
            form = {"grant_type": GRANT_JWT, "assertion": self._assertion(secret), **config.endpoint_params}
            status, body = await self._post(config.token_url, urlencode(form).encode(), dict(FORM))
            if not 200 <= status < 300:
                raise self._refused(status, body)
            self._take(body, secret)
            return
        ways = [False, True] if self._secret_in_form is None else [self._secret_in_form]
        status, body = 0, b""
        for in_form in ways:
            form = {"grant_type": "client_credentials", **config.endpoint_params}
            headers = dict(FORM)
            if config.scopes:
                form["scope"] = " ".join(config.scopes)
            if in_form:
                form |= {"client_id": config.client_id, "client_secret": secret}
            else:
                headers["Authorization"] = aiohttp.encode_basic_auth(quote_plus(config.client_id), quote_plus(secret))
            status, body = await self._post(config.token_url, urlencode(form).encode(), headers)
            if 200 <= status < 300:
                self._take(body, secret)
                self._secret_in_form = in_form
                return
        raise self._refused(status, body)

    def _refused(self, status: int, body: bytes) -> HTTPClientError:
        return HTTPClientError(f"oauth2: the token server {self._config.token_url} answered {status}{_said(body)}")

    def _assertion(self, key: str) -> str:
        """A JWT as RFC 7523 (section 3) wants it; the section's own claims win."""
        config, now = self._config, int(self._clock.now())
        claims: dict[str, Any] = {
            "iss": config.iss or config.client_id,
            "sub": config.client_id,
            "aud": config.audience or config.token_url,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        if config.scopes:
            claims["scope"] = " ".join(config.scopes)
        header = {"kid": config.client_certificate_key_id} if config.client_certificate_key_id else {}
        claims |= config.claims
        algorithm = config.signature_algorithm or "RS256"
        return signed(claims, key.encode(), algorithm=algorithm, header=header, giver="oauth2 jwt-bearer")

    def _take(self, body: bytes, secret: str) -> None:
        try:
            answer = orjson.loads(body)
            token = answer["access_token"]
            kind = str(answer.get("token_type") or "Bearer")
            seconds = float(answer.get("expires_in") or 0)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise HTTPClientError(f"oauth2: the token server {self._config.token_url} gave no access_token") from None
        if not isinstance(token, str) or not token or not token.isprintable():
            raise HTTPClientError(f"oauth2: the token server {self._config.token_url} gave no usable access_token")
        self._header = f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}"
        lifetime = seconds - EXPIRY_MARGIN_SECONDS if seconds > 0 else float("inf")
        self._expires, self._secret = self._clock.monotonic() + lifetime, secret


def _said(body: bytes) -> str:
    """The error code that RFC 6749 puts in the answer; never the answer itself, which may echo secrets."""
    try:
        error = orjson.loads(body).get("error")
    except (ValueError, AttributeError):
        return ""
    return f" ({error[:100]})" if isinstance(error, str) and error.isprintable() else ""
