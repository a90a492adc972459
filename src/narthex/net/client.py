"""HTTP requests as an HTTPClientConfig wants them: authentication, TLS, proxy, headers, redirects."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol

import aiohttp
from aiohttp import hdrs
from isal import isal_zlib
from multidict import CIMultiDict
from yarl import URL

import narthex
from narthex.clock import Clock, SystemClock
from narthex.config.http_client import HTTPClientConfig, OAuth2
from narthex.config.strict import Section
from narthex.errors import HTTPClientError
from narthex.net.dial import Dialled, certificate_reason, dial, open_socket, os_reason, ssl_reason
from narthex.net.kept_connection import KeptConnection
from narthex.net.oauth2 import MAX_ANSWER_BYTES, TokenSource
from narthex.net.proxy import ProxyChoice
from narthex.net.repeated_get import PlainWay, RepeatedGet
from narthex.net.secret_files import read_secret
from narthex.net.tls import ClientTLS

aiohttp.set_zlib_backend(isal_zlib)

MAX_REDIRECTS = 10
READ_BUFFER_BYTES = 256 * 1024
USER_AGENT = f"Narthex/{narthex.__version__}"
TOKEN_TIMEOUT_SECONDS = 30.0

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_SENSITIVE = (hdrs.AUTHORIZATION, hdrs.COOKIE, hdrs.PROXY_AUTHORIZATION)


@dataclass(frozen=True, slots=True)
class _Request:
    """`headers` are all that go out, `own` those of the caller."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    own: Mapping[str, str] | None
    body: bytes | None
    timeout: aiohttp.ClientTimeout


class Signer(Protocol):
    """Adds headers to a request that is otherwise ready, such as a signature over it or a token."""

    async def headers(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]: ...

    async def close(self) -> None: ...


class HTTPClient:
    """One session with the settings of one configuration section; make one a scrape pool, notifier or the like.

    Nothing is opened before the first request. Credential files are read anew for each request, certificate files when
    they change. Must be used and closed in one event loop.
    """

    def __init__(
        self,
        config: HTTPClientConfig,
        *,
        user_agent: str = USER_AGENT,
        keepalive_seconds: float = 300.0,
        unix_socket: str | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        signer: Signer | None = None,
        any_address: bool = False,
    ) -> None:
        """`unix_socket` is dialled instead of the URL's host; `signer` signs what goes to the site that was asked for,
        and is closed with the client; with `any_address` each connection goes to any of a host's addresses. Raises
        HTTPClientError on settings that cannot work.
        """
        _refuse_references(config)
        self._config = config
        self._keepalive, self._unix_socket = keepalive_seconds, unix_socket
        self._environment = os.environ if environment is None else environment
        self._clock = clock or SystemClock()
        self._signer, self._any_address = signer, any_address
        self._proxy = ProxyChoice(config.proxy_settings, self._environment)
        self._tls = ClientTLS(config.tls_config)
        self._session: aiohttp.ClientSession | None = None
        self._tokens: TokenSource | None = None
        self._token_client: HTTPClient | None = None
        self._static = CIMultiDict[str]({hdrs.USER_AGENT: user_agent})
        self._header_files: list[tuple[str, str]] = []
        self._prepare_headers()
        self._authorization = self._fixed_authorization()

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        timeout_seconds: float | None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Sends a request and gives the response once its headers are there; use it as `async with` to let go of it.

        `timeout_seconds` covers everything up to the last byte of the body. Redirects are followed (at most 10) if the
        configuration says so; else a redirect is the response. Raises HTTPClientError, aiohttp.ClientError or
        TimeoutError; `explain` puts each into words.
        """
        deadline = self._deadline(timeout_seconds)
        if self._config.oauth2 is None:
            authorization = self._current_authorization()
        else:
            async with asyncio.timeout(timeout_seconds):
                authorization = await self._token_source(self._config.oauth2).header()
        where = url if isinstance(url, URL) else _parse(url)
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        sent = _Request(method, where, self._headers(headers, authorization), headers, body, timeout)
        response = await self._send(await self._signed(sent))
        return await self._follow(sent, response, deadline) if response.status in _REDIRECTS else response

    async def _signed(self, sent: _Request) -> _Request:
        if self._signer is None:
            return sent
        headers = CIMultiDict(sent.headers)
        headers.update(await self._signer.headers(sent.method, sent.url, sent.headers, sent.body or b""))
        return replace(sent, headers=headers)

    async def _follow(
        self, sent: _Request, response: aiohttp.ClientResponse, deadline: float | None
    ) -> aiohttp.ClientResponse:
        """Goes where redirects point to."""
        first_host, trusted = (sent.url.host or "").lower(), True
        for redirects in range(MAX_REDIRECTS + 1):
            target = response.headers.get(hdrs.LOCATION)
            if response.status not in _REDIRECTS or not target or not self._config.follow_redirects:
                return response
            response.release()
            if redirects == MAX_REDIRECTS:
                break
            url, headers, method, body = _redirected(sent.url, target), sent.headers, sent.method, sent.body
            if trusted and not _same_site((url.host or "").lower(), first_host):
                trusted = False
                headers = self._without_credentials(sent.own)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
            timeout = sent.timeout
            if deadline is not None:
                timeout = aiohttp.ClientTimeout(total=max(0.001, deadline - self._clock.monotonic()))
            sent = _Request(method, url, headers, sent.own, body, timeout)
            response = await self._send(await self._signed(sent) if trusted else sent)
        raise HTTPClientError(f"stopped after {MAX_REDIRECTS} redirects")

    def _deadline(self, timeout_seconds: float | None) -> float | None:
        return None if timeout_seconds is None else self._clock.monotonic() + timeout_seconds

    async def get(
        self, url: str | URL, *, timeout_seconds: float | None, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        return await self.request("GET", url, timeout_seconds=timeout_seconds, headers=headers)

    def prepare_get(self, url: URL, timeout_seconds: float, headers: Mapping[str, str]) -> RepeatedGet:
        """As `get`, for a request that is sent again and again: what stays the same is made once."""

        def other(more: Mapping[str, str]) -> Awaitable[aiohttp.ClientResponse]:
            return self.get(url, timeout_seconds=timeout_seconds, headers={**headers, **more})

        redirects = _REDIRECTS if self._config.follow_redirects else frozenset[int]()
        plain = None
        if self._config.oauth2 is None and not self._proxy.any and url.user is None:
            tls = self._tls.context if url.scheme == "https" else None
            plain = PlainWay(self._head_of(url, headers), tls, partial(self._dial, url))
        return RepeatedGet(plain, other, timeout_seconds, redirects)

    def _head_of(self, url: URL, own: Mapping[str, str]) -> bytes | Callable[[], bytes]:
        """The bytes of a GET; made anew each time where files are read."""

        def head() -> bytes:
            headers = self._headers(own, self._current_authorization())
            lines = [f"GET {url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            if hdrs.HOST not in headers:
                lines.insert(1, f"Host: {url.host_port_subcomponent}")
            return "\r\n".join((*lines, "", "")).encode()

        if self._header_files or self._reads_credentials():
            return head
        return head()

    async def _dial(self, url: URL, context: ssl.SSLContext | None) -> KeptConnection:
        where = Dialled(url.host or "", url.port or 0, self._unix_socket)
        return await dial(where, context, self._tls.server_name)

    def _reads_credentials(self) -> bool:
        """Whether Authorization comes from files."""
        auth, basic = self._config.authorization, self._config.basic_auth
        return self._authorization is None and (auth is not None or basic is not None)

    async def close(self) -> None:
        """Closes idle and busy connections. The client opens a new session when it is used again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._token_client is not None:
            await self._token_client.close()
        if self._signer is not None:
            await self._signer.close()

    async def __aenter__(self) -> HTTPClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, sent: _Request) -> aiohttp.ClientResponse:
        session = self._session or self._open()
        url, headers = sent.url, sent.headers
        options: dict[str, Any] = {}
        if url.scheme == "https":
            options["ssl"] = self._tls.context()
            if self._tls.server_name:
                options["server_hostname"] = self._tls.server_name
        if self._proxy.any:
            proxy = self._proxy.of(url)
            if proxy is not None:
                options["proxy"] = proxy.with_user(None)
                if proxy.scheme == "https":
                    options["ssl"] = self._tls.context()
                if url.scheme == "https":
                    options["proxy_headers"] = CIMultiDict(
                        self._proxy.connect_headers + self._proxy.authorization(proxy)
                    )
                else:
                    headers = CIMultiDict([*headers.items(), *self._proxy.authorization(proxy)])
        return await session.request(
            sent.method, url, headers=headers, data=sent.body, allow_redirects=False, timeout=sent.timeout, **options
        )

    def _open(self) -> aiohttp.ClientSession:
        connector: aiohttp.BaseConnector
        if self._unix_socket is not None:
            connector = aiohttp.UnixConnector(self._unix_socket, limit=0, keepalive_timeout=self._keepalive)
        else:
            # The system's resolver, in threads: it honours hosts files and name service switches, unlike c-ares.
            resolver = _AnyAddress() if self._any_address else aiohttp.ThreadedResolver()
            cached = not self._any_address
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=self._keepalive,
                resolver=resolver,
                use_dns_cache=cached,
                socket_factory=open_socket,
            )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
        )
        return self._session

    def _prepare_headers(self) -> None:
        for name, header in self._config.http_headers.items():
            for value in (*header.values, *(secret.reveal() for secret in header.secrets)):
                self._static.add(name, _header_value(value, name))
            self._header_files += [(name, path) for path in header.files]

    def _fixed_authorization(self) -> str | None:
        """The Authorization value when no file is involved; None when it must be made for each request (or is none)."""
        auth, basic = self._config.authorization, self._config.basic_auth
        if auth is not None and auth.credentials:
            return _header_value(f"{auth.type} {auth.credentials.reveal()}", "Authorization")
        if basic is not None and not basic.username_file and not basic.password_file:
            return aiohttp.encode_basic_auth(basic.username, basic.password.reveal())
        return None

    def _current_authorization(self) -> str | None:
        if self._authorization is not None:
            return self._authorization
        auth, basic = self._config.authorization, self._config.basic_auth
        if auth is not None and auth.credentials_file:
            credentials = read_secret(auth.credentials_file, "authorization credentials")
            return _header_value(f"{auth.type} {credentials}", "Authorization")
        if basic is not None:
            user = read_secret(basic.username_file, "basic auth username") if basic.username_file else basic.username
            password = basic.password.reveal()
            if basic.password_file:
                password = read_secret(basic.password_file, "basic auth password")
            return aiohttp.encode_basic_auth(user, password)
        return None

    def _headers(self, own: Mapping[str, str] | None, authorization: str | None) -> CIMultiDict[str]:
        headers = CIMultiDict(self._static)
        for name, path in self._header_files:
            headers.add(name, _header_value(read_secret(path, f"header {name}"), name))
        if authorization is not None:
            headers[hdrs.AUTHORIZATION] = authorization
        if own is not None:
            headers.update(own)
        return headers

    def _without_credentials(self, own: Mapping[str, str] | None) -> CIMultiDict[str]:
        """What a host that was not asked for may see: the caller's headers, no configured ones, no secrets."""
        headers = CIMultiDict({hdrs.USER_AGENT: self._static[hdrs.USER_AGENT], **(own or {})})
        for name in _SENSITIVE:
            headers.popall(name, None)
        return headers

    def _token_source(self, oauth2: OAuth2) -> TokenSource:
        if self._tokens is None:
            config = HTTPClientConfig(tls_config=oauth2.tls_config, proxy_settings=oauth2.proxy_settings)
            self._token_client = HTTPClient(config, environment=self._environment, clock=self._clock)
            self._tokens = TokenSource(oauth2, self._token_client.post_form, self._clock)
        return self._tokens

    async def post_form(self, url: str, form: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Posts and reads the whole answer (at most 1 MiB of it)."""
        response = await self.request("POST", url, timeout_seconds=TOKEN_TIMEOUT_SECONDS, headers=headers, body=form)
        async with response:
            return response.status, await response.content.read(MAX_ANSWER_BYTES)


class _AnyAddress(aiohttp.ThreadedResolver):
    """Gives a host's addresses in random order."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await super().resolve(host, port, family)
        random.shuffle(found)
        return found


def _refuse_references(config: HTTPClientConfig) -> None:
    """Secrets by reference (*_ref) need a secret manager; without one they would silently be empty."""
    sections: list[Section | None] = [config.tls_config, config.basic_auth, config.authorization, config.oauth2]
    if config.oauth2 is not None:
        sections.append(config.oauth2.tls_config)
    for section in sections:
        for name in type(section).model_fields if section is not None else ():
            if name.endswith("_ref") and getattr(section, name):
                raise HTTPClientError(f"{name} needs a secret manager, which is not available: use a file instead")


def _parse(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError as e:
        raise HTTPClientError(f"not a valid URL: {e}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise HTTPClientError(f'"{url.with_password(None) if url.host else text}" is not an http or https URL')
    return url


def _redirected(base: URL, location: str) -> URL:
    try:
        url = base.join(URL(location))
    except ValueError:
        raise HTTPClientError("redirected to something that is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise HTTPClientError(f"redirected to {url.scheme}://, which is not HTTP")
    return url


def _same_site(host: str, first: str) -> bool:
    return host == first or (host.endswith(f".{first}") and not first.replace(".", "").isdigit() and ":" not in first)


def _header_value(value: str, name: str) -> str:
    if any(c in value for c in "\r\n\0"):
        raise HTTPClientError(f"the value of header {name} has a line break in it")
    return value


def explain(error: BaseException) -> str:
    """A failed request in a few words without secrets, as targets and logs show it."""
    match error:
        case TimeoutError():
            return "context deadline exceeded"
        case aiohttp.ClientConnectorCertificateError():
            return f"tls: failed to verify certificate: {certificate_reason(error.certificate_error)}"
        case aiohttp.ClientSSLError():
            return f"tls: {ssl_reason(error.os_error)}"
        case aiohttp.ClientConnectorDNSError():
            return f"lookup {error.host}: no such host"
        case aiohttp.ClientProxyConnectionError():
            return f"proxy {error.host}:{error.port}: {os_reason(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return f"dial {error.host}:{error.port}: {os_reason(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            return f"proxy answered {error.status} {error.message}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "the body ended early or could not be decompressed"
        case aiohttp.ClientResponseError():
            return f"malformed HTTP response: {error.message}"
        case HTTPClientError():
            return str(error)
        case ssl.SSLError():
            return f"tls: {ssl_reason(error)}"
        case OSError():
            return os_reason(error)
        case _:
            return f"{type(error).__name__}: {error}"
