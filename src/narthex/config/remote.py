"""remote_write and remote_read."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from narthex.config.cloud_auth import AzureADConfig, GoogleIAMConfig, SigV4Config
from narthex.config.http_client import HTTPClientConfig, check_headers
from narthex.config.relabel import RelabelConfig
from narthex.config.scalars import Bool, Int, Milliseconds, Text, Unsigned, Url
from narthex.config.sd.base import one_of
from narthex.config.strict import Section, wrong

MESSAGES = ("prometheus.WriteRequest", "io.prometheus.write.v2.Request")


class QueueConfig(Section):
    """The sending queue. Durations are milliseconds."""

    capacity: Int = 10_000
    max_shards: Int = 50
    min_shards: Int = 1
    max_samples_per_send: Int = 2000
    batch_send_deadline: Milliseconds = 5000
    min_backoff: Milliseconds = 30
    max_backoff: Milliseconds = 5000
    retry_on_http_429: Bool = False
    sample_age_limit: Milliseconds = 0

    @model_validator(mode="after")
    def _check(self) -> QueueConfig:
        for key in ("max_shards", "min_shards", "max_samples_per_send", "capacity"):
            if getattr(self, key) <= 0:
                raise wrong("must be above 0", key)
        if self.min_shards > self.max_shards:
            raise wrong(f"must not be above max_shards ({self.max_shards})", "min_shards")
        if self.max_backoff < self.min_backoff:
            raise wrong("must not be below min_backoff", "max_backoff")
        return self


class MetadataConfig(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("send", "send_interval"))
    send: Bool = True
    send_interval: Milliseconds = 60_000
    max_samples_per_send: Int = 2000


class _RemoteHTTPClientConfig(HTTPClientConfig):
    """As the general one, but HTTP/2 is off unless asked for."""

    enable_http2: Bool = False


_AUTHENTICATION = ("sigv4", "azuread", "google_iam")


class RemoteWriteConfig(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("url",))
    url: Url = Url("")
    remote_timeout: Milliseconds = 30_000
    headers: dict[str, Text] = Field(default_factory=dict)
    write_relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    name: Text = ""
    send_exemplars: Bool = False
    send_native_histograms: Bool = False
    round_robin_dns: Bool = False
    protobuf_message: Annotated[str, one_of("remote write message", *MESSAGES)] = MESSAGES[0]
    failed_request_logging: Bool = False
    http_client: _RemoteHTTPClientConfig = _RemoteHTTPClientConfig()
    queue_config: QueueConfig = QueueConfig()
    metadata_config: MetadataConfig = MetadataConfig()
    sigv4: SigV4Config | None = None
    azuread: AzureADConfig | None = None
    google_iam: GoogleIAMConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> RemoteWriteConfig:
        if not self.url:
            raise wrong("the url of remote_write must be set", "url")
        check_headers(self.headers, allowed_auth="basic_auth, authorization, oauth2, sigv4, azuread or google_iam")
        ways: dict[str, Any] = {name: getattr(self, name) for name in _AUTHENTICATION}
        ways |= {name: getattr(self.http_client, name) for name in ("basic_auth", "authorization", "oauth2")}
        given = [name for name, way in ways.items() if way is not None]
        if len(given) > 1:
            raise wrong(f"at most one way of authentication may be set, found {' and '.join(given)}", given[1])
        return self


class RemoteReadConfig(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("url",))
    url: Url = Url("")
    remote_timeout: Milliseconds = 60_000
    chunked_read_limit: Unsigned = 50_000_000
    headers: dict[str, Text] = Field(default_factory=dict)
    read_recent: Bool = False
    name: Text = ""
    http_client: HTTPClientConfig = HTTPClientConfig()
    required_matchers: dict[str, Text] = Field(default_factory=dict)
    filter_external_labels: Bool = True

    @model_validator(mode="after")
    def _check(self) -> RemoteReadConfig:
        if not self.url:
            raise wrong("the url of remote_read must be set", "url")
        check_headers(self.headers, allowed_auth="basic_auth, authorization or oauth2")
        return self
