"""The large clouds: AWS and its services, Azure, Google, Oracle, OpenStack."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from narthex.config.http_client import HTTPClientConfig, TLSConfig, at_most_one
from narthex.config.scalars import Bool, FilePath, Int, Milliseconds, Secret, Text
from narthex.config.sd.base import Filter, SDConfig, one_of
from narthex.config.strict import wrong


def _check_filters(filters: list[Filter]) -> None:
    for i, item in enumerate(filters):
        if not item.values:
            raise wrong("the values of a filter cannot be empty", "filters", i, "values")


class AWSSDConfig(SDConfig):
    """All AWS services under one key, chosen by role."""

    mechanism: ClassVar[str] = "aws"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("role",))
    role: Annotated[str, one_of("role", "ec2", "ecs", "elasticache", "lightsail", "msk", "rds")]
    region: Text = ""
    endpoint: Text = ""
    access_key: Text = ""
    secret_key: Secret = Secret("")
    profile: Text = ""
    role_arn: Text = ""
    external_id: Text = ""
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    http_client: HTTPClientConfig = HTTPClientConfig()
    filters: list[Filter] = Field(default_factory=list)
    clusters: list[Text] = Field(default_factory=list)


class AWSServiceSDConfig(SDConfig):
    """What the sections of all AWS services have."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("region", "endpoint", "port"))
    region: Text = ""
    endpoint: Text = ""
    access_key: Text = ""
    secret_key: Secret = Secret("")
    profile: Text = ""
    role_arn: Text = ""
    external_id: Text = ""
    port: Int = 80
    refresh_interval: Milliseconds = 60_000
    http_client: HTTPClientConfig = HTTPClientConfig()


class EC2SDConfig(AWSServiceSDConfig):
    mechanism: ClassVar[str] = "ec2"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("endpoint", "region", "port", "filters"))
    filters: list[Filter] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> EC2SDConfig:
        _check_filters(self.filters)
        return self


class LightsailSDConfig(AWSServiceSDConfig):
    mechanism: ClassVar[str] = "lightsail"


class _ClusterSDConfig(AWSServiceSDConfig):
    clusters: list[Text] = Field(default_factory=list)
    request_concurrency: Int = 10


class ECSSDConfig(_ClusterSDConfig):
    mechanism: ClassVar[str] = "ecs"
    request_concurrency: Int = 20


class ElasticacheSDConfig(_ClusterSDConfig):
    mechanism: ClassVar[str] = "elasticache"


class MSKSDConfig(_ClusterSDConfig):
    mechanism: ClassVar[str] = "msk"


class RDSSDConfig(_ClusterSDConfig):
    mechanism: ClassVar[str] = "rds"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("region", "endpoint", "port", "filters"))
    filters: list[Filter] = Field(default_factory=list)


class AzureSDConfig(SDConfig):
    mechanism: ClassVar[str] = "azure"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("port", "subscription_id"))
    environment: Text = "AzurePublicCloud"
    port: Int = 80
    subscription_id: Text = ""
    tenant_id: Text = ""
    client_id: Text = ""
    client_secret: Secret = Secret("")
    refresh_interval: Milliseconds = 300_000
    authentication_method: Annotated[
        str, one_of("authentication method", "OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity")
    ] = "OAuth"
    resource_group: Text = ""
    http_client: HTTPClientConfig = HTTPClientConfig()

    @model_validator(mode="after")
    def _check(self) -> AzureSDConfig:
        self.required("subscription_id")
        if self.authentication_method == "OAuth":
            self.required("tenant_id", "client_id", "client_secret")
        return self


class GCESDConfig(SDConfig):
    mechanism: ClassVar[str] = "gce"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("project", "zone", "port"))
    project: Text = ""
    zone: Text = ""
    filter: Text = ""
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    tag_separator: Text = ","

    @model_validator(mode="after")
    def _check(self) -> GCESDConfig:
        self.required("project", "zone")
        return self


class OCISDConfig(SDConfig):
    mechanism: ClassVar[str] = "oci"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("region", "port", "refresh_interval"))
    auth: Annotated[str, one_of("auth method", "api_key", "instance_principal")] = "api_key"
    tenancy: Text = ""
    user: Text = ""
    fingerprint: Text = ""
    key_file: FilePath = ""
    key_passphrase: Secret = Secret("")
    key_passphrase_file: FilePath = ""
    region: Text = ""
    compartments: list[Text] = Field(default_factory=list)
    http_client: HTTPClientConfig = HTTPClientConfig()
    port: Int = 80
    refresh_interval: Milliseconds = 60_000

    @model_validator(mode="after")
    def _check(self) -> OCISDConfig:
        self.required("region", "refresh_interval")
        if self.auth == "api_key":
            self.required("tenancy", "user", "fingerprint", "key_file")
            at_most_one(self, "key_passphrase", "key_passphrase_file")
        else:
            for key in ("tenancy", "user", "fingerprint", "key_file", "key_passphrase", "key_passphrase_file"):
                if getattr(self, key):
                    raise wrong("cannot be set with auth instance_principal", key)
        for i, compartment in enumerate(self.compartments):
            if not compartment:
                raise wrong("must not be empty", "compartments", i)
        return self


class OpenStackSDConfig(SDConfig):
    mechanism: ClassVar[str] = "openstack"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(
        (
            "identity_endpoint",
            "username",
            "userid",
            "password",
            "project_name",
            "project_id",
            "domain_name",
            "domain_id",
            "application_credential_name",
            "application_credential_id",
            "application_credential_secret",
            "role",
            "region",
            "refresh_interval",
            "port",
        )
    )
    identity_endpoint: Text = ""
    username: Text = ""
    userid: Text = ""
    password: Secret = Secret("")
    project_name: Text = ""
    project_id: Text = ""
    domain_name: Text = ""
    domain_id: Text = ""
    application_credential_name: Text = ""
    application_credential_id: Text = ""
    application_credential_secret: Secret = Secret("")
    role: Annotated[str, one_of("role", "hypervisor", "instance", "loadbalancer")] = ""
    region: Text = ""
    refresh_interval: Milliseconds = 60_000
    port: Int = 80
    all_tenants: Bool = False
    tls_config: TLSConfig = TLSConfig()
    availability: Annotated[str, one_of("availability", "admin", "internal", "public")] = "public"

    @model_validator(mode="after")
    def _check(self) -> OpenStackSDConfig:
        self.required("role", "region")
        return self
