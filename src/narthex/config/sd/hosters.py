"""Hosting companies and data-centre managers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from narthex.config.http_client import HTTPClientConfig, TLSConfig, at_most_one
from narthex.config.scalars import FilePath, Int, Milliseconds, Secret, Text, Url
from narthex.config.sd.base import SDConfig, one_of
from narthex.config.sd.plain import check_url
from narthex.config.strict import wrong


def _one_secret(config: ScalewaySDConfig | OutscaleSDConfig) -> None:
    at_most_one(config, "secret_key", "secret_key_file")
    if not config.secret_key and not config.secret_key_file:
        raise wrong("one of secret_key and secret_key_file must be set", "secret_key")


class DigitalOceanSDConfig(SDConfig):
    mechanism: ClassVar[str] = "digitalocean"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("refresh_interval", "port", "role"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    role: Annotated[str, one_of("role", "droplets", "databases")] = "droplets"


class HetznerSDConfig(SDConfig):
    mechanism: ClassVar[str] = "hetzner"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("refresh_interval", "port", "role"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    role: Annotated[str, one_of("role", "robot", "hcloud")] = ""
    label_selector: Text = ""

    @model_validator(mode="after")
    def _check(self) -> HetznerSDConfig:
        self.required("role")
        return self


class LinodeSDConfig(SDConfig):
    mechanism: ClassVar[str] = "linode"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("refresh_interval", "port"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    tag_separator: Text = ","
    region: Text = ""


class VultrSDConfig(SDConfig):
    mechanism: ClassVar[str] = "vultr"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("refresh_interval", "port"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80


class IonosSDConfig(SDConfig):
    mechanism: ClassVar[str] = "ionos"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("datacenter_id", "refresh_interval", "port"))
    datacenter_id: Text = ""
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80

    @model_validator(mode="after")
    def _check(self) -> IonosSDConfig:
        self.required("datacenter_id")
        return self


class ScalewaySDConfig(SDConfig):
    mechanism: ClassVar[str] = "scaleway"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(
        ("project_id", "zone", "access_key", "secret_key", "secret_key_file", "refresh_interval", "port", "role")
    )
    project_id: Text = ""
    api_url: Text = "https://api.scaleway.com"
    zone: Text = "fr-par-1"
    access_key: Text = ""
    secret_key: Secret = Secret("")
    secret_key_file: FilePath = ""
    name_filter: Text = ""
    tags_filter: list[Text] = Field(default_factory=list)
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    role: Annotated[str, one_of("role", "instance", "baremetal")] = ""

    @model_validator(mode="after")
    def _check(self) -> ScalewaySDConfig:
        self.required("role", "project_id", "access_key")
        _one_secret(self)
        return self


class OVHCloudSDConfig(SDConfig):
    mechanism: ClassVar[str] = "ovhcloud"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(
        ("endpoint", "application_key", "application_secret", "consumer_key", "refresh_interval", "service")
    )
    endpoint: Text = "ovh-eu"
    application_key: Text = ""
    application_secret: Secret = Secret("")
    consumer_key: Secret = Secret("")
    refresh_interval: Milliseconds = 60_000
    service: Annotated[str, one_of("service", "vps", "dedicated_server")] = ""

    @model_validator(mode="after")
    def _check(self) -> OVHCloudSDConfig:
        self.required("endpoint", "application_key", "application_secret", "consumer_key", "service")
        return self


class OutscaleSDConfig(SDConfig):
    mechanism: ClassVar[str] = "outscale"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("region", "access_key", "secret_key", "secret_key_file", "port"))
    endpoint: Text = ""
    region: Text = "eu-west-2"
    access_key: Text = ""
    secret_key: Secret = Secret("")
    secret_key_file: FilePath = ""
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    http_client: HTTPClientConfig = HTTPClientConfig()

    @model_validator(mode="after")
    def _check(self) -> OutscaleSDConfig:
        self.required("region", "access_key")
        _one_secret(self)
        return self


class StackitSDConfig(SDConfig):
    mechanism: ClassVar[str] = "stackit"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("project",))
    http_client: HTTPClientConfig = HTTPClientConfig()
    project: Text = ""
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    region: Text = "eu01"
    endpoint: Url = Url("")
    service_account_key: Secret = Secret("")
    private_key: Secret = Secret("")
    service_account_key_path: FilePath = ""
    private_key_path: FilePath = ""
    credentials_file_path: FilePath = ""

    @model_validator(mode="after")
    def _check(self) -> StackitSDConfig:
        if not self.endpoint and not self.region:
            raise wrong("one of endpoint and region must be set")
        if self.endpoint:
            check_url(self.endpoint, "endpoint")
        return self


class UyuniSDConfig(SDConfig):
    mechanism: ClassVar[str] = "uyuni"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("server", "username", "password"))
    server: Url = Url("")
    username: Text = ""
    password: Secret = Secret("")
    http_client: HTTPClientConfig = HTTPClientConfig()
    entitlement: Text = "monitoring_entitled"
    separator: Text = ","
    refresh_interval: Milliseconds = 60_000

    @model_validator(mode="after")
    def _check(self) -> UyuniSDConfig:
        self.required("server", "username", "password")
        return self


class TritonSDConfig(SDConfig):
    mechanism: ClassVar[str] = "triton"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("account", "role", "dns_suffix", "endpoint", "port", "version"))
    account: Text = ""
    role: Annotated[str, one_of("role", "container", "cn")] = "container"
    dns_suffix: Text = ""
    endpoint: Text = ""
    groups: list[Text] = Field(default_factory=list)
    port: Int = 9163
    refresh_interval: Milliseconds = 60_000
    tls_config: TLSConfig = TLSConfig()
    version: Int = 1

    @model_validator(mode="after")
    def _check(self) -> TritonSDConfig:
        self.required("account", "dns_suffix", "endpoint", "refresh_interval")
        return self
