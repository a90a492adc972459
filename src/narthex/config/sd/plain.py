"""Mechanisms without an API behind them: static lists, files, one HTTP URL, DNS."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from narthex.config.http_client import HTTPClientConfig
from narthex.config.scalars import FilePath, Int, Milliseconds, Text, Url
from narthex.config.sd.base import SDConfig
from narthex.config.strict import wrong
from narthex.model.labels import is_utf8_name

_SD_FILE = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)\Z")


class StaticConfig(SDConfig):
    """A list of targets with common labels."""

    mechanism: ClassVar[str] = "static"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("targets",))
    targets: list[Text] = Field(default_factory=list)
    labels: dict[str, Text] = Field(default_factory=dict)

    @field_validator("labels")
    @classmethod
    def _names(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not is_utf8_name(name):
                raise wrong("a label name must not be empty")
        return labels


class FileSDConfig(SDConfig):
    mechanism: ClassVar[str] = "file"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("files",))
    files: list[FilePath] = Field(default_factory=list)
    refresh_interval: Milliseconds = 300_000

    @model_validator(mode="after")
    def _check(self) -> FileSDConfig:
        if not self.files:
            raise wrong("needs at least one path", "files")
        for i, path in enumerate(self.files):
            if not _SD_FILE.match(path):
                raise wrong(
                    f'"{path}" cannot be used: a path ends in .json, .yml or .yaml and may have one * in its last part',
                    "files",
                    i,
                )
        return self


def check_url(url: Url, key: str) -> None:
    """An absolute http or https URL with a host."""
    if not url:
        raise wrong("must be set", key)
    if url.scheme not in ("http", "https"):
        raise wrong(f'"{url}" must start with http:// or https://', key)
    if not url.host:
        raise wrong(f'"{url}" has no host', key)


class HttpSDConfig(SDConfig):
    mechanism: ClassVar[str] = "http"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("url",))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    url: Url = Url("")

    @model_validator(mode="after")
    def _check(self) -> HttpSDConfig:
        check_url(self.url, "url")
        return self


class DnsSDConfig(SDConfig):
    mechanism: ClassVar[str] = "dns"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("names", "type", "port"))
    names: list[Text] = Field(default_factory=list)
    refresh_interval: Milliseconds = 30_000
    type: Text = "SRV"
    port: Int = 0

    @model_validator(mode="after")
    def _check(self) -> DnsSDConfig:
        if not self.names:
            raise wrong("needs at least one name", "names")
        if self.type.upper() not in ("SRV", "A", "AAAA", "MX", "NS"):
            raise wrong(f'"{self.type}" is not a record type: use SRV, A, AAAA, MX or NS', "type")
        if self.type.upper() != "SRV" and self.port == 0:
            raise wrong("a port is required for all record types but SRV", "port")
        return self
