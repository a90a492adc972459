"""OAuth 2 client credentials: a token is fetched when needed, kept until shortly before it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus, urlencode

import aiohttp
import orjson

from narthex.clock import Clock
from narthex.config.http_client import GRANT_JWT, OAuth2
from narthex.errors import HTTPClientError
from narthex.net.secret_files import read_secret

EXPIRY_MARGIN_SECONDS = 10.0
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
        if self._config.client_secret_file:
            return read_secret(self._config.client_secret_file, "client secret")
        return self._config.client_secret.reveal()

    async def _fetch(self, secret: str) -> None:
        config = self._config
        if config.grant_type == GRANT_JWT:
            raise HTTPClientError("oauth2 grant type jwt-bearer is not available yet: use client_credentials")
        ways = [False, True] if self._secret_in_form is None else [self._secret_in_form]
        status, body = 0, b""
        for in_form in ways:
            form = {"grant_type": "client_credentials", **config.endpoint_params}
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
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
        raise HTTPClientError(f"oauth2: the token server {config.token_url} answered {status}{_said(body)}")

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
