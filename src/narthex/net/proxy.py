"""Which proxy a request takes: proxy_url, no_proxy and the environment, under the rules of Go's httpproxy package."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import aiohttp
from yarl import URL

from narthex.config.http_client import ProxyConfig
from narthex.errors import HTTPClientError

_PORTS = {"http": 80, "https": 443}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyChoice:
    """`of(url)` is the proxy for a request, None to go directly. Raises HTTPClientError on a proxy URL of no use."""

    def __init__(self, config: ProxyConfig, environment: Mapping[str, str]) -> None:
        self.connect_headers: list[tuple[str, str]] = [
            (name, secret.reveal()) for name, values in config.proxy_connect_header.items() for secret in values
        ]
        self._all_local = False
        if config.proxy_from_environment:
            http, https = _variable(environment, "HTTP_PROXY"), _variable(environment, "HTTPS_PROXY")
            if "REQUEST_METHOD" in environment:
                http = ""  # inside CGI, HTTP_PROXY may come from a request header
            self._proxies = {"http": _proxy_url(http), "https": _proxy_url(https)}
            self._rules = _Rules(_variable(environment, "NO_PROXY"))
        else:
            url = _proxy_url(config.proxy_url.text)
            self._proxies = {"http": url, "https": url}
            self._rules = _Rules(config.no_proxy)
        # A bare proxy_url holds for every host; as soon as there are rules, this machine is excepted.
        self._except_local = config.proxy_from_environment or config.no_proxy != ""
        self.any = any(self._proxies.values())

    def of(self, url: URL) -> URL | None:
        proxy = self._proxies.get(url.scheme)
        if proxy is None:
            return None
        host, port = url.host or "", url.port or _PORTS.get(url.scheme, 0)
        if self._except_local and _is_local(host):
            return None
        return None if self._rules.excepts(host.lower().rstrip("."), port) else proxy

    @staticmethod
    def authorization(proxy: URL) -> list[tuple[str, str]]:
        """The header that carries user and password of the proxy's URL, if it has any."""
        if proxy.user is None:
            return []
        return [("Proxy-Authorization", aiohttp.encode_basic_auth(proxy.user, proxy.password or ""))]


class _Rules:
    """no_proxy: hosts, .domains, *.domains, IP addresses and networks, each with an optional port; * for all."""

    def __init__(self, text: str) -> None:
        self._everything = False
        self._networks: list[Network] = []
        self._addresses: list[tuple[str, int]] = []
        self._domains: list[tuple[str, bool, int]] = []  # suffix with its dot, whether the bare name counts, port
        for item in (part.strip().lower() for part in text.split(",")):
            if item == "*":
                self._everything = True
            elif item:
                self._add(item)

    def _add(self, item: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(item, strict=False) if "/" in item else _never())
        except ValueError:
            pass
        else:
            return
        host, port = _split_port(item)
        address = _address(host)
        if address is not None:
            self._addresses.append((str(address), port))
            return
        host = host.removeprefix("*") if host.startswith("*.") else host
        bare = not host.startswith(".")
        self._domains.append((f".{host}" if bare else host, bare, port))

    def excepts(self, host: str, port: int) -> bool:
        if self._everything:
            return True
        address = _address(host)
        if address is not None:
            return any(address in network for network in self._networks) or any(
                str(address) == other and wanted in (0, port) for other, wanted in self._addresses
            )
        return any(
            wanted in (0, port) and (host.endswith(suffix) or (bare and host == suffix[1:]))
            for suffix, bare, wanted in self._domains
        )


def _never() -> Network:
    raise ValueError


def _split_port(item: str) -> tuple[str, int]:
    host, colon, port = item.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return item.strip("[]"), 0


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _proxy_url(text: str) -> URL | None:
    if not text:
        return None
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        raise HTTPClientError("the proxy URL is not valid") from None
    if url.scheme not in ("http", "https"):
        raise HTTPClientError(f"proxies of scheme {url.scheme}:// are not supported: use an http:// proxy")
    return url
