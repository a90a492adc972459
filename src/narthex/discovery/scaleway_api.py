"""How both roles of Scaleway discovery ask: the token, filters, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from narthex.clock import Clock
from narthex.config.sd.hosters import ScalewaySDConfig
from narthex.discovery.http_api import HttpApiProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.payload import decode
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
        found: list[T] = []
        page = 0
        while True:
            page += 1
            # The older of these APIs call a page's size per_page.
            text = urlencode([("page", page), ("page_size", PAGE_SIZE), ("per_page", PAGE_SIZE), *query])
            url = f"{self.config.api_url.rstrip('/')}/{path}?{text}"
            got = items(decode(kind, await self.ask(url, headers={"X-Auth-Token": self._token()})))
            found += got
            if len(got) < PAGE_SIZE:
                return found
