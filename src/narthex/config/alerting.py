"""alerting: who gets alerts, and how they are relabelled before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from narthex.config.cloud_auth import SigV4Config
from narthex.config.discovery import DiscoveryConfigs
from narthex.config.http_client import HTTPClientConfig
from narthex.config.later import Later
from narthex.config.relabel import RelabelConfig
from narthex.config.scalars import Milliseconds, Text
from narthex.config.strict import Section, wrong


class AlertmanagerConfig(Section):
    """A set of Alertmanagers. `timeout` is milliseconds."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("api_version",))

    http_client: HTTPClientConfig = HTTPClientConfig()
    sigv4: SigV4Config | None = None
    scheme: Text = "http"
    path_prefix: Text = ""
    timeout: Milliseconds = 10_000
    api_version: Annotated[Literal["v2"], BeforeValidator(lambda v: str(v) if isinstance(v, str) else v)] = "v2"
    relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    alert_relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    discovery: DiscoveryConfigs = DiscoveryConfigs()

    @model_validator(mode="after")
    def _check(self) -> AlertmanagerConfig:
        client = self.http_client
        if self.sigv4 is not None and (client.basic_auth or client.authorization or client.oauth2):
            raise wrong("at most one of basic_auth, authorization, oauth2 and sigv4 may be set", "sigv4")
        if not self.relabel_configs:
            self.discovery.check_targets()
        return self


class AlertingConfig(Section):
    alert_relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    alertmanagers: list[Annotated[AlertmanagerConfig, Later()]] = Field(default_factory=list)
