"""Schedulers, registries and orchestrators."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from narthex.config.http_client import HTTPClientConfig, at_most_one
from narthex.config.scalars import Bool, FilePath, Int, Milliseconds, Secret, Text, Url
from narthex.config.sd.base import Filter, SDConfig, one_of
from narthex.config.sd.plain import check_url
from narthex.config.strict import Section, wrong


class ConsulSDConfig(SDConfig):
    mechanism: ClassVar[str] = "consul"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("allow_stale",))
    server: Text = "localhost:8500"
    path_prefix: Text = ""
    token: Secret = Secret("")
    datacenter: Text = ""
    namespace: Text = ""
    partition: Text = ""
    tag_separator: Text = ","
    scheme: Text = "http"
    username: Text = ""
    password: Secret = Secret("")
    allow_stale: Bool = True
    refresh_interval: Milliseconds = 30_000
    services: list[Text] = Field(default_factory=list)
    tags: list[Text] = Field(default_factory=list)
    node_meta: dict[str, Text] = Field(default_factory=dict)
    filter: Text = ""
    health_filter: Text = ""
    http_client: HTTPClientConfig = HTTPClientConfig()

    @model_validator(mode="after")
    def _check(self) -> ConsulSDConfig:
        if not self.server.strip():
            raise wrong("consul discovery needs a server", "server")
        client = self.http_client
        if (self.username or self.password) and client.basic_auth:
            raise wrong("username and password cannot be set together with basic_auth", "username")
        if self.token and (client.authorization or client.oauth2):
            raise wrong("at most one of token, authorization and oauth2 may be set", "token")
        return self


_ROLES = ("node", "pod", "service", "endpoints", "endpointslice", "ingress")
_SELECTORS = {
    "pod": ("pod", "node"),
    "service": ("service",),
    "endpointslice": ("pod", "service", "endpointslice"),
    "endpoints": ("pod", "service", "endpoints"),
    "node": ("node",),
    "ingress": ("ingress",),
}
_FIELD_TERM = re.compile(r"[^=!,]+(=|==|!=)[^=!,]*\Z")
_LABEL_TERM = re.compile(r"!?[\w./-]+\s*((=|==|!=|>|<)\s*[\w.-]*|\s(in|notin)\s*\([^()]*\))?\Z")


class KubernetesSelector(Section):
    role: Annotated[str, one_of("role", *_ROLES)] = ""
    label: Text = ""
    field: Text = ""

    @model_validator(mode="after")
    def _check(self) -> KubernetesSelector:
        for term in filter(None, self.field.split(",")):
            if not _FIELD_TERM.match(term.strip()):
                raise wrong(f'"{term}" is not a field selector: write name=value or name!=value', "field")
        for term in filter(None, re.split(r",(?![^(]*\))", self.label)):
            if not _LABEL_TERM.match(term.strip()):
                raise wrong(f'"{term}" is not a label selector', "label")
        return self


class KubernetesNamespaces(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("own_namespace", "names"))
    own_namespace: Bool = False
    names: list[Text] = Field(default_factory=list)


class KubernetesMetadata(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("node", "namespace", "deployment", "job", "cronjob"))
    node: Bool = False
    namespace: Bool = False
    deployment: Bool = False
    job: Bool = False
    cronjob: Bool = False


class KubernetesSDConfig(SDConfig):
    mechanism: ClassVar[str] = "kubernetes"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("role", "kubeconfig_file"))
    api_server: Url = Url("")
    role: Annotated[str, one_of("role", *_ROLES)] = ""
    kubeconfig_file: FilePath = ""
    http_client: HTTPClientConfig = HTTPClientConfig()
    namespaces: KubernetesNamespaces = KubernetesNamespaces()
    selectors: list[KubernetesSelector] = Field(default_factory=list)
    attach_metadata: KubernetesMetadata = KubernetesMetadata()

    @model_validator(mode="after")
    def _check(self) -> KubernetesSDConfig:
        if not self.role:
            raise wrong(f"role is missing: use one of {', '.join(_ROLES)}", "role")
        custom = self.http_client != HTTPClientConfig()
        if self.kubeconfig_file and self.api_server:
            raise wrong("kubeconfig_file and api_server cannot be set together", "kubeconfig_file")
        if self.kubeconfig_file and custom:
            raise wrong("kubeconfig_file takes no HTTP client settings beside it", "kubeconfig_file")
        if custom and not self.api_server:
            raise wrong("HTTP client settings need api_server beside them")
        for key in ("api_server", "kubeconfig_file"):
            if self.namespaces.own_namespace and getattr(self, key):
                raise wrong(f"{key} and namespaces.own_namespace cannot be set together", "namespaces")
        allowed = _SELECTORS[self.role]
        seen: set[str] = set()
        for i, selector in enumerate(self.selectors):
            if selector.role in seen:
                raise wrong(f'a second selector has role "{selector.role}"', "selectors", i, "role")
            seen.add(selector.role)
            if selector.role not in allowed:
                raise wrong(f"role {self.role} takes only {', '.join(allowed)} selectors", "selectors", i, "role")
        return self


def _check_docker_host(config: DockerSDConfig | DockerSwarmSDConfig) -> None:
    config.required("host")
    Url(config.host)


class DockerSDConfig(SDConfig):
    mechanism: ClassVar[str] = "docker"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(
        ("host", "port", "filters", "host_networking_host", "refresh_interval", "match_first_network")
    )
    http_client: HTTPClientConfig = HTTPClientConfig()
    host: Text = ""
    port: Int = 80
    filters: list[Filter] = Field(default_factory=list)
    host_networking_host: Text = "localhost"
    refresh_interval: Milliseconds = 60_000
    match_first_network: Bool = True

    @model_validator(mode="after")
    def _check(self) -> DockerSDConfig:
        _check_docker_host(self)
        return self


class DockerSwarmSDConfig(SDConfig):
    mechanism: ClassVar[str] = "dockerswarm"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("host", "role", "port", "filters", "refresh_interval"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    host: Text = ""
    role: Annotated[str, one_of("role", "services", "tasks", "nodes")] = ""
    port: Int = 80
    filters: list[Filter] = Field(default_factory=list)
    refresh_interval: Milliseconds = 60_000

    @model_validator(mode="after")
    def _check(self) -> DockerSwarmSDConfig:
        _check_docker_host(self)
        self.required("role")
        return self


class NomadSDConfig(SDConfig):
    mechanism: ClassVar[str] = "nomad"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("allow_stale", "namespace", "refresh_interval", "region", "server"))
    allow_stale: Bool = True
    http_client: HTTPClientConfig = HTTPClientConfig()
    namespace: Text = "default"
    refresh_interval: Milliseconds = 60_000
    region: Text = "global"
    server: Text = "http://localhost:4646"
    tag_separator: Text = ","

    @model_validator(mode="after")
    def _check(self) -> NomadSDConfig:
        self.required("server")
        return self


class MarathonSDConfig(SDConfig):
    mechanism: ClassVar[str] = "marathon"
    servers: list[Text] = Field(default_factory=list)
    refresh_interval: Milliseconds = 30_000
    auth_token: Secret = Secret("")
    auth_token_file: FilePath = ""
    http_client: HTTPClientConfig = HTTPClientConfig()

    @model_validator(mode="after")
    def _check(self) -> MarathonSDConfig:
        self.required("servers")
        at_most_one(self, "auth_token", "auth_token_file")
        client = self.http_client
        if (self.auth_token or self.auth_token_file) and (client.basic_auth or client.authorization):
            raise wrong("at most one of auth_token, auth_token_file, basic_auth and authorization may be set")
        return self


class EurekaSDConfig(SDConfig):
    mechanism: ClassVar[str] = "eureka"
    server: Url = Url("")
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 30_000

    @model_validator(mode="after")
    def _check(self) -> EurekaSDConfig:
        check_url(self.server, "server")
        return self


class KumaSDConfig(SDConfig):
    mechanism: ClassVar[str] = "kuma"
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 15_000
    fetch_timeout: Milliseconds = 120_000
    server: Url = Url("")
    client_id: Text = ""

    @model_validator(mode="after")
    def _check(self) -> KumaSDConfig:
        check_url(self.server, "server")
        return self


class PuppetDBSDConfig(SDConfig):
    mechanism: ClassVar[str] = "puppetdb"
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("url", "query", "include_parameters", "port"))
    http_client: HTTPClientConfig = HTTPClientConfig()
    refresh_interval: Milliseconds = 60_000
    url: Url = Url("")
    query: Text = ""
    include_parameters: Bool = False
    port: Int = 80

    @model_validator(mode="after")
    def _check(self) -> PuppetDBSDConfig:
        check_url(self.url, "url")
        self.required("query")
        return self


class _ZookeeperSDConfig(SDConfig):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("servers", "paths"))
    servers: list[Text] = Field(default_factory=list)
    paths: list[Text] = Field(default_factory=list)
    timeout: Milliseconds = 10_000

    @model_validator(mode="after")
    def _check(self) -> _ZookeeperSDConfig:
        self.required("servers", "paths")
        for i, path in enumerate(self.paths):
            if not path.startswith("/"):
                raise wrong(f'"{path}" must begin with /', "paths", i)
        return self


class NerveSDConfig(_ZookeeperSDConfig):
    mechanism: ClassVar[str] = "nerve"


class ServersetSDConfig(_ZookeeperSDConfig):
    mechanism: ClassVar[str] = "serverset"
