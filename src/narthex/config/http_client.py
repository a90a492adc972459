"""How to speak HTTP to someone: authentication, TLS, proxies, headers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from narthex.config.later import Later
from narthex.config.scalars import Bool, FilePath, Free, Scalar, Secret, Text, Url
from narthex.config.strict import Section, wrong

TLSVersion = Literal["", "TLS10", "TLS11", "TLS12", "TLS13"]
GRANT_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
RESERVED_HEADERS = frozenset(
    (
        "authorization",
        "host",
        "content-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "accept-encoding",
        "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version",
        "x-prometheus-scrape-timeout-seconds",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    )
)


def at_most_one(section: Section, *names: str) -> None:
    """Raises when several of these fields are set."""
    given = [name for name in names if getattr(section, name)]
    if len(given) > 1:
        raise wrong(f"at most one of {', '.join(names)} may be set, found {' and '.join(given)}", given[1])


class TLSConfig(Section):
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("insecure_skip_verify",))
    ca: Text = ""
    cert: Text = ""
    key: Secret = Secret("")
    ca_file: FilePath = ""
    cert_file: FilePath = ""
    key_file: FilePath = ""
    ca_ref: Text = ""
    cert_ref: Text = ""
    key_ref: Text = ""
    server_name: Text = ""
    insecure_skip_verify: Bool = False
    min_version: Annotated[TLSVersion, BeforeValidator(lambda v: str(v) if isinstance(v, str) else v)] = ""
    max_version: Annotated[TLSVersion, BeforeValidator(lambda v: str(v) if isinstance(v, str) else v)] = ""

    @model_validator(mode="after")
    def _check(self) -> TLSConfig:
        at_most_one(self, "ca", "ca_file", "ca_ref")
        at_most_one(self, "cert", "cert_file", "cert_ref")
        at_most_one(self, "key", "key_file", "key_ref")
        cert = bool(self.cert or self.cert_file or self.cert_ref)
        key = bool(self.key or self.key_file or self.key_ref)
        if cert != key:
            have, lack = ("a certificate", "key") if cert else ("a key", "certificate")
            raise wrong(f"{have} is set without its {lack}: set cert or cert_file together with key or key_file")
        if self.min_version and self.max_version and self.min_version > self.max_version:
            raise wrong("min_version is above max_version", "min_version")
        return self


class BasicAuth(Section):
    username: Text = ""
    username_file: FilePath = ""
    username_ref: Text = ""
    password: Secret = Secret("")
    password_file: FilePath = ""
    password_ref: Text = ""

    @model_validator(mode="after")
    def _check(self) -> BasicAuth:
        at_most_one(self, "username", "username_file", "username_ref")
        at_most_one(self, "password", "password_file", "password_ref")
        return self


class Authorization(Section):
    type: Text = "Bearer"
    credentials: Secret = Secret("")
    credentials_file: FilePath = ""
    credentials_ref: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _default_type(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            return {**value, "type": value["type"].strip() or "Bearer"}
        return value

    @model_validator(mode="after")
    def _check(self) -> Authorization:
        at_most_one(self, "credentials", "credentials_file", "credentials_ref")
        if self.type.lower() == "basic":
            raise wrong('the type cannot be "basic": use basic_auth instead', "type")
        return self


class ProxyConfig(Section):
    proxy_url: Url = Url("")
    no_proxy: Text = ""
    proxy_from_environment: Bool = False
    proxy_connect_header: dict[str, list[Secret]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_proxy(self) -> ProxyConfig:
        if self.proxy_connect_header and not (self.proxy_url or self.proxy_from_environment):
            raise wrong("needs proxy_url or proxy_from_environment beside it", "proxy_connect_header")
        if self.proxy_from_environment and self.proxy_url:
            raise wrong("proxy_url cannot be set together with proxy_from_environment", "proxy_url")
        if self.proxy_from_environment and self.no_proxy:
            raise wrong("no_proxy cannot be set together with proxy_from_environment", "no_proxy")
        if self.no_proxy and not self.proxy_url:
            raise wrong("no_proxy needs proxy_url beside it", "no_proxy")
        return self


class OAuth2(Section):
    client_id: Text = ""
    client_secret: Secret = Secret("")
    client_secret_file: FilePath = ""
    client_secret_ref: Text = ""
    client_certificate_key_id: Text = ""
    client_certificate_key: Secret = Secret("")
    client_certificate_key_file: FilePath = ""
    client_certificate_key_ref: Text = ""
    grant_type: Text = ""
    signature_algorithm: Text = ""
    iss: Text = ""
    audience: Text = ""
    claims: dict[str, Free] = Field(default_factory=dict)
    scopes: list[Text] = Field(default_factory=list)
    token_url: Text = ""
    endpoint_params: dict[str, Text] = Field(default_factory=dict)
    tls_config: TLSConfig = TLSConfig()
    proxy_settings: ProxyConfig = ProxyConfig()

    @model_validator(mode="after")
    def _check(self) -> OAuth2:
        if not self.client_id:
            raise wrong("client_id must be set", "client_id")
        if not self.token_url:
            raise wrong("token_url must be set", "token_url")
        if self.grant_type == GRANT_JWT:
            at_most_one(self, "client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref")
            if self.signature_algorithm not in ("", "RS256", "RS384", "RS512"):
                raise wrong("must be RS256, RS384 or RS512", "signature_algorithm")
        else:
            at_most_one(self, "client_secret", "client_secret_file", "client_secret_ref")
        return self


class Header(Section):
    values: list[Text] = Field(default_factory=list)
    secrets: list[Secret] = Field(default_factory=list)
    files: list[FilePath] = Field(default_factory=list)


class HTTPClientConfig(Section):
    """The HTTP client section. `authorization` also holds what the older bearer_token fields said."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("follow_redirects", "enable_http2"))

    basic_auth: Annotated[BasicAuth, Later()] | None = None
    authorization: Annotated[Authorization, Later()] | None = None
    oauth2: Annotated[OAuth2, Later()] | None = None
    bearer_token: Secret = Secret("")
    bearer_token_file: FilePath = ""
    tls_config: TLSConfig = TLSConfig()
    follow_redirects: Bool = True
    enable_http2: Bool = True
    proxy_settings: ProxyConfig = ProxyConfig()
    http_headers: dict[str, Annotated[Header, Later()]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _bearer(cls, value: Any) -> Any:
        """bearer_token and bearer_token_file are other spellings of authorization."""
        if not isinstance(value, dict):
            return value
        given = [name for name in ("bearer_token", "bearer_token_file") if value.get(name)]
        others = [name for name in ("basic_auth", "authorization", "oauth2") if _present(value.get(name))]
        if len(given) > 1:
            raise wrong("at most one of bearer_token and bearer_token_file may be set", given[1])
        if given and others:
            raise wrong(f"{given[0]} cannot be set together with {others[0]}", given[0])
        if given:
            out = {k: v for k, v in value.items() if k not in given}
            credential = "credentials" if given[0] == "bearer_token" else "credentials_file"
            return {**out, "authorization": {credential: value[given[0]]}}
        return value

    @model_validator(mode="after")
    def _check(self) -> HTTPClientConfig:
        at_most_one(self, "basic_auth", "authorization", "oauth2")
        for name in self.http_headers:
            if name.lower() in RESERVED_HEADERS:
                raise wrong(f'header "{name}" is set by the client itself and cannot be changed', "http_headers", name)
        return self


def _present(value: Any) -> bool:
    return value is not None and not (isinstance(value, Scalar) and value.tag == "null")


def check_headers(headers: dict[str, str], *, allowed_auth: str = "") -> None:
    """Refuses headers that the client sets itself. `allowed_auth` names the keys that set Authorization instead."""
    for name in headers:
        if name.lower() == "authorization" and allowed_auth:
            raise wrong(f"set {allowed_auth} instead of an authorization header", "headers", name)
        if name.lower() in RESERVED_HEADERS:
            raise wrong(f'header "{name}" is set by the client itself and cannot be changed', "headers", name)
