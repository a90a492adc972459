"""What both Docker mechanisms share: the way to a daemon, lists with filters, and the labels of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit

import orjson
from pydantic import Field

from narthex.clock import Clock
from narthex.config.http_client import HTTPClientConfig
from narthex.config.sd.base import Filter
from narthex.config.sd.cluster import DockerSDConfig, DockerSwarmSDConfig
from narthex.discovery.http_api import HttpApiProvider, label_name
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import PascalPayload, decode
from narthex.errors import HTTPClientError

T = TypeVar("T")

NEWEST_VERSION, OLDEST_VERSION = (1, 52), (1, 24)
"""Versions of the API whose answers are known. A daemon that names none is the oldest."""


class Network(PascalPayload):
    id: str = ""
    name: str = ""
    scope: str = ""
    internal: bool = False
    ingress: bool = False
    labels: dict[str, str] = Field(default_factory=dict)


class DockerApiProvider(HttpApiProvider):
    """`tcp` and `unix` hosts are spoken to without the HTTP settings of the section, as peers do."""

    def __init__(
        self, config: DockerSDConfig | DockerSwarmSDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock
    ) -> None:
        parts = urlsplit(config.host)
        socket = None
        http = HTTPClientConfig()
        match parts.scheme:
            case "unix":
                socket, self._base = parts.netloc + parts.path, "http://localhost"
            case "tcp":
                self._base = f"http://{parts.netloc}{parts.path.rstrip('/')}"
            case "http" | "https":
                self._base, http = config.host.rstrip("/"), config.http_client
            case _:
                raise HTTPClientError(f'host "{config.host}" starts with none of unix, tcp, http and https')
        super().__init__(config, config_name, metrics, clock, http=http, unix_socket=socket)
        self._filters, self._version = encoded(config.filters), ""

    async def list(self, kind: type[T], path: str, *, filtered: bool = False) -> T:
        """One of the daemon's lists; `filtered` by the filters of the section."""
        if not self._version:
            self._version = await self._negotiate()
        query = f"?filters={self._filters}" if filtered and self._filters else ""
        return decode(kind, await self.ask(f"{self._base}/v{self._version}/{path}{query}"))

    async def networks(self, prefix: str) -> dict[str, dict[str, str]]:
        """The labels of all networks, by id; names begin with `prefix`."""
        networks = await self.list(list[Network], "networks")
        return {network.id: _network_labels(f"{prefix}network_", network) for network in networks}

    def failure(self, error: Exception) -> str | None:
        self._version = ""  # another daemon may stand behind the address next time
        return super().failure(error)

    async def _negotiate(self) -> str:
        answer = await self.api.answer(f"{self._base}/_ping")
        offered = answer.headers.get("Api-Version", "")
        try:
            major, minor = map(int, offered.split(".")) if offered else OLDEST_VERSION
        except ValueError:
            raise HTTPClientError(f'the daemon names its API version as "{offered[:100]}"') from None
        major, minor = min((major, minor), NEWEST_VERSION)
        return f"{major}.{minor}"


def encoded(filters: Sequence[Filter]) -> str:
    """Filters in the form of the API, quoted for a query; empty without filters."""
    wanted: dict[str, dict[str, bool]] = {}
    for one in filters:
        for value in one.values:
            wanted.setdefault(str(one.name), {})[str(value)] = True
    return quote(orjson.dumps(wanted), safe="") if wanted else ""


def prefixed(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{label_name(name)}": value for name, value in labels.items()}


def _network_labels(prefix: str, network: Network) -> dict[str, str]:
    return {
        f"{prefix}id": network.id,
        f"{prefix}name": network.name,
        f"{prefix}scope": network.scope,
        f"{prefix}internal": "true" if network.internal else "false",
        f"{prefix}ingress": "true" if network.ingress else "false",
        **prefixed(f"{prefix}label_", network.labels),
    }
