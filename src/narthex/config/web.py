"""The web configuration file (--web.config.file): TLS, basic authentication, headers of all responses, rate limit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from narthex.config.scalars import Bool, FilePath, Int, Milliseconds, Secret, Text
from narthex.config.sd.base import one_of
from narthex.config.strict import Section, load, read, wrong

CLIENT_AUTH = (
    "",
    "NoClientCert",
    "RequestClientCert",
    "RequireClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)
CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
"""IANA names and OpenSSL's; those of TLS 1.3 are always on and have none."""
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_BCRYPT = re.compile(r"\$2[abxy]?\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}\Z")
_HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}


class TLSServerConfig(Section):
    cert: Text = ""
    key: Secret = Secret("")
    client_ca: Text = ""
    cert_file: FilePath = ""
    key_file: FilePath = ""
    client_auth_type: Annotated[str, one_of("client_auth_type", *CLIENT_AUTH)] = ""
    client_ca_file: FilePath = ""
    cipher_suites: list[Annotated[str, one_of("cipher suite", *CIPHERS)]] = Field(default_factory=list)
    curve_preferences: list[Annotated[str, one_of("curve", *CURVES)]] = Field(default_factory=list)
    min_version: Annotated[str, one_of("TLS version", *_VERSIONS)] = "TLS12"
    max_version: Annotated[str, one_of("TLS version", *_VERSIONS)] = "TLS13"
    prefer_server_cipher_suites: Bool = True
    client_allowed_sans: list[Text] = Field(default_factory=list)

    @property
    def enabled(self) -> bool:
        """Whether the listener speaks TLS."""
        return bool(
            self.cert or self.cert_file or self.key or self.key_file
            or self.client_ca or self.client_ca_file or self.client_auth_type
        )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> TLSServerConfig:
        if not self.enabled:
            if self.model_fields_set & {"cert", "cert_file", "key", "key_file"}:
                raise wrong("cert_file and key_file must not be empty: set both, or leave both out for no TLS")
            return self
        if not self.cert and not self.cert_file:
            raise wrong("one of cert and cert_file must be set", "cert_file")
        if not self.key and not self.key_file:
            raise wrong("one of key and key_file must be set", "key_file")
        if (self.client_ca or self.client_ca_file) and self.client_auth_type in ("", "NoClientCert"):
            key = "client_ca_file" if self.client_ca_file else "client_ca"
            raise wrong("client CAs need a client_auth_type that asks for certificates", key)
        if self.min_version > self.max_version:
            raise wrong("min_version is above max_version", "min_version")
        return self


class HTTPServerConfig(Section):
    http2: Bool = True
    headers: dict[str, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> HTTPServerConfig:
        for name, value in self.headers.items():
            if name not in _HEADERS:
                raise wrong(f"this header cannot be set: use one of {', '.join(_HEADERS)}", "headers", name)
            if _HEADERS[name] and value not in _HEADERS[name]:
                raise wrong(f'expected one of {", ".join(_HEADERS[name])}, got "{value}"', "headers", name)
        return self


class RateLimitConfig(Section):
    """A request may pass when a token is there: `burst` at most, one more each `interval` (milliseconds; 0 is off)."""

    interval: Milliseconds = 0
    burst: Int = 0


class WebConfig(Section):
    tls_server_config: TLSServerConfig = TLSServerConfig()
    http_server_config: HTTPServerConfig = HTTPServerConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    basic_auth_users: dict[str, Secret] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> WebConfig:
        for user, password in self.basic_auth_users.items():
            if not _BCRYPT.match(password.reveal()):
                message = "the password must be a bcrypt hash (made for example with htpasswd -nBC 10 '')"
                raise wrong(message, "basic_auth_users", user)
        return self


def load_web_config(path: Path) -> WebConfig:
    """Raises ConfigError with every mistake found."""
    return load(WebConfig, read(path), str(path), {"directory": str(path.parent)})
