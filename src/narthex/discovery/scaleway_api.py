"""How both roles of Scaleway discovery ask: the token, filters, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import Field

from narthex.clock import Clock
from narthex.config.sd.hosters import ScalewaySDConfig
from narthex.discovery.http_api import HttpApiProvider, surrounded
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.paging import numbered_pages
from narthex.discovery.payload import Payload, decode
from narthex.net.secret_files import read_secret

PAGE_SIZE = 100
SOURCE = "scaleway"
P = TypeVar("P")
T = TypeVar("T")


class ScalewayProvider(HttpApiProvider):
    def __init__(self, config: ScalewaySDConfig, config_name: str, metrics: DiscoveryMetrics, clock: Clock) -> None:
        super().__init__(config, config_name, metrics, clock, http=config.http_client)
        self.config = config
        self._token()  # a file that is not there is told at once

    def _token(self) -> str:
        config = self.config
        if config.secret_key_file:
            return read_secret(config.secret_key_file, "scaleway secret key")
        return config.secret_key.reveal()

    def filters(self) -> list[tuple[str, str]]:
        """The query for servers by name and tags."""
        config = self.config
        name = [("name", config.name_filter)] if config.name_filter else []
        return [*name, *([("tags", ",".join(config.tags_filter))] if config.tags_filter else [])]

    async def all_of(
        self, path: str, kind: type[P], items: Callable[[P], Sequence[T]], query: Sequence[tuple[str, str]] = ()
    ) -> list[T]:
        """What all pages list; a page that is not full is the last."""

        async def ask(page: int) -> tuple[Sequence[T], bool]:
            # The older of these APIs call a page's size per_page.
            text = urlencode([("page", page), ("page_size", PAGE_SIZE), ("per_page", PAGE_SIZE), *query])
            url = f"{self.config.api_url.rstrip('/')}/{path}?{text}"
            got = items(decode(kind, await self.ask(url, headers={"X-Auth-Token": self._token()})))
            return got, len(got) >= PAGE_SIZE

        return await numbered_pages(ask)


class ScalewayServer(Payload):
    """What servers of both roles have under the same names."""

    id: str = ""
    name: str = ""
    zone: str = ""
    tags: list[str] = Field(default_factory=list)


def common_labels(prefix: str, server: ScalewayServer, *, status: str, project: str) -> dict[str, str]:
    labels = {
        f"{prefix}id": server.id,
        f"{prefix}name": server.name,
        f"{prefix}zone": server.zone,
        f"{prefix}status": status,
        f"{prefix}project_id": project,
    }
    return labels | ({f"{prefix}tags": surrounded(server.tags)} if server.tags else {})
