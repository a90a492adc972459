"""Listeners for an aiohttp application: addresses, connection limit, and the web configuration file."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from narthex.clock import Clock, SystemClock
from narthex.config.web import RateLimitConfig, WebConfig, load_web_config
from narthex.errors import ConfigError, WebConfigError
from narthex.net.connection import AT_ONCE, MOST_HEAD, NewConnection
from narthex.net.server_tls import ServerTLS
from narthex.net.tls import signature
from narthex.net.web_auth import BasicAuth

log = logging.getLogger(__name__)

BACKLOG = 1024


class WebConfigFile:
    """The file as it stands now: looked at (stat) for each request, read again when it changed."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Raises ConfigError or WebConfigError when the file cannot be used."""
        self._path = path
        self._clock = clock or SystemClock()
        self._signature = signature(str(path))
        self._config: WebConfig | None = load_web_config(path)
        self._auth = BasicAuth()
        self._limit = _RateLimit(self._config.rate_limit, self._clock)
        self.tls = ServerTLS(lambda: self.current().tls_server_config) if self.uses_tls else None

    @property
    def uses_tls(self) -> bool:
        """Whether listeners must speak TLS. Turning TLS on or off takes a restart."""
        return self.current().tls_server_config.enabled

    def current(self) -> WebConfig:
        """Raises ConfigError while the file is broken."""
        seen = signature(str(self._path))
        if seen != self._signature or self._config is None:
            self._config = None
            self._config = load_web_config(self._path)
            self._signature = seen
        return self._config

    def install(self, application: web.Application) -> None:
        """Puts authentication, rate limit and headers in front of all handlers. Call before the application starts."""
        application.middlewares.insert(0, self._middleware())
        application.on_response_prepare.append(self._add_headers)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                config = self.current()
            except ConfigError as e:
                log.error("web configuration cannot be used, requests are refused: %s", e)
                return web.Response(status=500, text="Internal Server Error\n")
            if not self._limit.allows():
                return web.Response(status=429, text="Too Many Requests\n")
            if not _certificate_allowed(request, config):
                return web.Response(status=403, text="Forbidden\n")
            users = config.basic_auth_users
            if users and not await self._auth.allows(request.headers.get("Authorization"), users):
                return web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"})
            return await handler(request)

        return guard

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._config is not None:
            response.headers.update(self._config.http_server_config.headers)


def _certificate_allowed(request: web.Request, config: WebConfig) -> bool:
    allowed = config.tls_server_config.client_allowed_sans
    if not allowed:
        return True
    certificate = request.get_extra_info("peercert") or {}
    return any(value in allowed for _, value in certificate.get("subjectAltName", ()))


class _RateLimit:
    def __init__(self, config: RateLimitConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._tokens, self._last = float(config.burst), clock.monotonic()

    def allows(self) -> bool:
        if not self._config.interval:
            return True
        now = self._clock.monotonic()
        self._tokens = min(float(self._config.burst), self._tokens + (now - self._last) * 1000 / self._config.interval)
        self._last = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Listeners:
    """All addresses of one application. Connections over the limit are closed at once.

    `start` raises WebConfigError when an address cannot be used; `addresses` then has what was really bound.
    """

    def __init__(
        self,
        application: web.Application,
        addresses: Sequence[tuple[str, int]],
        *,
        web_config: WebConfigFile | None = None,
        max_connections: int = 512,
        keepalive_seconds: float = 300.0,
        shutdown_seconds: float = 5.0,
    ) -> None:
        """An empty host stands for all addresses of the machine."""
        if web_config is not None:
            web_config.install(application)
        # What is done in front of all handlers must not be gone round.
        self._at_once = application.get(AT_ONCE) if web_config is None else None
        self._keepalive = keepalive_seconds
        self._new: set[NewConnection] = set()
        self._wanted, self._tls, self._limit = addresses, web_config.tls if web_config else None, max_connections
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=keepalive_seconds,
            shutdown_timeout=shutdown_seconds,
            max_line_size=MOST_HEAD,
            max_field_size=MOST_HEAD,
        )
        self._servers: list[asyncio.Server] = []
        self.addresses: list[tuple[str, int]] = []

    async def start(self) -> None:
        await self._runner.setup()
        context: ssl.SSLContext | None = self._tls.context if self._tls is not None else None
        loop = asyncio.get_running_loop()
        for host, port in self._wanted:
            try:
                server = await loop.create_server(self._protocol, host or None, port, ssl=context, backlog=BACKLOG)
            except OSError as e:
                await self.stop()
                raise WebConfigError(f"cannot listen on {host}:{port}: {e.strerror or e}") from None
            self._servers.append(server)
            for socket in server.sockets:
                self.addresses.append(socket.getsockname()[:2])
            log.info("listening on %s:%d%s", host or "[::]", port, " with TLS" if context else "")

    async def stop(self) -> None:
        """Takes no more connections, lets requests end for a while, then closes everything."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self._new):
            connection.close()
        await self._runner.cleanup()

    def _protocol(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) + len(self._new) >= self._limit:
            return _Refusal()
        if self._at_once is None:
            return server()
        return NewConnection(server, self._at_once, self._keepalive, self._new)


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
